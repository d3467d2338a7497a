"""Each reason for which a task has not run, or ended as it did: made, asked for, and told with the
events that it rests on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from millstream.adapters.explaining import ExplainAnswer, decode_answer, encode_answer
from millstream.core.commands import SetDagPaused
from millstream.core.errors import NotFound
from millstream.core.explain import explain
from millstream.core.explanation import STATES, Code, Surroundings, tell
from millstream.core.spec import MapSource
from millstream.core.statuses import TaskStatus
from shard import RUN, T0, Shard, dag, dump, fold, task
from unit.core import explain_begun, explain_no_place, explain_not_begun
from unit.core.explain_case import Case, around, pause, pool, why, worker

CASES = [*explain_not_begun.CASES, *explain_no_place.CASES, *explain_begun.CASES]


@pytest.mark.parametrize(
    ("code", "text", "events", "make"), CASES, ids=[function.__name__ for *_, function in CASES]
)
def test_a_reason(code: Code, text: str, events: tuple[str, ...], make: Case) -> None:
    shard = Shard()
    reasons = make(shard)
    first = reasons[0]
    assert (first.code, bool(re.search(text, first.message))) == (code, True), first.message
    told = [type(event.data).__name__ for event in first.events]
    assert set(events) <= set(told), told
    assert dump(fold(shard.log)) == dump(shard.state)


# What only the api can say, and what no event leads to in these tests.
_ELSEWHERE = {Code.NO_SCHEDULER, Code.SCHEDULER_SILENT, Code.NATS_AWAY, Code.SKIPPED, Code.BEGINS}


def test_every_reason_has_a_case() -> None:
    assert set(Code) - {code for code, *_ in CASES} == _ELSEWHERE


class TestWhatThereIsNot:
    @pytest.mark.parametrize(
        ("name", "path", "text"),
        [
            ("lod", (), "has no task 'lod'. Did you mean 'load'?"),
            ("zzz", (), "has no task 'zzz'.$"),
            ("load", (0,), "Task 'load' is not mapped, so there is no instance"),
            ("m", (5,), "has 2 instances, 0 to 1; there is no 5."),
            ("m", (0, 0), "has 1 map index, so there is no instance"),
            ("m", (-1,), "A map index is 0 or more"),
            ("load@success", (), "is a callback and no task"),
        ],
    )
    def test_no_such_task(self, name: str, path: tuple[int, ...], text: str) -> None:
        shard = Shard()
        shard.begin(dag(task("load"), task("m", mapped_over=(MapSource(length=2),))))
        with pytest.raises(NotFound, match=text) as caught:
            why(shard, name, path)
        assert caught.value.reason == "TASK_NOT_FOUND"

    def test_a_task_of_a_newer_version(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a")))
        shard.submit(dag(task("a"), task("b")))
        with pytest.raises(NotFound, match="is in version 2 of DAG 'etl'; the run was made with"):
            why(shard, "b")

    def test_no_such_run(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a")))
        with pytest.raises(NotFound) as caught:
            explain(shard.state, RUN.task("a"), T0, Surroundings())
        assert caught.value.reason == "RUN_NOT_FOUND"


class TestBesides:
    def test_what_comes_next_is_said_as_well(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a", pool="gpu", queue="gpus")))
        pause(shard)
        codes = [reason.code for reason in why(shard, "b", around=around(worker()))]
        assert codes == [
            Code.UPSTREAM_NOT_FINISHED,
            Code.DAG_PAUSED,
            Code.POOL_MISSING,
            Code.NO_WORKER,
        ]

    def test_an_instance_that_is_not_there_yet(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("m", "a", mapped_over=(MapSource(task_id="a"),))))
        assert why(shard, "m", (3,))[0].code is Code.UPSTREAM_NOT_FINISHED

    def test_the_failed_instance_is_the_one_that_is_told(self) -> None:
        shard = Shard()
        shard.begin(dag(task("m", mapped_over=(MapSource(length=2),))))
        shard.succeed("m", map_index=(0,))
        shard.fail("m", map_index=(1,))
        assert why(shard, "m")[1].message.startswith("Instance [1]: It failed at")

    def test_of_a_reopened_run(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a"), task("c")))
        shard.fail("a")
        shard.succeed("c")
        shard.clear("a")
        found = why(shard, "c")[0]
        assert (found.code, found.message) == (Code.SUCCEEDED, "It succeeded.")
        assert [type(event.data).__name__ for event in found.events] == ["RunReopened"]

    def test_without_its_events_it_is_still_a_sentence(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b")))
        pause(shard)
        shard.fail("a")
        for name, text in (("a", "It failed."), ("b", "It is ready (attempt 1) and no worker")):
            found = explain(shard.state, RUN.task(name), T0, Surroundings())
            assert tell(found.blockers[0], {}).message.startswith(text)

    def test_what_somebody_may_not_see_is_not_named(self) -> None:
        shard = Shard()
        pool(shard, "gpu", 1)
        shard.submit(dag(task("secret", pool="gpu"), dag_id="hidden"))
        shard.trigger("r0", "hidden")
        shard.begin(dag(task("a", pool="gpu")))
        found = explain(shard.state, RUN.task("a"), T0, Surroundings())
        events = {event.position: event for event in shard.log}
        open_told = tell(found.blockers[0], events)
        assert "by 'secret' of run 'r0' of DAG 'hidden' (is queued since" in open_told.message
        told = tell(found.blockers[0], events, lambda where: where.dag_id == "hidden")
        assert told.message.endswith("is taken: by one of another DAG.")
        assert told.about == ()

    def test_an_explanation_travels(self) -> None:
        shard = Shard()
        pool(shard, "gpu", 1)
        shard.begin(dag(task("a", pool="gpu"), task("b", pool="gpu")))
        found = explain(shard.state, RUN.task("b"), T0, Surroundings())
        answer = ExplainAnswer(explanation=found)
        assert decode_answer(encode_answer(answer)) == answer

    def test_who_speaks_as_nobody(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a")))
        command = SetDagPaused(id="p", namespace="default", dag_id="etl", is_paused=True)
        shard.handle(command, "api/1f2e")
        shard.trigger()
        assert "by a call of the api without a login" in why(shard, "a")[0].message

    def test_many_are_counted_and_a_few_named(self) -> None:
        shard = Shard()
        names = [f"t{number}" for number in range(9)]
        shard.begin(dag(*map(task, names), task("z", *names)))
        reason = why(shard, "z")[0]
        assert reason.message.count("is queued") == 5
        assert reason.message.endswith("and 4 more.")
        assert len(reason.about) == 5

    def test_a_status_of_each_kind_has_words(self) -> None:
        assert set(map(str, TaskStatus)) == set(STATES)


def test_the_guide_names_every_reason() -> None:
    page = Path(__file__).parents[3] / "docs/guide/why.md"
    named = re.findall(r"^\| `([A-Z_]+)` \|", page.read_text(), re.MULTILINE)
    assert sorted(named) == sorted(Code)
