"""NATS and Postgres from wheels, and the processes of one machine under one supervisor.

Nothing here is imported by a service: a service sees only ``MILLSTREAM_*`` variables.
"""
