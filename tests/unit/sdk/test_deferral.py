"""defer(): what an attempt leaves behind, how the next one goes on, and people's own triggers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
import pytest

from millstream import (
    DAG,
    AirflowSkipException,
    BaseOperator,
    BaseSensorOperator,
    BaseTrigger,
    TriggerEvent,
)
from millstream.core.deferral import Cause, Resume, TriggerCall
from millstream.core.run_states import RunStates, StatesAnswer
from millstream.sdk.attempts import Firing, Outcome
from millstream.sdk.deferral import decode_value, encode_value, make_trigger
from millstream.sdk.errors import AirflowRescheduleException
from millstream.sdk.states import decode_question, encode_answer
from millstream.sdk.triggers.external_task import WorkflowTrigger
from millstream.sdk.triggers.file import FileTrigger
from millstream.sdk.triggers.http import HttpTrigger
from millstream.sdk.triggers.running import run_trigger
from millstream.sdk.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger
from millstream.sdk.triggers.trigger import (
    StartTriggerArgs,
    TaskFailedEvent,
    TaskSkippedEvent,
    TaskSuccessEvent,
)

Run = Callable[..., Outcome]
FAR = datetime(2999, 1, 1, tzinfo=UTC)


class Says(BaseTrigger):
    """Yields what its name says."""

    def __init__(self, what: str, since: datetime | None = None) -> None:
        self.what = what
        self.since = since

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Says", {"what": self.what, "since": self.since}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        match self.what:
            case "nothing":
                return
            case "error":
                raise ValueError("it broke")
            case "text":
                yield "text"  # type: ignore[misc]
            case "success":
                yield TaskSuccessEvent(xcoms={"return_value": 5, "more": 6})
            case "failed":
                yield TaskFailedEvent()
            case "skipped":
                yield TaskSkippedEvent()
            case _:
                await asyncio.sleep(0)
                yield TriggerEvent({"said": self.what, "since": self.since})


class Defers(BaseOperator):
    def __init__(self, *, trigger: Any, timeout: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger
        self.timeout = timeout

    def execute(self, context: Any) -> None:
        context["ti"].xcom_push("step", 1)
        self.defer(trigger=self.trigger, method_name="go_on", kwargs={"n": 7}, timeout=self.timeout)

    def go_on(self, context: Any, event: Any, n: int) -> Any:
        return [event, n]


def deferred(run: Run, trigger: Any, **options: Any) -> Outcome:
    with DAG("waits") as dag:
        Defers(task_id="a", trigger=trigger, **options)
    return run(dag, "a")


def resumed(run: Run, cause: Cause, payload: Any = None, **more: Any) -> Outcome:
    """The next attempt after a wait that ended like this."""
    with DAG("waits") as dag:
        Defers(task_id="a", trigger=Says("x"))
    how = Resume(
        cause=cause,
        method="go_on",
        kwargs=msgspec.Raw(b'{"n":7}'),
        payload=msgspec.Raw(encode_value(payload, "a")),
        **more,
    )
    return run(dag, "a", resume=how)


def fire(trigger: BaseTrigger, channel: Any = None) -> Firing:
    classpath, kwargs = trigger.serialize()
    call = TriggerCall(classpath=classpath, kwargs=msgspec.Raw(encode_value(kwargs, "a")))
    return asyncio.run(run_trigger(call, "a", "", channel))


class TestDefer:
    def test_what_is_left_behind(self, run: Run) -> None:
        outcome = deferred(run, Says("x", FAR), timeout=timedelta(minutes=1))
        pause = outcome.pause
        assert outcome.kind == "deferred"
        assert pause is not None
        assert pause.trigger is not None
        assert (pause.method, pause.kwargs, pause.timeout_s) == ("go_on", b'{"n":7}', 60.0)
        assert outcome.xcoms == {"step": b"1"}
        again = make_trigger(pause.trigger)
        assert vars(again) == {"what": "x", "since": FAR}

    def test_an_instant_needs_no_trigger(self, run: Run) -> None:
        pause = deferred(run, DateTimeTrigger(FAR)).pause
        assert pause is not None
        assert (pause.wake_at, pause.trigger) == (FAR, None)
        assert decode_value(pause.payload) == FAR

    def test_but_one_that_does_something_else_does(self, run: Run) -> None:
        class Other(DateTimeTrigger):
            async def run(self) -> AsyncIterator[TriggerEvent]:
                yield TriggerEvent(1)

        pause = deferred(run, Other(FAR)).pause
        assert pause is not None
        assert pause.wake_at is None

    @pytest.mark.parametrize(
        ("trigger", "said"),
        [
            ("soon", "needs a BaseTrigger, not 'soon'"),
            (Says(object()), "is neither"),  # type: ignore[arg-type]
            (Says("x" * 50_000), "49152 are allowed"),
        ],
    )
    def test_what_cannot_be_left_behind(self, run: Run, trigger: Any, said: str) -> None:
        outcome = deferred(run, trigger)
        assert outcome.kind == "failed"
        assert said in outcome.message

    def test_a_method_that_is_not_there(self, run: Run) -> None:
        class Wrong(Defers):
            def execute(self, context: Any) -> None:
                self.defer(trigger=Says("x"), method_name="go_onn")

        with DAG("waits") as dag:
            Wrong(task_id="a", trigger=None)
        assert "'go_onn', and Wrong has no such method" in run(dag, "a").message

    def test_an_except_does_not_catch_it(self, run: Run) -> None:
        class Careful(Defers):
            def execute(self, context: Any) -> None:
                try:
                    super().execute(context)
                except Exception:
                    raise AssertionError("caught") from None

        with DAG("waits") as dag:
            Careful(task_id="a", trigger=Says("x"))
        assert run(dag, "a").kind == "deferred"

    def test_start_from_trigger(self, run: Run) -> None:
        class Starts(Defers):
            start_from_trigger = True
            start_trigger_args = StartTriggerArgs(
                trigger_cls=f"{__name__}.Says",
                trigger_kwargs={"what": "x"},
                next_method="go_on",
                timeout=timedelta(seconds=5),
            )

            def execute(self, context: Any) -> None:
                raise AssertionError("it begins with its trigger")

        with DAG("waits") as dag:
            Starts(task_id="a", trigger=None)
        pause = run(dag, "a").pause
        assert pause is not None
        assert (pause.method, pause.timeout_s) == ("go_on", 5.0)


class TestResume:
    def test_the_method_gets_what_the_trigger_said(self, run: Run) -> None:
        assert resumed(run, "event", {"a": 1}).xcoms["return_value"] == b'[{"a":1},7]'

    def test_a_trigger_that_broke(self, run: Run) -> None:
        outcome = resumed(run, "error", message="it broke", traceback="Traceback")
        assert (outcome.kind, outcome.error_type) == ("failed", "TaskDeferralError")
        assert (outcome.message, outcome.may_retry) == ("it broke", True)

    def test_a_time_out(self, run: Run) -> None:
        outcome = resumed(run, "timeout", message="over")
        assert (outcome.error_type, outcome.message) == ("TaskDeferralTimeout", "over")

    def test_a_sensors_time_out(self, run: Run) -> None:
        how = Resume(cause="timeout", method="go_on")
        with DAG("waits") as dag:
            BaseSensorOperator(task_id="a")
            BaseSensorOperator(task_id="soft", soft_fail=True)
        outcome = run(dag, "a", resume=how)
        assert (outcome.error_type, outcome.may_retry) == ("AirflowSensorTimeout", False)
        assert run(dag, "soft", resume=how).kind == "skipped"

    def test_a_sensors_own_skip_is_its_own(self, run: Run) -> None:
        class Skips(BaseSensorOperator):
            def go_on(self, context: Any, event: Any) -> None:
                raise AirflowSkipException("no data today")

        with DAG("waits") as dag:
            Skips(task_id="a", soft_fail=True)
        outcome = run(dag, "a", resume=Resume(cause="event", method="go_on"))
        assert outcome.message == "no data today"

    def test_a_trigger_that_ends_the_task(self, run: Run) -> None:
        outcome = resumed(run, "success", {"xcoms": {"return_value": 5, "more": 6}})
        assert (outcome.kind, outcome.xcoms) == ("success", {"return_value": b"5", "more": b"6"})
        assert resumed(run, "skipped").kind == "skipped"
        failed = resumed(run, "failed")
        assert (failed.kind, failed.may_retry) == ("failed", False)


class TestTriggers:
    @pytest.mark.parametrize("what", ["success", "failed", "skipped"])
    def test_those_that_end_their_task(self, what: str) -> None:
        assert fire(Says(what)).cause == what

    def test_an_event(self) -> None:
        firing = fire(Says("x", FAR))
        assert firing.cause == "event"
        assert decode_value(firing.payload) == {"said": "x", "since": FAR}

    @pytest.mark.parametrize(
        ("what", "said"),
        [
            ("error", "ValueError: it broke"),
            ("nothing", "Says ended and said nothing"),
            ("text", "which is no TriggerEvent"),
        ],
    )
    def test_those_that_break(self, what: str, said: str) -> None:
        firing = fire(Says(what))
        assert firing.cause == "error"
        assert said in firing.message

    def test_one_that_cannot_be_made(self) -> None:
        firing = asyncio.run(run_trigger(TriggerCall(classpath="no.such.Thing"), "a", "", None))  # type: ignore[arg-type]
        assert "No module named 'no'" in firing.message

    def test_instants(self) -> None:
        assert fire(TimeDeltaTrigger(timedelta(0))).cause == "event"
        assert fire(DateTimeTrigger(datetime(2020, 1, 1, tzinfo=UTC))).cause == "event"
        with pytest.raises(ValueError, match="must have a time zone"):
            DateTimeTrigger(datetime(2020, 1, 1))
        with pytest.raises(TypeError, match="exactly one of moment and target_time"):
            DateTimeTrigger()

    def test_a_file(self, tmp_path: Any) -> None:
        (tmp_path / "a").touch()
        assert decode_value(fire(FileTrigger(str(tmp_path / "*"))).payload) is True

    def test_another_dag(self) -> None:
        class Channel:
            seen: list[str] = []

            async def find_states(self, question: bytes) -> bytes:
                asked = decode_question(question)
                self.seen.append(asked.seen)
                state = "success" if asked.seen else "running"
                run = RunStates(run_id="r", logical_date=FAR, state=state)
                return encode_answer(StatesAnswer(runs=(run,), digest=state))

        channel = Channel()
        firing = fire(WorkflowTrigger("other", [FAR]), channel)
        assert decode_value(firing.payload) == {"status": "success"}
        assert channel.seen == ["", "running"], "the second answer is held back until there is news"

    def test_a_web_server(self) -> None:
        async def serve() -> Firing:
            count = 0

            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal count
                count += 1
                await reader.readuntil(b"\r\n\r\n")
                body = b"ready" if count > 1 else b"later"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
                await writer.drain()
                writer.close()

            async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                trigger = HttpTrigger(
                    f"http://127.0.0.1:{port}/", response_contains="ready", poke_interval=0.01
                )
                classpath, kwargs = trigger.serialize()
                raw = msgspec.Raw(encode_value(kwargs, "a"))
                return await run_trigger(
                    TriggerCall(classpath=classpath, kwargs=raw), "a", "", None
                )  # type: ignore[arg-type]

        firing = asyncio.run(serve())
        assert firing.message == ""
        payload = decode_value(firing.payload)
        assert (payload["status"], payload["text"]) == (200, "ready")
        with pytest.raises(ValueError, match="must begin with http"):
            HttpTrigger("ftp://x")


def test_values_come_back() -> None:
    value = {
        "at": FAR,
        "list": [date(2024, 1, 2), time(3, 4), timedelta(seconds=5.5)],
        "plain": {"a": None, "b": 1.5},
    }
    assert decode_value(encode_value(value, "a")) == value


def test_any_task_may_be_rescheduled(run: Run) -> None:
    class Later(BaseOperator):
        def execute(self, context: Any) -> None:
            raise AirflowRescheduleException(FAR)

    with DAG("waits") as dag:
        Later(task_id="a")
    outcome = run(dag, "a")
    assert (outcome.kind, outcome.until) == ("rescheduled", FAR)
