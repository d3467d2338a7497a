"""The whole system in one thread: production code over simulated servers, from one seed."""
