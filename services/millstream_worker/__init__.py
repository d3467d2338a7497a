"""Runs attempts in child processes. Knows NATS and the blob store, never Postgres."""
