"""What a deferred task waits for: asyncio code that a worker runs in one loop with many others."""
