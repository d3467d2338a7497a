"""What must be true of a log whatever happened to the processes, judged from the outside.

Written without the core on purpose: rows of Postgres and messages of NATS, json and hashlib.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import nats
from nats.js.errors import NotFoundError

from integration.running_stack import RunningStack

ENDS_ATTEMPT = ("TaskSucceeded", "TaskFailed", "TaskLost", "TaskSkipped")
ENDS_RUN = ("RunSucceeded", "RunFailed", "RunQuarantined")
PAUSES = ("TaskRescheduled", "TaskDeferred", "TaskAwaitsInput")
ABOUT_TRIGGER = ("TriggerReady", "TriggerStarted", "TriggerLost", "TaskResumed")
ABOUT_TASK = (
    *ENDS_ATTEMPT,
    *PAUSES,
    *ABOUT_TRIGGER,
    *("TaskReady", "TaskStarted", "TaskUpstreamFailed"),
)
CONTROL = ("TaskStopped", "TaskCleared", "TaskMarked")
CANONICAL = (
    *("position", "epoch", "type", "namespace", "dag_id", "run_id", "task_id", "map_index"),
    *("attempt", "actor", "causation", "trace", "recorded_at"),
)
CATCH_UP_S = 20.0

RunKey = tuple[str, str, str]


@dataclass
class Log:
    """Every row of the event log, oldest first."""

    rows: list[Mapping[str, Any]]

    def of_run(self, run_id: str) -> list[Mapping[str, Any]]:
        return [row for row in self.rows if row["run_id"] == run_id]

    def count(self, run_id: str, kind: str) -> Counter[str]:
        """How many events of a type each task of a run has."""
        return Counter(row["task_id"] for row in self.of_run(run_id) if row["type"] == kind)


def verify_log(stack: RunningStack) -> Log:
    """Everything below; returns the log."""
    log = verify_events(stack)
    done = stack.run("rebuild", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    return log


def verify_events(stack: RunningStack) -> Log:
    """The log and the stream, without the content of the read tables, which a process has to fold
    anew for that."""
    log = asyncio.run(_verify_servers(stack))
    check_chain(log)
    check_legality(log)
    return log


def verify_success(stack: RunningStack, run_id: str) -> Log:
    """The log is right, the run ended well and every task of it succeeded exactly once."""
    log = verify_log(stack)
    rows = log.of_run(run_id)
    assert rows[-1]["type"] == "RunSucceeded", rows[-1]
    created = next(row for row in rows if row["type"] == "RunCreated")
    spec = next(
        json.loads(row["data"])["spec"]
        for row in log.rows
        if row["type"] == "DagVersionSubmitted"
        and row["dag_id"] == created["dag_id"]
        and json.loads(row["data"])["version"] == json.loads(created["data"])["version"]
    )
    expected = {task["task_id"]: 1 for task in spec["tasks"]}
    assert log.count(run_id, "TaskSucceeded") == expected
    return log


async def _verify_servers(stack: RunningStack) -> Log:
    connection = await asyncpg.connect(stack.database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(
                "SELECT *, data::text AS text FROM event_log WHERE shard = 0 ORDER BY position"
            )
            shard = await connection.fetchrow("SELECT * FROM shard WHERE shard = 0")
        log = Log([dict(row) | {"data": row["text"]} for row in rows])
        assert shard is not None
        assert shard["last_position"] == len(log.rows)
        assert bytes(shard["digest"]) == log.rows[-1]["digest"]
        assert shard["epoch"] >= log.rows[-1]["epoch"]
        await _check_checkpoint(connection, len(log.rows))
    finally:
        await connection.close()
    await _check_stream(stack.nats_url, log)
    return log


async def _check_checkpoint(connection: asyncpg.Connection, position: int) -> None:
    """The read tables catch up with the log."""
    query = "SELECT position FROM millstream_read.checkpoint WHERE shard = 0"
    deadline = asyncio.get_running_loop().time() + CATCH_UP_S
    while (reached := await connection.fetchval(query)) < position:
        assert asyncio.get_running_loop().time() < deadline, f"projected {reached} of {position}"
        await asyncio.sleep(0.05)


async def _check_stream(url: str, log: Log) -> None:
    """EVENTS_0 ends where the log ends, and what it holds is the log's, byte for byte."""
    client = await nats.connect(url)
    try:
        jetstream = client.jetstream()
        deadline = asyncio.get_running_loop().time() + CATCH_UP_S
        while (state := (await jetstream.stream_info("EVENTS_0")).state).last_seq < len(log.rows):
            late = f"relayed {state.last_seq} of {len(log.rows)}"
            assert asyncio.get_running_loop().time() < deadline, late
            await asyncio.sleep(0.05)
        assert state.last_seq == len(log.rows), "the stream is ahead of the log"
        for row in log.rows[max(state.first_seq, 1) - 1 :]:
            try:
                message = await jetstream.get_msg("EVENTS_0", row["position"])
            except NotFoundError:
                raise AssertionError(f"the stream has no message {row['position']}") from None
            assert message.data is not None
            expected = canonical(row)[:-1] + b',"digest":"%s"}' % row["digest"].hex().encode()
            assert message.data == expected, f"message {row['position']} is not event"
    finally:
        await client.close()


def canonical(row: Mapping[str, Any]) -> bytes:
    """The bytes that the digest is over, made from the columns."""
    parts = [f"{_text(name)}:{_value(row[name])}" for name in CANONICAL]
    return ("{" + ",".join(parts) + f',"data":{row["data"]}}}').encode()


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return _text(value.astimezone(UTC).isoformat().replace("+00:00", "Z"))
    if isinstance(value, list):
        return "[" + ",".join(map(str, value)) + "]"
    return _text(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def check_chain(log: Log) -> None:
    """Positions 1..N, epochs that never fall, one chain of digests from the first event on."""
    digest, epoch = bytes(32), 0
    for number, row in enumerate(log.rows, 1):
        assert row["position"] == number
        assert row["epoch"] >= epoch
        if row["epoch"] > epoch:
            assert row["type"] == "EpochStarted", f"epoch {row['epoch']} began with {row['type']}"
        epoch = row["epoch"]
        digest = hashlib.sha256(digest + canonical(row)).digest()
        assert digest == row["digest"], f"the digest of {number} is wrong"


@dataclass
class _Task:
    """One task instance as its events tell it."""

    attempt: int = 0
    is_open: bool = False
    token: str = ""
    # Of the attempt that is over: the task may wait for its next one.
    last_token: str = ""
    is_over: bool = False
    may_go_on: bool = True
    is_deferred: bool = False
    awaits_input: bool = False
    could_not_run: bool = False


@dataclass
class _Run:
    upstream: dict[str, list[str]]
    plain: set[str]
    is_over: bool = False
    was_reopened: bool = False
    tasks: dict[tuple[str, tuple[int, ...]], _Task] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    # What mapped tasks became: the nodes that are expanded, and the instances that must be there.
    expanded: set[tuple[str, tuple[int, ...]]] = field(default_factory=set)
    expected: set[tuple[str, tuple[int, ...]]] = field(default_factory=set)


def check_legality(log: Log) -> None:
    """Each event may follow those before it; one claim and one result an attempt; attempts count
    1, 2, 3..; nothing runs before what it waits for."""
    specs: dict[tuple[str, str, int], dict[str, Any]] = {}
    runs: dict[RunKey, _Run] = {}
    versions: Counter[tuple[str, str, str]] = Counter()
    callbacks: dict[tuple[Any, ...], str] = {}
    for row in log.rows:
        data = json.loads(row["data"])
        key = (row["namespace"], row["dag_id"], row["run_id"])
        if "@" in row["task_id"]:
            _check_callback(callbacks, row, data)
            continue
        match row["type"]:
            case "DeadlineSet" | "DeadlineMissed":
                assert not runs[key].is_over, f"{row['type']} after the end of {key}"
            case "EpochStarted" | "DagPaused" | "DagUnpaused" | "NextRunPlanned" | "NothingChanged":
                continue
            case "DagVersionSubmitted":
                specs[key[0], key[1], data["version"]] = data["spec"]
            case "RunCreated":
                assert key not in runs, f"run {key} was created twice"
                runs[key] = _new_run(specs[key[0], key[1], data["version"]])
            case "AssetUpdated":
                if row["task_id"]:
                    about = (row["task_id"], tuple(row["map_index"]))
                    assert runs[key].tasks[about].is_over, "an asset was updated too early"
            case "RunStarted":
                # Somebody may have marked or cleared tasks while it was queued.
                assert runs[key].was_reopened or not any(
                    task.attempt for task in runs[key].tasks.values()
                )
            case "RunReopened" | "TasksRecalled":
                assert runs[key].is_over or row["type"] == "TasksRecalled", "it was not over"
                runs[key].is_over, runs[key].was_reopened = False, True
                _check_memos(runs[key], data.get("tasks", []))
            case "RunMarked":
                assert not runs[key].is_over
            case kind if kind in CONTROL:
                assert not runs[key].is_over, f"{kind} after the end of {key}"
                _control(runs[key], row, data)
            case "TaskScheduled":
                assert not runs[key].is_over
            case "TaskExpanded" | "TaskResized":
                assert not runs[key].is_over
                _expand(runs[key], (row["task_id"], tuple(row["map_index"])), data["length"])
            case kind if kind in ENDS_RUN:
                assert not runs[key].is_over, f"run {key} ended twice"
                runs[key].is_over = True
                if kind != "RunQuarantined":
                    assert runs[key].expected <= {*runs[key].tasks, *runs[key].expanded}
                    assert all(task.is_over for task in runs[key].tasks.values())
                    names = {name for name, _ in runs[key].tasks}
                    assert names == set(runs[key].upstream), "tasks were lost"
            case "TaskScheduled":  # of one instance, or of all of a mapped task
                assert not runs[key].is_over, f"TaskScheduled after the end of {key}"
            case kind if not row["run_id"]:
                _check_secret(versions, row, data)
            case kind:
                assert kind in ABOUT_TASK
                assert not runs[key].is_over, f"{kind} after the end of {key}"
                _check_task(runs[key], row, data)


def _expand(run: _Run, about: tuple[str, tuple[int, ...]], length: int) -> None:
    """The task became instances, and each of them must end. After a clear there may be more or
    fewer of them than before."""
    if about in run.expanded:
        depth = len(about[1])
        for name, path in {*run.tasks, *run.expected, *run.expanded}:
            is_below = name == about[0] and len(path) > depth and path[:depth] == about[1]
            if is_below and path[depth] >= length:
                run.expected.discard((name, path))
                run.expanded.discard((name, path))
                gone = run.tasks.pop((name, path), None)
                assert gone is None or not gone.is_open, f"{name}{path} was at work"
    else:
        begun = run.tasks.pop(about, None)  # one that could not run may have been cleared
        assert begun is None or not (begun.is_open or begun.is_over), f"{about} had begun"
        assert length > 0
    if not length:
        run.expanded.discard(about)
        return
    run.expanded.add(about)
    run.expected |= {(about[0], (*about[1], index)) for index in range(length)}


def _check_callback(
    callbacks: dict[tuple[Any, ...], str], row: Mapping[str, Any], data: dict[str, Any]
) -> None:
    """Ready, claimed once, over; ready again only if nobody claimed it, or after a loss."""
    about = (row["run_id"], row["task_id"], tuple(row["map_index"]), row["attempt"])
    before = callbacks.get(about, "")
    match row["type"]:
        case "TaskReady":
            assert before in ("", "TaskReady"), about
        case "TaskStarted":
            assert before == "TaskReady", about
        case "TaskSucceeded" | "TaskFailed" | "TaskSkipped" | "TaskLost" as kind:
            assert before == "TaskStarted", f"{about}: {kind} after {before}"
        case kind:
            raise AssertionError(f"{kind} of callback {about}")
    callbacks[about] = row["type"]


def _check_secret(
    versions: Counter[tuple[str, str, str]], row: Mapping[str, Any], data: dict[str, Any]
) -> None:
    """Versions of variables and connections count 1, 2, 3.. until they are deleted."""
    for what, name in (("Variable", "key"), ("Connection", "conn_id")):
        if row["type"] == f"{what}Set":
            key = (what, row["namespace"], data[name])
            versions[key] += 1
            assert data["version"] == versions[key], row["position"]
        elif row["type"] == f"{what}Deleted":
            assert versions.pop((what, row["namespace"], data[name])), row["position"]


def _new_run(spec: dict[str, Any]) -> _Run:
    tasks = spec["tasks"]
    return _Run(
        upstream={task["task_id"]: task.get("upstream", []) for task in tasks},
        plain={task["task_id"] for task in tasks if "trigger_rule" not in task},
    )


def _check_task(run: _Run, row: Mapping[str, Any], data: dict[str, Any]) -> None:
    kind, about = row["type"], f"{row['position']} {row['type']} {row['task_id']}"
    task = run.tasks.setdefault((row["task_id"], tuple(row["map_index"])), _Task())
    # As in Airflow, a branch skips what it cuts off although that could not run anyway.
    is_cut_off = kind == "TaskSkipped" and task.could_not_run and row["attempt"] == 0
    assert not task.is_over or is_cut_off, f"{about}: the task was over"
    match kind:
        case "TaskReady" | "TriggerReady":
            if row["attempt"] == task.attempt and task.is_open:
                assert not task.token, about
            else:
                assert row["attempt"] == task.attempt + 1, about
                assert not task.is_open, about
                assert task.may_go_on, about
            assert task.is_deferred == (kind == "TriggerReady"), about
            # What had begun is tried again whatever becomes of the tasks before it meanwhile.
            if row["task_id"] in run.plain and not task.last_token:
                assert set(run.upstream[row["task_id"]]) <= run.done, f"{about}: too early"
            task.attempt, task.is_open = row["attempt"], True
        case "TaskStarted" | "TriggerStarted":
            assert task.is_deferred == (kind == "TriggerStarted"), about
            assert task.is_open, about
            assert not task.token, f"{about}: claimed twice"
            assert row["attempt"] == task.attempt, about
            task.token = data["token"]
            assert task.token, about
        case "TaskUpstreamFailed":
            assert not task.is_open, about
            task.is_over = task.could_not_run = True
        case "TaskResumed":  # the time may be over before anybody took the trigger
            assert task.is_deferred or task.awaits_input, about
            assert row["attempt"] == task.attempt, about
            assert not data.get("token") or data["token"] == task.token, about
            task.is_open, task.token = False, ""
            task.is_deferred = task.awaits_input = False
            task.may_go_on = True
        case _ if row["attempt"] == 0:
            assert not task.is_open, about
            task.is_over = True
        case _:
            assert task.is_open, f"{about}: no open attempt"
            assert row["attempt"] == task.attempt, about
            assert task.token, f"{about}: never claimed"
            if kind not in ("TaskLost", "TriggerLost"):
                assert data["token"] == task.token, f"{about}: another claim's result"
            task.is_open, task.token, task.last_token = False, "", task.token
            task.may_go_on = (kind == "TaskFailed" and data.get("retry_at") is not None) or (
                kind == "TaskLost" and not data.get("is_final", False)
            )
            task.may_go_on |= kind in ("TaskRescheduled", "TaskDeferred", "TriggerLost")
            task.is_deferred = kind in ("TaskDeferred", "TriggerLost")
            task.awaits_input = kind == "TaskAwaitsInput"
            task.is_over = not (task.may_go_on or task.awaits_input)
    if kind == "TaskSucceeded":
        run.done.add(row["task_id"])


def _control(run: _Run, row: Mapping[str, Any], data: dict[str, Any]) -> None:
    """Somebody stops, clears or marks a task: an open attempt is stopped before anything else."""
    kind, about = row["type"], f"{row['position']} {row['type']} {row['task_id']}"
    task = run.tasks.setdefault((row["task_id"], tuple(row["map_index"])), _Task())
    if kind == "TaskStopped":
        assert not task.is_over, about
        assert row["attempt"] == task.attempt, about
        # What is not at work but waits may be stopped as well.
        assert not task.is_open or data.get("token", "") == task.token, about
    else:
        assert not task.is_open, f"{about}: its attempt was not stopped"
    task.is_open, task.token, task.last_token = False, "", ""
    task.is_deferred = task.awaits_input = False
    task.may_go_on, task.is_over, task.could_not_run = True, kind == "TaskMarked", False
    run.done.discard(row["task_id"])
    if kind == "TaskMarked" and data["state"] == "success":
        run.done.add(row["task_id"])


def _check_memos(run: _Run, memos: list[dict[str, Any]]) -> None:
    """What a reopened run says of its tasks is what happened to them."""
    for memo in memos:
        if "expanded" not in memo:
            task = run.tasks[memo["task_id"], tuple(memo.get("map_index", ()))]
            assert task.attempt == memo.get("attempt", 0), memo
            assert task.is_over == (memo.get("status", "none") != "none"), memo
