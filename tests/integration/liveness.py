"""What the tests of the life and death of workers share: a lease of two seconds, and what the log
says of who ran what."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from integration.own_worker import OwnWorker
from integration.running_stack import RunningStack, bash_dag, eventually
from integration.verify import Log
from millstream.client import Client, RunRef

LEASE_S = 2.0

NewWorker = Callable[..., OwnWorker]


def events(log: Log, run: RunRef, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Actor and data of the events of a type in a run."""
    rows = log.of_run(run.run_id)
    return [(row["actor"], json.loads(row["data"])) for row in rows if row["type"] == kind]


def workers_of(log: Log, run: RunRef, kind: str = "TaskStarted") -> list[str]:
    return [data["worker"] for _, data in events(log, run, kind)]


@contextmanager
def standing_still(stack: RunningStack, name: str) -> Iterator[None]:
    victim = stack.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        victim.send(signal.SIGCONT)


def pass_time(seconds: float) -> None:
    """Time itself is what is waited for."""
    until = time.monotonic() + seconds
    eventually("time passes", lambda: time.monotonic() >= until, seconds + 5)


def begin(client: Client, dag_id: str, *tasks: Any) -> RunRef:
    client.submit_spec(bash_dag(dag_id, *tasks))
    return client.trigger(dag_id)
