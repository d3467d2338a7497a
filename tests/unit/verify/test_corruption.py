"""A good log, recorded from real services, spoilt in one way: exactly that is found, and where."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from millstream.core.event_parts import Choice
from millstream.verify import CHECKS, Row, Verifier, verify_rows
from millstream.verify.fold import Fold
from sealed import read_rows, rows_of, seal
from shard import Shard, dag, task

GOOD = read_rows(Path(__file__).parents[2] / "golden" / "recorded_log.jsonl")
OF_OTHERS = {"end of the log", "fold", "stream", "read tables"}
Rows = list[Row]


def at(kind: str, task_id: str = "", dag_id: str = "", nth: int = 0, attempt: int = 0) -> int:
    """Where the ``nth`` row of a type is, of a task, a DAG or an attempt."""
    found = [
        index
        for index, row in enumerate(GOOD)
        if row.type == kind
        and task_id in ("", row.task_id)
        and dag_id in ("", row.dag_id)
        and attempt in (0, row.attempt)
    ]
    return found[nth]


def changed(index: int, **fields: object) -> Rows:
    rows = list(GOOD)
    rows[index] = msgspec.structs.replace(rows[index], **fields)
    return rows


def with_data(index: int, old: str, new: str) -> Rows:
    text = bytes(GOOD[index].data).decode()
    assert old in text, text
    return changed(index, data=msgspec.Raw(text.replace(old, new, 1).encode()))


def without(index: int) -> Rows:
    return GOOD[:index] + GOOD[index + 1 :]


def repeated(index: int, after: int | None = None, **fields: object) -> Rows:
    """A row once more, right after itself or later."""
    where = index if after is None else after
    again = msgspec.structs.replace(GOOD[index], **fields)
    return [*GOOD[: where + 1], again, *GOOD[where + 1 :]]


def moved(index: int, before: int) -> Rows:
    rest = without(index)
    return [*rest[:before], GOOD[index], *rest[before:]]


def token_of(index: int) -> str:
    token: str = msgspec.json.decode(GOOD[index].data)["token"]
    return token


def later(index: int, name: str) -> Rows:
    """An instant in the data of a row, an hour later."""
    data = msgspec.json.decode(GOOD[index].data)
    instant = msgspec.convert(data[name], type=type(GOOD[0].recorded_at))
    data[name] = instant + timedelta(hours=1)
    return changed(index, data=msgspec.Raw(msgspec.json.encode(data)))


def all_attempts(task_id: str, attempt: int, dag_id: str) -> Rows:
    """Every row of a task's first attempt says that it is another one."""
    return [
        msgspec.structs.replace(row, attempt=attempt)
        if row.attempt == 1 and (row.task_id, row.dag_id) == (task_id, dag_id)
        else row
        for row in GOOD
    ]


READY, STARTED, DONE = "TaskReady", "TaskStarted", "TaskSucceeded"
# What is done to the log, what is found, and at which index (positions are one more).
SPOILT: dict[str, tuple[Callable[[], Rows], str, int]] = {
    "an unknown type": (
        lambda: changed(at("NothingChanged"), type="NothingHappened"),
        "rows",
        at("NothingChanged"),
    ),
    "data of another shape": (
        lambda: changed(at("NothingChanged"), data=msgspec.Raw(b"[]")),
        "rows",
        at("NothingChanged"),
    ),
    "an epoch that nobody began": (
        lambda: [*GOOD[:-1], msgspec.structs.replace(GOOD[-1], epoch=3)],
        "epochs",
        len(GOOD) - 1,
    ),
    "an old epoch": (
        lambda: [*GOOD[:-1], msgspec.structs.replace(GOOD[-1], epoch=1)],
        "epochs",
        len(GOOD) - 1,
    ),
    "a request again": (
        lambda: repeated(at("PoolSet"), len(GOOD) - 1, epoch=2),
        "requests",
        len(GOOD),
    ),
    "a worker sets a pool": (
        lambda: changed(at("PoolSet"), actor="worker/worker-1"),
        "actors",
        at("PoolSet"),
    ),
    # --- transitions
    "a version is left out": (
        lambda: with_data(at("VariableSet", nth=1), '"version":2', '"version":3'),
        "transitions",
        at("VariableSet", nth=1),
    ),
    "a variable is deleted twice": (
        lambda: repeated(at("VariableDeleted")),
        "transitions",
        at("VariableDeleted") + 1,
    ),
    "a DAG version is left out": (
        lambda: with_data(at("DagVersionSubmitted", dag_id="asks"), '"version":1', '"version":2'),
        "transitions",
        at("DagVersionSubmitted", dag_id="asks"),
    ),
    "a run of nothing": (
        lambda: without(at("RunCreated", dag_id="slow")),
        "transitions",
        at("RunCreated", dag_id="slow"),
    ),
    "a run starts twice": (
        lambda: repeated(at("RunStarted", dag_id="etl")),
        "transitions",
        at("RunStarted", dag_id="etl") + 1,
    ),
    "a claim of nothing": (
        lambda: without(at(READY, "numbers")),
        "transitions",
        at(STARTED, "numbers") - 1,
    ),
    "a trigger that was not ready": (
        lambda: without(at("TriggerReady")),
        "transitions",
        at("TriggerStarted") - 1,
    ),
    "a task that waits for nothing goes on": (
        lambda: without(at("TaskAwaitsInput")),
        "transitions",
        at("TaskResumed", "ask") - 1,
    ),
    "a run ends before its tasks": (
        lambda: without(at(DONE, "alarm")),
        "transitions",
        at("RunFailed", dag_id="broken") - 1,
    ),
    "a run is reopened with other tasks": (
        lambda: with_data(at("RunReopened"), '"attempt":1', '"attempt":7'),
        "transitions",
        at("RunReopened"),
    ),
    "a date of a backfill is left out": (
        lambda: without(at("BackfillAdvanced", nth=1)),
        "transitions",
        at("BackfillAdvanced", nth=2) - 1,
    ),
    "a callback that was not ready": (
        lambda: without(at(READY, "flaky@on_success_callback.2")),
        "transitions",
        at(STARTED, "flaky@on_success_callback.2") - 1,
    ),
    "an instance that there is not": (
        lambda: with_data(at("TaskExpanded"), '"length":3', '"length":2'),
        "transitions",
        at(READY, "double", nth=2),
    ),
    # --- attempts
    "a claim twice": (
        lambda: repeated(at(STARTED, "extract"), data=GOOD[at(STARTED, "numbers")].data),
        "open attempts",
        at(STARTED, "extract") + 1,
    ),
    "ready while it runs": (
        lambda: repeated(at(READY, "extract"), at(STARTED, "extract"), attempt=2, causation="x"),
        "open attempts",
        at(STARTED, "extract") + 1,
    ),
    "a trigger's claim twice": (
        lambda: repeated(at("TriggerStarted")),
        "open attempts",
        at("TriggerStarted") + 1,
    ),
    "a number is left out": (
        lambda: all_attempts("numbers", 2, "fan"),
        "attempts",
        at(READY, "numbers"),
    ),
    "a try too many": (
        lambda: with_data(at(READY, "flaky", attempt=2), '"tries":2', '"tries":3'),
        "attempts",
        at(READY, "flaky", attempt=2),
    ),
    "a second result": (
        lambda: repeated(at(DONE, "extract")),
        "results",
        at(DONE, "extract") + 1,
    ),
    "a success after a failure": (
        lambda: repeated(at("TaskFailed", "flaky"), type=DONE),
        "results",
        at("TaskFailed", "flaky") + 1,
    ),
    "another claim's result": (
        lambda: with_data(at(DONE, "extract"), token_of(at(DONE, "extract")), "feed"),
        "tokens",
        at(DONE, "extract"),
    ),
    "a result that nobody claimed": (
        lambda: without(at(STARTED, "extract")),
        "tokens",
        at(DONE, "extract") - 1,
    ),
    "a success claims what is claimed": (
        lambda: with_data(at(DONE, "extract"), '"token"', '"worker":"worker-1","token"'),
        "open attempts",
        at(DONE, "extract"),
    ),
    "a success of a callback claims what is claimed": (
        lambda: with_data(
            at(DONE, "flaky@on_success_callback.2"), '"token"', '"worker":"worker-1","token"'
        ),
        "open attempts",
        at(DONE, "flaky@on_success_callback.2"),
    ),
    "another trigger fires": (
        lambda: with_data(at("TaskResumed", "waits"), token_of(at("TriggerStarted")), "feed"),
        "tokens",
        at("TaskResumed", "waits"),
    ),
    # --- what may begin, and when
    "ready before its upstream": (
        lambda: moved(at(READY, "load"), at(DONE, "flaky")),
        "readiness",
        at(DONE, "flaky"),
    ),
    "one_failed before a failure": (
        lambda: moved(at(READY, "alarm"), at("TaskFailed", "bad")),
        "readiness",
        at("TaskFailed", "bad"),
    ),
    "all_done before all instances": (
        lambda: moved(at(READY, "total"), at(DONE, "double", nth=2)),
        "readiness",
        at(DONE, "double", nth=2),
    ),
    "a pool without slots": (
        lambda: with_data(at("PoolSet"), '"slots":1', '"slots":0'),
        "limits",
        at(READY, "load"),
    ),
    "a pool that is not there": (lambda: without(at("PoolSet")), "limits", at(READY, "load") - 1),
    "too many tasks of a run": (
        lambda: with_data(
            at("DagVersionSubmitted", dag_id="etl"), '"dag_id"', '"max_active_tasks":1,"dag_id"'
        ),
        "limits",
        at(READY, "waits"),
    ),
    "too many instances of a task": (
        lambda: with_data(
            at("DagVersionSubmitted", dag_id="fan"),
            '"task_id":"double"',
            '"max_active_tis_per_dagrun":2,"task_id":"double"',
        ),
        "limits",
        at(READY, "double", nth=2),
    ),
    "too many runs": (
        lambda: moved(at("RunSucceeded", dag_id="daily"), at("RunStarted", dag_id="daily", nth=1)),
        "limits",
        at("RunStarted", dag_id="daily", nth=1) - 1,
    ),
    "a run of a DAG that is paused": (
        lambda: without(at("DagUnpaused", dag_id="daily")),
        "limits",
        at("RunStarted", dag_id="daily") - 1,
    ),
    "an instant that was not planned": (
        lambda: without(at("NextRunPlanned", dag_id="daily")),
        "schedule",
        at("RunCreated", dag_id="daily") - 1,
    ),
    "an instant again": (
        lambda: repeated(at("RunCreated", dag_id="daily"), len(GOOD) - 1, epoch=2),
        "schedule",
        len(GOOD),
    ),
    "a plan that goes back": (
        lambda: changed(
            at("NextRunPlanned", dag_id="daily", nth=2),
            data=GOOD[at("NextRunPlanned", dag_id="daily", nth=1)].data,
        ),
        "schedule",
        at("RunCreated", dag_id="daily", nth=2),
    ),
    "a retry too early": (
        lambda: later(at("TaskFailed", "flaky"), "retry_at"),
        "times",
        at(READY, "flaky", attempt=2),
    ),
    "a poke too early": (
        lambda: later(at("TaskRescheduled"), "until"),
        "times",
        at(READY, "poke", attempt=2),
    ),
    "a success that runs again": (
        lambda: without(at("TaskCleared", "load")),
        "successes",
        at(READY, "load", nth=1) - 1,
    ),
    "something after the end": (
        lambda: repeated(at("TaskSucceeded", "total"), at("RunSucceeded", dag_id="fan")),
        "finished runs",
        at("RunSucceeded", dag_id="fan") + 1,
    ),
}


def test_the_log_itself_is_fine() -> None:
    findings = verify_rows(GOOD)
    assert findings.kept == []
    assert min(findings.judged.values()) > 0


@pytest.mark.parametrize("name", SPOILT)
def test_exactly_what_is_wrong_is_found(name: str) -> None:
    spoil, check, index = SPOILT[name]
    findings = verify_rows(seal(spoil()))
    first = findings.in_order()[0]
    assert (first.check, first.position) == (check, index + 1), findings.kept
    assert set(findings.wrong) == {check}, findings.kept
    assert first.invariant == CHECKS[check].invariant


@pytest.mark.parametrize("kept", ["extract", "flaky@on_success_callback.2"])
def test_a_success_may_be_its_claim(kept: str) -> None:
    """In place of the event before it."""
    claim, done = at(STARTED, kept), at(DONE, kept)
    assert GOOD[claim].attempt == GOOD[done].attempt
    rows = with_data(done, '"token"', '"worker":"worker-1","token"')
    assert verify_rows(seal(rows[:claim] + rows[claim + 1 :])).kept == []


def test_a_task_may_set_a_variable() -> None:
    assert verify_rows(seal(changed(at("VariableSet"), actor="worker/worker-1"))).kept == []


def test_a_gap_is_found() -> None:
    findings = verify_rows(without(9))
    assert [(each.check, each.position) for each in findings.kept] == [("gaps", 11)]
    assert "10 is missing" in findings.kept[0].message


def test_rows_in_another_order_are_found() -> None:
    findings = verify_rows([*GOOD, GOOD[-1]])
    assert ("gaps", len(GOOD)) in [(each.check, each.position) for each in findings.kept]


def test_a_changed_row_is_found() -> None:
    index = at(DONE, "total")
    text = bytes(GOOD[index].data).replace(b'"12"', b'"13"').replace(b":12", b":13")
    assert text != bytes(GOOD[index].data)
    findings = verify_rows(changed(index, data=msgspec.Raw(text)))
    assert [(each.check, each.position) for each in findings.kept] == [("digests", index + 1)]


def test_a_changed_actor_is_found() -> None:
    findings = verify_rows(changed(20, actor="api/somebody"))
    assert [(each.check, each.position) for each in findings.kept] == [("digests", 21)]


@pytest.mark.parametrize(
    ("position", "epoch", "digest"),
    [(-1, 0, b""), (0, -1, b""), (0, 0, b"another digest of thirty-two byte")],
)
def test_an_end_that_the_writer_does_not_know_is_found(
    position: int, epoch: int, digest: bytes
) -> None:
    verifier = Verifier()
    for row in GOOD:
        verifier.add(row)
    last = GOOD[-1]
    verifier.check_end(
        last.position + position, last.epoch + epoch, digest or bytes.fromhex(last.digest)
    )
    found = verifier.finish().kept
    assert [(each.check, each.position) for each in found] == [("end of the log", len(GOOD))]


def test_every_check_of_rows_has_a_log_that_breaks_it() -> None:
    broken = {check for _, check, _ in SPOILT.values()}
    assert broken | {"gaps", "digests"} | OF_OTHERS == set(CHECKS)


class TestFold:
    def test_the_recorded_log_is_accepted(self) -> None:
        assert fold(GOOD) == []

    @pytest.mark.parametrize(
        "name", [name for name, (_, check, _) in SPOILT.items() if check == "readiness"]
    )
    def test_it_would_not_have_let_it_begin(self, name: str) -> None:
        spoil, _, index = SPOILT[name]
        assert fold(seal(spoil()))[:1] == [("fold", index + 1)]

    def test_it_sees_what_a_branch_cuts_off(self) -> None:
        shard = Shard()
        shard.begin(dag(task("choose"), task("x", "choose"), task("y", "choose")))
        shard.start("choose")
        shard.succeed("choose", choice=Choice(follow=("x",)))
        rows = rows_of(shard.log)
        assert fold(rows) == []
        ready = next(row for row in rows if (row.type, row.task_id) == ("TaskReady", "x"))
        index = next(i for i, row in enumerate(rows) if row.type == "TaskSkipped")
        rows[index] = msgspec.structs.replace(ready, task_id="y")
        assert verify_rows(seal(rows)).kept == []
        assert fold(seal(rows)) == [("fold", index + 1)]

    def test_it_does_not_end_at_what_it_cannot_read(self) -> None:
        assert fold(changed(30, data=msgspec.Raw(b"[]")))[0] == ("fold", 31)


def fold(rows: Rows) -> list[tuple[str, int]]:
    folding = Fold()
    for row in rows:
        folding.add(row)
    return [(each.check, each.position) for each in folding.findings.in_order()]
