"""Tasks whose work is a coroutine: which they are, and that both ways to run one agree."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from millstream import (
    DAG,
    AirflowSkipException,
    BaseAsyncOperator,
    BaseOperator,
    BranchPythonOperator,
    EmptyOperator,
    Param,
    PythonOperator,
    ShortCircuitOperator,
    get_current_context,
    task,
)
from millstream.core.deferral import Resume
from millstream.sdk.async_execution import AsyncAttempt, Terminated, TimedOut
from millstream.sdk.async_operator import is_async_callable
from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.errors import AirflowTaskTerminated, AirflowTaskTimeout
from millstream.sdk.stores import asking
from millstream.sdk.triggers.temporal import TimeDeltaTrigger

Run = Callable[..., Outcome]
_seen: ContextVar[str] = ContextVar("seen", default="")


@pytest.fixture(params=["in a process of its own", "in a shared loop"])
def way(request: pytest.FixtureRequest, run: Run, channel: Any, run_info: Any) -> Run:
    """Both ways to run an async task."""
    if request.param == "in a process of its own":
        return run

    def run_shared(dag: DAG, task_id: str, **more: Any) -> Outcome:
        fields = {"namespace": "default", "dag_id": dag.dag_id, "run_id": "r", "task_id": task_id}
        kept = dag.get_task(task_id).do_xcom_push
        action = dag.get_task(task_id).action()
        attempt = Attempt(
            **{"run": run_info, "action": action, "do_xcom_push": kept, **fields, **more}
        )
        one = AsyncAttempt(attempt, channel)

        async def steps() -> Outcome:
            one.prepare(lambda: dag)
            if one.can_work:
                await one.work()
            return one.finish()

        with asking(channel):
            outcome = asyncio.run(steps())
        channel.xcoms[task_id] = dict(outcome.xcoms)
        channel.coded[task_id] = dict(outcome.coded)
        return outcome

    return run_shared


async def nothing() -> None: ...


class TestWhichTasksShareALoop:
    def test_async_functions_and_operators_do(self) -> None:
        class Sleeps(BaseAsyncOperator):
            async def aexecute(self, context: Any) -> int:
                return 7

        class Plain(BaseOperator):
            def execute(self, context: Any) -> int:
                return 7

        with DAG("d"):
            operators = [
                PythonOperator(task_id="a", python_callable=nothing),
                PythonOperator(task_id="b", python_callable=functools.partial(nothing)),
                BranchPythonOperator(task_id="c", python_callable=nothing),
                Sleeps(task_id="e"),
                task(nothing)().operator,
                PythonOperator(task_id="f", python_callable=print),
                Plain(task_id="g"),
            ]
        assert [each.shares_loop for each in operators] == [True] * 5 + [False] * 2

    def test_an_execute_of_a_subclass_is_what_runs(self) -> None:
        class Timed(PythonOperator):
            def execute(self, context: Any) -> Any:
                return ["timed", super().execute(context)]

        class Async(Timed):
            async def aexecute(self, context: Any) -> Any:
                return 1

        with DAG("d"):
            timed = Timed(task_id="a", python_callable=nothing)
            again = Async(task_id="b", python_callable=nothing)
            shell = task.bash(nothing)().operator
        assert timed.is_async
        assert not timed.shares_loop
        assert again.shares_loop
        assert not shell.shares_loop

    def test_a_mapped_task_does_if_all_its_instances_do(self) -> None:
        with DAG("d"):
            one = PythonOperator.partial(task_id="a", python_callable=nothing).expand(
                op_kwargs=[{}, {}]
            )
            other = PythonOperator.partial(task_id="b").expand(python_callable=[nothing, print])
            third = task(nothing).expand_kwargs([{}]).operator
        assert [one.shares_loop, other.shares_loop, third.shares_loop] == [True, False, True]

    def test_what_a_decorator_wraps_does_not_count(self) -> None:
        @functools.wraps(nothing)
        def runs_it() -> None:
            asyncio.run(nothing())

        class Callable:
            async def __call__(self) -> None: ...

        assert [is_async_callable(each) for each in (nothing, Callable(), runs_it, 5)] == [
            True,
            True,
            False,
            False,
        ]


class TestHowTheyRun:
    def test_context_arguments_templates_and_xcoms(self, way: Run, channel: Any) -> None:
        channel.variables["place"] = "Rome"
        channel.put("before", [1, 2])

        @task(multiple_outputs=True)
        async def work(values: Any, ds: str, ti: Any, place: str, **rest: Any) -> dict[str, Any]:
            await asyncio.sleep(0)
            assert get_current_context()["ti"] is ti
            ti.xcom_push("more", ti.xcom_pull(task_ids="before"))
            return {"sum": sum(values), "ds": ds, "place": place, "params": rest["params"]["n"]}

        with DAG("d", params={"n": Param(5)}) as dag:
            before = EmptyOperator(task_id="before")
            work(before.output, place="{{ var.value.place }}")
        assert way(dag, "work").xcoms == {
            "more": b"[1,2]",
            "sum": b"3",
            "ds": b'"2024-02-29"',
            "place": b'"Rome"',
            "params": b"5",
            "return_value": b'{"sum":3,"ds":"2024-02-29","place":"Rome","params":5}',
        }

    def test_branches_and_short_circuits(self, way: Run) -> None:
        async def chooses() -> str:
            return "x"

        async def stops() -> bool:
            return False

        with DAG("d") as dag:
            tasks = [
                BranchPythonOperator(task_id="a", python_callable=chooses),
                task.branch(task_id="b")(chooses)().operator,
                ShortCircuitOperator(task_id="c", python_callable=stops),
                task.short_circuit(task_id="e")(stops)().operator,
            ]
            tasks >> EmptyOperator(task_id="x")  # type: ignore[operator]
        choices = [way(dag, each.task_id).choice for each in tasks]
        assert [each.follow for each in choices[:2] if each] == [("x",), ("x",)]
        assert [each.skip for each in choices[2:] if each] == ["all", "all"]

    def test_hooks_run_around_it_in_one_context(self, way: Run) -> None:
        said: list[Any] = []

        class Hooked(BaseAsyncOperator):
            def pre_execute(self, context: Any) -> None:
                _seen.set("before")

            async def aexecute(self, context: Any) -> int:
                said.append(_seen.get())
                _seen.set("within")
                return 3

            def post_execute(self, context: Any, result: Any = None) -> None:
                said.append((_seen.get(), result))

        with DAG("d") as dag:
            Hooked(task_id="a", on_execute_callback=lambda context: said.append(context["task"]))
        assert way(dag, "a").kind == "success"
        assert said[1] == "before"
        assert said[2][1] == 3

    @pytest.mark.parametrize(
        ("error", "kind", "message"),
        [
            (ValueError("broken"), "failed", "broken"),
            (AirflowSkipException("not today"), "skipped", "not today"),
            (SystemExit(4), "failed", "the task ended the process with exit code 4"),
            (asyncio.CancelledError("by itself"), "failed", "by itself"),
        ],
    )
    def test_how_it_ends(self, way: Run, error: BaseException, kind: str, message: str) -> None:
        async def work() -> None:
            await asyncio.sleep(0)
            raise error

        with DAG("d") as dag:
            PythonOperator(task_id="a", python_callable=work)
        outcome = way(dag, "a")
        assert (outcome.kind, outcome.message) == (kind, message)

    def test_one_that_defers_goes_on_in_a_method_that_awaits(self, way: Run) -> None:
        class Waits(BaseAsyncOperator):
            async def aexecute(self, context: Any) -> None:
                self.defer(
                    trigger=TimeDeltaTrigger(timedelta(seconds=5)),
                    method_name="go_on",
                    kwargs={"n": 2},
                )

            async def go_on(self, context: Any, event: Any, n: int) -> int:
                await asyncio.sleep(0)
                return n + 1

        with DAG("d") as dag:
            Waits(task_id="a")
        outcome = way(dag, "a")
        assert outcome.kind == "deferred"
        assert outcome.pause is not None
        resume = Resume(method="go_on", cause="event", kwargs=msgspec.Raw(outcome.pause.kwargs))
        assert way(dag, "a", resume=resume).xcoms == {"return_value": b"3"}

    def test_without_xcom_push(self, way: Run) -> None:
        async def work() -> int:
            return 3

        with DAG("d") as dag:
            PythonOperator(task_id="a", python_callable=work, do_xcom_push=False)
        assert way(dag, "a").xcoms == {}

    def test_a_broken_template_never_gets_to_the_work(self, way: Run) -> None:
        async def work(text: str) -> None:
            raise AssertionError("it must not run")

        with DAG("d") as dag:
            PythonOperator(
                task_id="a", python_callable=work, op_kwargs={"text": "{{ var.value.none }}"}
            )
        assert "there is no variable 'none'" in way(dag, "a").message


def test_the_errors_of_a_stop_are_cancellations_by_their_airflow_name() -> None:
    for ours, theirs in ((TimedOut, AirflowTaskTimeout), (Terminated, AirflowTaskTerminated)):
        assert issubclass(ours, theirs)
        assert issubclass(ours, asyncio.CancelledError)
        assert ours.__name__ == theirs.__name__


def test_an_async_task_asks_for_a_place_beside_others_unless_it_wants_one_alone() -> None:
    with DAG("d") as dag:
        PythonOperator(task_id="a", python_callable=nothing)
        PythonOperator(task_id="b", python_callable=nothing, exclusive=True)
        PythonOperator(task_id="c", python_callable=nothing, isolation="fresh")
        PythonOperator(task_id="e", python_callable=nothing, resources={"gpu": 1})
        PythonOperator(task_id="f", python_callable=print)
    asked = [each.resources for each in dag.to_spec("d.py").tasks]
    assert asked == [{"async": 1}, {}, {}, {"gpu": 1}, {}]
