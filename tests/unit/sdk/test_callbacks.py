"""Callbacks: which are called when, with which context, and that nothing hangs on them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from millstream import (
    DAG,
    AirflowSkipException,
    BaseNotifier,
    BashOperator,
    EmptyOperator,
    PythonOperator,
    SmtpNotifier,
    TaskGroup,
    get_current_context,
)
from millstream.core.spec import BashAction, CallbackAction, PythonAction
from millstream.sdk.callbacks import rebuilt_error

KINDS = ("execute", "success", "failure", "retry", "skipped")


class Calls(list[str]):
    """Notes what is called, in order."""

    def noting(self, name: str) -> Any:
        def note(context: Any) -> None:
            self.append(f"{name} {context['ti'].task_id}")

        return note

    def all_kinds(self) -> dict[str, Any]:
        return {f"on_{kind}_callback": self.noting(kind) for kind in KINDS}


@pytest.fixture
def calls(capsys: pytest.CaptureFixture[str]) -> Calls:
    return Calls()


def test_what_each_end_leads_to(calls: Calls) -> None:
    tries = []

    def flaky() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("bad")

    def skip() -> None:
        raise AirflowSkipException("no data")

    def fail() -> None:
        raise ValueError("bad")

    with DAG("d", default_args=calls.all_kinds()) as dag:
        PythonOperator(task_id="good", python_callable=lambda: 1)
        PythonOperator(task_id="flaky", python_callable=flaky, retries=2)
        PythonOperator(task_id="skip", python_callable=skip) >> EmptyOperator(task_id="after")
        PythonOperator(task_id="bad", python_callable=fail) >> EmptyOperator(task_id="never")
        EmptyOperator(task_id="joint")
    dag.test()
    by_task: dict[str, list[str]] = {}
    for call in calls:
        kind, name = call.split()
        by_task.setdefault(name, []).append(kind)
    assert by_task == {
        "good": ["execute", "success"],
        "flaky": ["execute", "retry", "execute", "retry", "execute", "success"],
        "skip": ["execute", "skipped"],
        "bad": ["execute", "failure"],
        "joint": ["execute", "success"],
    }


def test_the_context_of_a_failure(calls: Calls) -> None:
    seen: dict[str, Any] = {}

    def note(context: Any) -> None:
        ti = context["ti"]
        assert get_current_context() is context
        seen.update(
            exception=context["exception"],
            tries=(ti.try_number, ti.max_tries),
            state=ti.state,
            dates=(ti.start_date, ti.end_date, ti.duration),
            param=context["params"]["size"],
            ds=context["ds"],
            pulled=ti.xcom_pull(task_ids="first"),
            task=context["task"].task_id,
            run=context["dag_run"].run_id == context["run_id"],
        )

    def fail() -> None:
        raise ZeroDivisionError("by zero")

    with DAG("d", params={"size": 3}) as dag:
        PythonOperator(task_id="first", python_callable=lambda: [1, 2]) >> PythonOperator(
            task_id="bad",
            python_callable=fail,
            retries=1,
            on_failure_callback=note,
        )
    dag.test(logical_date=datetime(2024, 2, 29), run_conf={"size": 4})
    assert isinstance(seen["exception"], ZeroDivisionError)
    assert str(seen["exception"]) == "by zero"
    assert "in fail" in seen["exception"].__notes__[0], "the traceback"
    assert seen["tries"] == (2, 1)
    assert seen["state"] == "failed"
    assert seen["dates"][2] >= 0
    assert seen["dates"][0] <= seen["dates"][1]
    assert (seen["param"], seen["ds"], seen["pulled"]) == (4, "2024-02-29", [1, 2])
    assert (seen["task"], seen["run"]) == ("bad", True)


@pytest.mark.parametrize(
    ("fails", "kind", "reason"), [(0, "good", "success"), (1, "bad", "task_failure")]
)
def test_callbacks_of_a_dag(calls: Calls, fails: int, kind: str, reason: str) -> None:
    seen = []

    def note(name: str) -> Any:
        return lambda context: seen.append(
            (name, context["reason"], context["dag_run"].state, context["ti"].task_id)
        )

    with DAG("d", on_success_callback=[note("good")], on_failure_callback=note("bad")) as dag:
        PythonOperator(task_id="work", python_callable=lambda: 1 // (1 - fails))
    state = dag.test().state
    assert seen == [(kind, reason, state, "work")]


def test_several_callbacks_and_one_that_fails(calls: Calls, capsys: Any) -> None:
    def broken(context: Any) -> None:
        raise RuntimeError("not today")

    async def slow(context: Any) -> None:
        await asyncio.sleep(0)
        calls.append("awaited")

    functions = [broken, calls.noting("second"), slow]
    with DAG("d") as dag:
        PythonOperator(
            task_id="t",
            python_callable=lambda: 1,
            on_execute_callback=functions,
            on_success_callback=functions,
        )
    assert dag.test().state == "success"
    assert calls == ["second t", "awaited"] * 2
    assert "RuntimeError: not today" in capsys.readouterr().out


class Note(BaseNotifier):
    template_fields = ("text", "nested")

    def __init__(self, text: str, to: list[str]) -> None:
        super().__init__()
        self.text = text
        self.nested = {"who": ["{{ ti.task_id }}"]}
        self.to = to

    def notify(self, context: Any) -> None:
        self.to.append(f"{self.text} {self.nested['who'][0]}")


class AsyncNote(Note):
    notify = BaseNotifier.notify

    async def async_notify(self, context: Any) -> None:
        await asyncio.sleep(0)
        self.to.append(f"async {self.text}")


def test_a_notifier_renders_for_each_task_anew(calls: Calls) -> None:
    notifier = Note("{{ ti.state }}: {{ run_id[:6] }}", calls)
    with DAG("d") as dag:
        for name in ("one", "two"):
            PythonOperator(task_id=name, python_callable=lambda: 1, on_success_callback=notifier)
        PythonOperator(
            task_id="three",
            python_callable=lambda: 1 // 0,
            on_failure_callback=[AsyncNote("{{ exception }}", calls)],
        )
    dag.test()
    assert sorted(calls) == [
        "async integer division or modulo by zero", "success: manual one", "success: manual two"
    ]  # fmt: skip


def test_a_notifier_that_fails_is_a_line_in_the_log(calls: Calls, caplog: Any) -> None:
    with DAG("d") as dag:
        PythonOperator(
            task_id="t",
            python_callable=lambda: 1,
            on_success_callback=[
                Note("{{ nothing }}", calls),
                BaseNotifier(),
                calls.noting("last"),
            ],
        )
    assert dag.test().state == "success"
    assert calls == ["last t"]
    assert "neither notify nor async_notify" in caplog.text
    assert "no" in caplog.text


def test_the_spec_says_which_there_are() -> None:
    with DAG("d", on_failure_callback=print) as dag:
        with TaskGroup("g", default_args={"on_failure_callback": print}):
            BashOperator(task_id="shell", bash_command="true", on_retry_callback=[print])
        EmptyOperator(task_id="plain", on_failure_callback=None, on_success_callback=[])
        BashOperator(task_id="exec", bash_command="true", on_execute_callback=print)
    spec = dag.to_spec("f.py")
    by_id = {task.task_id: task for task in spec.tasks}
    assert spec.callbacks == ("failure",)
    assert by_id["g.shell"].callbacks == ("failure", "retry")
    assert isinstance(by_id["g.shell"].action, BashAction), "the worker needs no DAG file for it"
    assert by_id["plain"].callbacks == ()
    assert isinstance(by_id["exec"].action, PythonAction)


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="on_failure_callback is 'mail'; pass a function"):
        EmptyOperator(task_id="t", on_failure_callback="mail")
    with pytest.raises(TypeError, match="on_success_callback is"):
        DAG("d", on_success_callback=[print, 5])
    with pytest.raises(TypeError, match="unknown argument 'on_failre_callback'; did you mean"):
        EmptyOperator(task_id="t", on_failre_callback=print)
    with pytest.raises(TypeError, match="to is 5"):
        EmptyOperator(task_id="t", email=5)


def test_sla_warns() -> None:
    with pytest.warns(DeprecationWarning, match="sla of task 't' has no effect"):
        EmptyOperator(task_id="t", sla=60)
    with pytest.warns(DeprecationWarning, match="sla_miss_callback"):
        DAG("d", sla_miss_callback=print)


@pytest.mark.parametrize(
    ("error_type", "expected"),
    [
        ("KeyError", KeyError),
        ("AirflowTaskTimeout", None),
        ("UnicodeDecodeError", None),
        ("", None),
    ],
)
def test_an_error_is_rebuilt_by_its_name(error_type: str, expected: Any) -> None:
    error = rebuilt_error(CallbackAction(on="failure", error_type=error_type, message="m"))
    assert "m" in str(error)
    assert type(error).__name__ == (error_type or "TaskError")
    if expected:
        assert isinstance(error, expected)


# --- mails


def mailing(**arguments: Any) -> DAG:
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=lambda: 1 // 0, **arguments)
    return dag


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ({"email": "a@b.c"}, ("failure", "retry")),
        ({"email": ["a@b.c", "d@e.f"], "email_on_retry": False}, ("failure",)),
        ({"email": "a@b.c", "email_on_failure": False, "email_on_retry": False}, ()),
        ({"email_on_failure": True}, ()),
    ],
)
def test_email_is_a_callback(arguments: Any, kinds: Any) -> None:
    assert mailing(**arguments).to_spec("f.py").tasks[0].callbacks == kinds


def test_without_a_mail_server_the_log_says_so(capsys: Any, caplog: Any) -> None:
    assert mailing(email="a@b.c").test().state == "failed"
    assert "No mail to a@b.c: there is no connection 'smtp_default'" in caplog.text


def test_a_mail_goes_to_the_server(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with SmtpServer() as server:
        monkeypatch.setenv(
            "AIRFLOW_CONN_SMTP_DEFAULT",
            f"smtp://127.0.0.1:{server.port}?disable_tls=true&from_email=flow@b.c",
        )
        mailing(email="a@b.c; d@e.f").test()
    text = server.received.decode()
    assert "mail FROM:<flow@b.c>" in text
    assert "rcpt TO:<a@b.c>" in text
    assert "rcpt TO:<d@e.f>" in text
    assert "Subject: Millstream: d.t failed" in text
    assert "ZeroDivisionError('integer division or modulo by zero')" in text


class SmtpServer:
    """Takes one mail, and keeps what the client said."""

    def __enter__(self) -> SmtpServer:
        import socket
        import threading

        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.received = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join(timeout=20)
        self._listening.close()

    def _serve(self) -> None:
        self._listening.settimeout(20)
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 here\r\n")
            is_data = False
            for line in lines:
                self.received += line
                if is_data and line != b".\r\n":
                    continue
                word = line.split()[0].upper() if not is_data else b""
                is_data = word == b"DATA"
                if word == b"QUIT":
                    connection.sendall(b"221 bye\r\n")
                    return
                connection.sendall(b"354 go on\r\n" if is_data else b"250 ok\r\n")


def test_a_notifier_of_mails_has_templates() -> None:
    notifier = SmtpNotifier(to="{{ params.to }}", subject="{{ ti.task_id }}", cc=["x@y.z"])

    class Ti:
        task_id, dag_id, state, hostname, try_number, max_tries = "t", "d", "failed", "h", 1, 0

    context = {"params": {"to": "a@b.c"}, "ti": Ti, "run_id": "r", "exception": None}
    rendered = notifier.rendered(context)
    assert isinstance(rendered, SmtpNotifier)
    assert (rendered.to, rendered.subject, rendered.cc) == (["a@b.c"], "t", ["x@y.z"])
    assert notifier.subject == "{{ ti.task_id }}", "the one in the DAG file stays as it is"
