"""The outside world: NATS, Postgres, blobs, settings, telemetry. Only modules here import those
libraries."""

from millstream.adapters.left_out import left_out

# Tracebacks in colours take rich and pygments: 5 MB of each service, and a third of its imports.
with left_out("rich"):
    import structlog as structlog
