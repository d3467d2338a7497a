"""The outside world: NATS, Postgres, blobs, settings, telemetry. Only modules here import those
libraries."""
