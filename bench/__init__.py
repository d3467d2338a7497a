"""The benchmarks: the whole system as its users meet it. Real services as separate processes,
embedded NATS and Postgres with fsync on, one client; no test doubles."""
