"""``dag.test()``: one run in this process, without a server.

The decisions are those of the same core as on a server, and each attempt runs as it does in a
worker; only the waiting is left out, since the instant of a retry is taken as come.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import os
import traceback
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from millstream.core.asset_events import AssetEventRecord, AssetEventsQuestion
from millstream.core.callbacks import is_callback
from millstream.core.commands import (
    AnyCommand,
    CreateScheduledRun,
    MissDeadline,
    RetryAttempt,
    SetPool,
    SubmitDag,
    TimeOutWait,
    TimerCommand,
    TriggerRun,
    WakeTask,
)
from millstream.core.errors import InvalidDag, MillstreamError
from millstream.core.event_parts import Where, XCom
from millstream.core.events import AssetUpdated, Event, RunFailed, RunQuarantined, RunSucceeded
from millstream.core.handle import handle_whole
from millstream.core.mapping import length_of_json, why_not_mappable
from millstream.core.reports import FireTrigger, Report, StartAttempt
from millstream.core.spec import DagSpec
from millstream.core.state import State
from millstream.core.statuses import RunStatus, next_status
from millstream.core.task_events import (
    TaskAwaitsInput,
    TaskReady,
    TaskResumed,
    TaskStopped,
    TriggerReady,
)
from millstream.core.timers import timer_after
from millstream.core.validate import MAX_MAP_LENGTH, check_dag, map_length_problems
from millstream.core.xcoms import FoundXCom, XComAnswer, XComPull
from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.codecs import Part, decode, in_memory
from millstream.sdk.codecs.scope import scope_of
from millstream.sdk.deferral import dag_module
from millstream.sdk.errors import AirflowException, AirflowTaskTimeout
from millstream.sdk.execution import run_attempt
from millstream.sdk.local_output import Output, logging_to_output
from millstream.sdk.local_waits import ALONE, LocalWaits, about_input
from millstream.sdk.params import resolve_params
from millstream.sdk.removed_keys import RemovedInAirflow3Warning
from millstream.sdk.time_limit import time_limit
from millstream.sdk.xcom import XCOM_RETURN_KEY

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG

NAMESPACE = "default"
_ACTOR = "dag.test"


@dataclass(frozen=True)
class LocalRun:
    """How a run of ``dag.test()`` ended. ``state`` is ``success`` or ``failed``; ``task_states``
    holds the state of each task by its id, that of a mapped task as its instances together have
    it; ``instance_states`` holds the instances of each task by their map indices."""

    dag_id: str
    run_id: str
    state: str
    instance_states: dict[str, dict[tuple[int, ...], str]]
    xcoms: dict[str, dict[tuple[int, ...], dict[str, XCom]]]
    blobs: dict[str, bytes]
    dag_file: str

    @property
    def task_states(self) -> dict[str, str]:
        return {name: _together(states) for name, states in self.instance_states.items()}

    def xcom(
        self,
        task_id: str,
        key: str = XCOM_RETURN_KEY,
        default: Any = None,
        *,
        map_index: int | tuple[int, ...] = (),
    ) -> Any:
        """What the task, or the instance with that ``map_index`` (a tuple where maps are nested),
        handed on under ``key``, or ``default``. Raises :class:`AirflowException` for a task that
        the run does not have."""
        if task_id not in self.task_states:
            known = ", ".join(map(repr, self.task_states))
            raise AirflowException(
                f"task_id {task_id!r} is no task of DAG {self.dag_id!r}; it has {known or 'none'}"
            )
        path = (map_index,) if isinstance(map_index, int) else map_index
        found = self.xcoms.get(task_id, {}).get(path, {}).get(key)
        if found is None:
            return default
        with scope_of(self.dag_file, ""):
            return decode(found.codec, self.blobs[found.blob] if found.blob else found.value)


def _together(states: Mapping[tuple[int, ...], str]) -> str:
    """The state of a task whose instances have these."""
    found = set(states.values())
    for worst in ("failed", "upstream_failed", "success", "skipped"):
        if worst in found:
            return worst
    return "none"


def run_locally(
    dag: DAG, run_conf: Mapping[str, Any] | None, logical_date: datetime | None
) -> LocalRun:
    """Runs the DAG to its end; progress and logs go to the standard output."""
    spec = dag.to_spec(Path(dag.fileloc).name or "dag.py")
    check_dag(spec)
    problems = map_length_problems(spec, _max_map_length())
    if problems:
        raise InvalidDag(spec.dag_id, problems)
    conf = _plain_conf(run_conf or {})
    resolve_params(dag.params, {}, conf)
    runner = _Runner(dag, spec, conf, dag_module(dag.fileloc))
    with logging_to_output(), warnings.catch_warnings():
        warnings.simplefilter("default", RemovedInAirflow3Warning)
        try:
            return runner.run(logical_date)
        finally:
            runner.close()


def _plain_conf(conf: Mapping[str, Any]) -> dict[str, Any]:
    """As the tasks of a run that was triggered with it would see it."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(conf), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AirflowException(
            f"run_conf is {conf!r}, which is no JSON object ({error}); use str, number, list, dict"
        ) from None
    return plain


def _why_not_mappable(xcoms: Mapping[str, XCom]) -> str:
    """A sentence if the result cannot be mapped over."""
    result = xcoms.get(XCOM_RETURN_KEY)
    return why_not_mappable(-1 if result is None else result.length, _max_map_length())


def _max_map_length() -> int:
    return int(os.environ.get("MILLSTREAM_MAX_MAP_LENGTH", MAX_MAP_LENGTH))


class _Clock:
    """The real time, plus what was not waited for."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def go_on_to(self, instant: datetime) -> None:
        self._ahead += max(instant - self.now(), timedelta())


class _Runner:
    def __init__(self, dag: DAG, spec: DagSpec, conf: dict[str, Any], dag_module: str) -> None:
        self._dag = dag
        self._spec = spec
        self._conf = conf
        self._output = Output(spec)
        self._clock = _Clock()
        self._state = State()
        self._numbers = itertools.count(1)
        self._ready: deque[tuple[Where, TaskReady]] = deque()
        self._timers: list[tuple[datetime, int, TimerCommand]] = []
        self._run_id = ""
        self._asset_events: list[AssetEventRecord] = []
        self._ended: RunStatus | None = None
        self._statuses: dict[str, dict[tuple[int, ...], str]] = {
            task.task_id: {} for task in spec.tasks
        }
        self._xcoms: dict[str, dict[tuple[int, ...], dict[str, XCom]]] = {}
        self._blobs: dict[str, bytes] = {}
        self._waits = LocalWaits(dag_module)
        self._asking: deque[tuple[Where, TaskAwaitsInput]] = deque()
        self._variables: dict[str, str] = {}

    def run(self, logical_date: datetime | None) -> LocalRun:
        self._do(SubmitDag(id=self._id(), namespace=NAMESPACE, spec=self._spec, bundle="local"))
        for name in dict.fromkeys(task.pool for task in self._spec.tasks):
            # Which pools there are is known by a server alone; here nobody else wants a slot.
            self._do(SetPool(id=self._id(), namespace=NAMESPACE, name=name, slots=-1))
        self._do(
            TriggerRun(
                id=self._id(),
                namespace=NAMESPACE,
                dag_id=self._spec.dag_id,
                conf=self._conf,
                logical_date=logical_date,
                unpause=True,
            )
        )
        while self._ended is None:
            if self._ready:
                self._attempt(*self._ready.popleft())
            elif self._asking:
                self._end_asking(*self._asking.popleft())
            elif self._timers or self._waits:
                self._wait()
            else:
                raise MillstreamError(
                    f"run {self._run_id!r} has nothing to run and nothing to wait for, and has not "
                    f"ended: report this with the DAG file"
                )
        for where, ready in list(self._ready):  # callbacks outlive their run
            if is_callback(where):
                self._attempt(where, ready)
        return LocalRun(
            self._spec.dag_id,
            self._run_id,
            str(self._ended),
            self._statuses,
            self._xcoms,
            self._blobs,
            self._dag.fileloc,
        )

    def close(self) -> None:
        """End the triggers that are left."""
        self._waits.close()

    def _wait(self) -> None:
        """To the next thing that happens. Only the delay of a retry is not waited for."""
        if not self._timers:
            self._take_firings(None)
            return
        instant, _, command = self._timers[0]
        is_real = bool(self._waits) or isinstance(command, WakeTask | TimeOutWait)
        if is_real and not isinstance(command, RetryAttempt):
            left_s = (instant - self._clock.now()).total_seconds()
            if left_s > 0:
                self._take_firings(left_s)
                return
        heapq.heappop(self._timers)
        self._clock.go_on_to(instant)
        self._do(command)

    def _take_firings(self, seconds: float | None) -> None:
        for where, firing in self._waits.wait(seconds):
            self._do(
                FireTrigger(
                    id=self._id(),
                    where=where,
                    worker=_ACTOR,
                    token=f"{where.task_id}/{where.attempt}",
                    started_at=self._clock.now(),
                    cause=firing.cause,
                    payload=msgspec.Raw(firing.payload),
                    message=firing.message,
                    traceback=firing.traceback,
                )
            )

    def _end_asking(self, where: Where, asked: TaskAwaitsInput) -> None:
        self._output.say(where, about_input(asked.request))
        self._do(TimeOutWait(id=self._id(), where=where))

    def find_states(self, question: bytes) -> bytes:
        """As :class:`TaskChannel` says: here are no other DAGs."""
        raise AirflowException(ALONE)

    def _id(self) -> str:
        return f"local/{next(self._numbers)}"

    def _do(self, command: AnyCommand) -> None:
        for event in handle_whole(self._state, command, _ACTOR, self._clock.now(), 1):
            self._take(event)

    def _take(self, event: Event) -> None:
        where, data = event.where, event.data
        timer = timer_after(event)
        # The schedule would go on making runs: here is one run, and no more.
        # A deadline would be missed only because retries are not waited for.
        if timer is not None and not isinstance(timer[1], CreateScheduledRun | MissDeadline):
            heapq.heappush(self._timers, (timer[0], event.position, timer[1]))
        if where.run_id:
            self._run_id = where.run_id
        status = next_status(data)
        is_task = status is not None and not is_callback(where)
        if is_task and not getattr(data, "length", 0):  # not of all its instances
            self._statuses[where.task_id][where.map_index] = str(status)
        if isinstance(data, AssetUpdated):
            self._asset_events.append(
                AssetEventRecord(
                    position=event.position,
                    name=data.name,
                    uri=data.uri,
                    extra=data.extra,
                    aliases=data.aliases,
                    dag_id=where.dag_id,
                    run_id=where.run_id,
                    task_id=where.task_id,
                    map_index=where.map_index,
                    recorded_at=event.recorded_at,
                )
            )
        self._output.show(event)
        match data:
            case TaskReady():
                self._ready.append((where, data))
            case TaskStopped():
                self._ready = deque(one for one in self._ready if one[0] != where)
            case TriggerReady():
                self._waits.start(where, data)
            case TaskResumed():
                self._waits.forget(where)
            case TaskAwaitsInput():
                self._asking.append((where, data))
            case RunSucceeded():
                self._ended = RunStatus.SUCCESS
            case RunFailed() | RunQuarantined():
                self._ended = RunStatus.FAILED

    def _attempt(self, where: Where, ready: TaskReady) -> None:
        attempt = Attempt(
            namespace=NAMESPACE,
            dag_id=where.dag_id,
            run_id=where.run_id,
            task_id=where.task_id,
            map_index=where.map_index,
            action=ready.action,
            run=ready.run,
            attempt=where.attempt,
            tries=ready.tries,
            max_tries=ready.max_tries,
            do_xcom_push=ready.do_xcom_push,
            conf=self._conf,
            resume=ready.resume,
            first_started_at=ready.first_started_at,
        )
        started_at = self._clock.now()
        claim: dict[str, Any] = {
            "where": where,
            "worker": _ACTOR,
            "token": f"{where.task_id}/{where.map_index}/{where.attempt}",
            "started_at": started_at,
        }
        self._do(StartAttempt(id=self._id(), **claim))
        home = os.getcwd()
        outcome = self._run(attempt, ready.execution_timeout_s)
        os.chdir(home)
        if outcome.error_type == KeyboardInterrupt.__name__:
            raise KeyboardInterrupt
        xcoms = {
            key: XCom(value=msgspec.Raw(text), size=len(text), length=length_of_json(text))
            for key, text in outcome.xcoms.items()
        } | outcome.coded
        if ready.is_mapped_over and outcome.kind == "success":
            problem = _why_not_mappable(xcoms)
            if problem:
                outcome = Outcome(kind="failed", error_type="NotMappable", message=problem)
                xcoms = {}
        if not is_callback(where):
            kept = self._xcoms.setdefault(where.task_id, {})
            before = kept.get(where.map_index, {}) if ready.resume is not None else {}
            kept[where.map_index] = before | xcoms
        self._do(self._report(outcome, claim, xcoms))

    def _run(self, attempt: Attempt, limit_s: float | None) -> Outcome:
        try:
            with time_limit(limit_s):
                return run_attempt(attempt, self._dag, self)
        except AirflowTaskTimeout as error:  # it came when the task had just ended
            return Outcome(
                kind="failed",
                error_type=type(error).__name__,
                message=str(error),
                traceback="".join(traceback.format_exception(error)),
            )

    def _report(self, outcome: Outcome, claim: dict[str, Any], xcoms: dict[str, XCom]) -> Report:
        common: dict[str, Any] = {
            **claim,
            "id": self._id(),
            "ended_at": self._clock.now(),
            "xcoms": xcoms,
            "map_name": outcome.map_name,
        }
        if outcome.until is not None:  # the task said so by the real time
            until = common["ended_at"] + (outcome.until - datetime.now(UTC))
            outcome = msgspec.structs.replace(outcome, until=until)
        return outcome.report(common)

    def find_variable(self, key: str) -> str | None:
        """As :class:`Store` says; what tasks of this run have set."""
        return self._variables.get(key)

    def find_connection(self, conn_id: str) -> str | None:
        """None: a run of ``dag.test()`` has the connections of the environment alone."""
        return None

    def set_variable(self, key: str, value: str, description: str) -> None:
        """Kept for this run."""
        self._variables[key] = value

    def delete_variable(self, key: str) -> bool:
        """Of those that tasks of this run have set."""
        return self._variables.pop(key, None) is not None

    def pull_xcoms(self, pull: XComPull) -> XComAnswer:
        """As :class:`TaskChannel` says; of other runs nothing is known here."""
        if pull.run_id not in ("", self._run_id) or pull.dag_id not in ("", self._dag.dag_id):
            return XComAnswer()
        found = []
        for number, query in enumerate(pull.queries):
            for path, xcoms in sorted(self._xcoms.get(query.task_id, {}).items()):
                is_asked_for = path == query.map_index or (
                    query.under and path[: len(query.map_index)] == query.map_index
                )
                if is_asked_for and query.key in xcoms:
                    found.append(FoundXCom(number, path, xcoms[query.key]))
        return XComAnswer(tuple(found))

    def find_asset_events(self, asked: AssetEventsQuestion) -> list[AssetEventRecord]:
        """As :class:`TaskChannel` says; only updates by this run are known here."""
        return [
            event
            for event in self._asset_events
            if asked.name in ("", event.name)
            and asked.uri in ("", event.uri)
            and (not asked.alias or asked.alias in event.aliases)
        ][-asked.limit :]

    def get_blob(self, key: str) -> bytes:
        """As :class:`TaskChannel` says."""
        return self._blobs[key]

    def put_blob(self, parts: Sequence[Part]) -> str:
        """As :class:`TaskChannel` says: kept for this run."""
        data = b"".join(map(in_memory, parts))
        key = hashlib.sha256(data).hexdigest()
        self._blobs[key] = data
        return key
