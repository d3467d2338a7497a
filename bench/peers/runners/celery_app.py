"""The workloads as Celery tasks, and how the workers keep what they are given."""

from __future__ import annotations

import os

from celery import Celery

from bench.peers.runners.shapes import FIB_OF, fib

url = os.environ["PEERS_REDIS_URL"]
app = Celery("peers", broker=url, backend=url)
app.conf.update(
    # As safe as the others: a task is forgotten when it has ended, not when it has begun.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    task_default_delivery_mode="persistent",
    broker_connection_retry_on_startup=True,
    result_chord_join_timeout=300,
)


@app.task(name="add_one")
def add_one(previous: int) -> int:
    return previous + 1


@app.task(name="windmill_step")
def windmill_step() -> int:
    return fib(FIB_OF)


@app.task(name="total")
def total(found: list[int]) -> int:
    return sum(found)
