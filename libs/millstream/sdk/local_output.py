"""What ``dag.test()`` prints between the lines that the tasks print themselves."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from millstream.core.event_parts import Where
from millstream.core.events import Event, RunCreated, RunFailed, RunQuarantined, RunSucceeded
from millstream.core.spec import DagSpec
from millstream.core.task_events import (
    TaskDeferred,
    TaskFailed,
    TaskMarked,
    TaskRescheduled,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    TaskUpstreamFailed,
)
from millstream.sdk.codecs import readable
from millstream.sdk.xcom import XCOM_RETURN_KEY

SHOWN_VALUE = 120
LOG_FORMAT = "%(levelname)s %(name)s: %(message)s"


class Output:
    """Prints one line for each step of a run, and the traceback of a failure."""

    def __init__(self, spec: DagSpec) -> None:
        self._dag_id = spec.dag_id
        self._tries = {task.task_id: task.retries + 1 for task in spec.tasks}

    def show(self, event: Event) -> None:
        """What the event means for a person who watches."""
        name = _name(event.where) or self._dag_id
        called = getattr(event.data, "map_name", "")
        name += f" ({called})" if called else ""
        match event.data:
            case RunCreated() as created:
                date = created.logical_date
                _say(name, f"run {event.where.run_id}, logical date {date and date.isoformat()}")
            case TaskStarted():
                tries = self._tries.get(event.where.task_id, 1)
                if tries > 1:
                    _say(name, f"started, attempt {event.where.attempt} of {tries}")
                else:
                    _say(name, "started")
            case TaskSucceeded() as ended:
                took = _duration(ended.started_at, ended.ended_at) if event.where.attempt else ""
                _say(name, f"success{took}{_returned(ended)}")
            case TaskSkipped(reason=reason):
                _say(name, f"skipped: {reason}" if reason else "skipped")
            case TaskUpstreamFailed(reason=reason):
                _say(name, f"upstream_failed: {reason}")
            case TaskRescheduled(until=until, ended_at=ended_at):
                _say(name, f"up_for_reschedule, in {(until - ended_at).total_seconds():.0f} s")
            case TaskDeferred(trigger=trigger, wake_at=wake_at):
                what = trigger.classpath if trigger is not None else f"{wake_at}"
                _say(name, f"deferred, until {what.lstrip(':')}")
            case TaskResumed(cause=cause):
                _say(name, f"goes on: {cause}")
            case TaskFailed() as failed:
                _show_failure(name, failed)
            case RunSucceeded():
                _say(name, "success")
            case TaskMarked(state=state, note=note):
                _say(name, f"{state}: {note}")
            case RunFailed(failed_leaves=leaves, reason=reason):
                _say(name, f"failed: {reason or ', '.join(leaves) + ' did not succeed'}")
            case RunQuarantined(error=error):
                _say(name, f"failed, through a fault of Millstream: {error}")
            case _:
                pass

    def say(self, where: Where, text: str) -> None:
        """A line about a task."""
        _say(_name(where), text)


def _show_failure(name: str, failed: TaskFailed) -> None:
    took = _duration(failed.started_at, failed.ended_at)
    _say(name, f"failed{took}: {failed.error_type}: {failed.message}")
    if failed.traceback:
        print(failed.traceback.rstrip("\n"), flush=True)
    if failed.retry_at is not None:
        delay_s = (failed.retry_at - failed.ended_at).total_seconds()
        _say(name, f"up_for_retry; the delay of {delay_s:.0f} s is not waited for here")


def _name(where: Where) -> str:
    index = "".join(f"[{number}]" for number in where.map_index)
    return f"{where.task_id}{index}"


def _say(name: str, text: str) -> None:
    print(f"--- {name}: {text}", flush=True)


def _duration(started_at: datetime, ended_at: datetime) -> str:
    return f" in {(ended_at - started_at).total_seconds():.2f} s"


def _returned(ended: TaskSucceeded) -> str:
    xcom = ended.xcoms.get(XCOM_RETURN_KEY)
    if xcom is None:
        return ""
    if xcom.blob:
        return f", returned {xcom.codec.partition(':')[2] or 'JSON'} ({xcom.size} bytes)"
    text = bytes(xcom.value).decode()
    if xcom.codec:
        text = str(readable(xcom.codec, xcom.value))
    shown = text if len(text) <= SHOWN_VALUE else f"{text[:SHOWN_VALUE]}... ({xcom.size} bytes)"
    return f", returned {shown}"


@contextmanager
def logging_to_output() -> Iterator[None]:
    """Log lines of tasks look as they do in a worker, unless the process has chosen otherwise."""
    root = logging.getLogger()
    if root.handlers:
        yield
        return
    handler, level = logging.StreamHandler(sys.stdout), root.level
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
