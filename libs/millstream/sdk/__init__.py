"""The authoring side: DAG files become specs and bundles here, and one attempt of a task is run
here.

Nothing in this package knows of NATS, Postgres or gRPC.
"""
