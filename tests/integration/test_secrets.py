"""Variables and connections over real servers: planted secrets reach tasks and nothing else."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from integration.running_stack import RunningStack, assert_success, eventually
from millstream.adapters.bus import Bus
from millstream.adapters.log_lines import decode_log_lines
from millstream.adapters.streams import stream_state
from millstream.adapters.subjects import LOGS
from millstream.client import Client
from millstream.core.errors import InvalidArgument, MillstreamError, NotFound, Refused
from millstream.sdk.connection import Connection
from millstream.sdk.errors import DagFileError

PASSWORD = "planted-hunter22/{x}"
CONN_PASSWORD = "planted-conn-pa%ss"
EXTRA_TOKEN = "planted-extra-token"
VALUE = "planted-plain-value"

DAG_FILE = """
from millstream import DAG, BashOperator, PythonOperator, Variable, BaseHook
import sys

def use():
    password = Variable.get("db_password")
    conn = BaseHook.get_connection("warehouse")
    sys.stdout.write("one line: " + password[:9])
    sys.stdout.flush()
    sys.stdout.write(password[9:] + " end\\n")
    print("connection:", conn.password, conn.extra, conn.get_uri(), file=sys.stderr)
    print("plain:", Variable.get("plain"))
    return [len(password), len(conn.password), conn.host, Variable.get("zzz", default=None)]

def change():
    Variable.set("made", {"a": 1}, description="by a task", serialize_json=True)
    first = Variable.get("made", deserialize_json=True)
    Variable.set("gone", "x")
    return [first, Variable.delete("gone"), Variable.delete("gone"), Variable.get("gone", "no")]

def fail():
    raise ValueError("cannot log in with " + Variable.get("db_password"))

with DAG("secrets") as dag:
    PythonOperator(task_id="use", python_callable=use)
    BashOperator(
        task_id="template",
        bash_command="echo {{ conn.warehouse.login }} $P {{ conn.warehouse.password }}",
        env={"P": "{{ var.value.db_password }}"},
        append_env=True,
        do_xcom_push=False,  # what a task hands on is its own affair
    )
    PythonOperator(task_id="change", python_callable=change)

with DAG("fails"):
    PythonOperator(task_id="fail", python_callable=fail)
"""


def plant(client: Client) -> None:
    client.variables.set("db_password", PASSWORD, "of the warehouse")
    client.variables.set("plain", VALUE)
    client.connections.set(
        Connection(
            "warehouse",
            "postgres",
            host="db.example",
            login="reader",
            password=CONN_PASSWORD,
            extra={"token": EXTRA_TOKEN, "region": "eu"},
        )
    )


def forms(text: str) -> list[bytes]:
    return [text.encode(), base64.b64encode(text.encode())]


PLANTED = [form for text in (PASSWORD, CONN_PASSWORD, EXTRA_TOKEN) for form in forms(text)]


async def everything_in(url: str) -> dict[str, bytes]:
    """The content of every table of the database, as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {
            f"{schema}.{table}": "\n".join(
                row[0]
                for row in await connection.fetch(f'SELECT t::text FROM "{schema}"."{table}" t')
            ).encode()
            for schema, table in tables
        }
    finally:
        await connection.close()


async def messages_of(nats_url: str, stream: str) -> list[bytes]:
    bus = await Bus.connect(nats_url, "reader")
    try:
        state = await stream_state(bus, stream)
        assert state is not None
        found = []
        for sequence in range(state["first_seq"], state["last_seq"] + 1):
            try:
                answer = await bus.jetstream(f"STREAM.MSG.GET.{stream}", {"seq": sequence})
            except MillstreamError:
                continue  # deleted
            found.append(base64.b64decode(answer["message"].get("data", "")))
        return found
    finally:
        await bus.close()


def test_planted_secrets_reach_tasks_and_nothing_else(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    plant(client)
    (tmp_path / "dags.py").write_text(DAG_FILE)
    client.submit_file(tmp_path / "dags.py")
    run = client.trigger("secrets")
    assert_success(client, run)
    assert client.xcom(run, "use") == [len(PASSWORD), len(CONN_PASSWORD), "db.example", None]
    assert client.xcom(run, "change") == [{"a": 1}, 1, 0, "no"]
    assert client.variables.get("made").value == '{\n  "a": 1\n}'
    assert client.variables.get("made").description == "by a task"
    rendered = client.rendered_fields(run, "template")
    assert rendered == {"bash_command": "echo reader $P ***", "env": '{"P": "***"}'}
    assert client.rendered_fields(run, "use") == {}
    with pytest.raises(NotFound):
        client.rendered_fields(run, "ghost")
    failed = client.wait(client.trigger("fails"))
    assert failed.state == "failed"
    (task,) = client.list_task_instances(failed)
    assert task.reason == "ValueError: cannot log in with ***"

    lines: list[str] = []

    def is_logged() -> bool:
        messages = asyncio.run(messages_of(stack.nats_url, LOGS))
        lines[:] = [line.text for message in messages for line in decode_log_lines(message)]
        return "plain: " + VALUE in lines and any("reader " in line for line in lines)

    eventually("the lines are on the stream", is_logged)
    assert "one line: *** end" in lines
    assert "reader *** ***" in lines
    assert (
        'connection: *** {"token": "***", "region": "eu"} '
        "postgres://reader:***@db.example/?token=***&region=eu"
    ) in lines

    tables = asyncio.run(everything_in(stack.database_url))
    assert b"VariableSet" in tables["public.event_log_p0"]
    assert b"fernet:" in tables["public.secret"]
    streams = {
        name: b"\n".join(asyncio.run(messages_of(stack.nats_url, name)))
        for name in (LOGS, "EVENTS_0", "INBOX")
    }
    logs = {path.name: path.read_bytes() for path in (stack.data_dir / "logs").glob("*.log")}
    for place, content in {**tables, **streams, **logs}.items():
        for planted in PLANTED:
            assert planted not in content, place
    # A value whose key names no secret may be printed by its task; it is not kept as it is.
    for place in ("public.event_log_p0", "public.secret", "public.refused_command"):
        assert VALUE.encode() not in tables[place], place


def test_what_is_given_out(stack: RunningStack) -> None:
    client = stack.client()
    plant(client)
    secret = client.variables.get("db_password")
    assert (secret.value, secret.is_secret, secret.description) == (None, True, "of the warehouse")
    assert client.variables.get("plain").value == VALUE
    assert all(one.value is None for one in client.variables.list())
    shown = client.connections.get("warehouse")
    assert (shown.conn_type, shown.host, shown.login) == ("postgres", "db.example", "reader")
    assert (shown.has_password, shown.extra) == (True, '{"token": "***", "region": "eu"}')
    assert "warehouse" in [one.conn_id for one in client.connections.list()]
    assert "planted" not in repr((secret, shown, list(client.connections.list())))


def test_versions_and_deletion(stack: RunningStack) -> None:
    client = stack.client()
    first = client.variables.set("v", "1", request_id="set-v")
    assert client.variables.set("v", "1", request_id="set-v") == first, "the same request"
    assert client.variables.set("v", "2") == first + 1
    client.variables.delete("v")
    with pytest.raises(NotFound, match="There is no variable 'v'"):
        client.variables.get("v")
    with pytest.raises((NotFound, Refused), match="There is no variable 'v'"):
        client.variables.delete("v")
    client.connections.set(Connection("c", "http"), must_be_new=True)
    with pytest.raises(MillstreamError, match="Connection 'c' exists already"):
        client.connections.set(Connection("c", "http"), must_be_new=True)
    client.connections.delete("c")
    with pytest.raises(NotFound, match="There is no connection 'c'"):
        client.connections.get("c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.variables.set(" k", "x"), "The key of a variable has 1 to 250 printable"),
        (lambda c: c.variables.set("k", "x" * 65_537), "has 65537 bytes; 65536 are allowed"),
        (lambda c: c.connections.set(Connection("c")), "conn_type is empty"),
        (lambda c: c.connections.set(Connection("c", "t", extra="[1]")), "text of a JSON object"),
    ],
)
def test_what_cannot_be_kept(stack: RunningStack, change: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        change(stack.client())


def test_the_read_tables_are_rebuilt(stack: RunningStack) -> None:
    client = stack.client()
    plant(client)
    client.variables.set("later-gone", "x")
    client.variables.delete("later-gone")
    before = {one.key: one for one in client.variables.list()}
    done = stack.run("rebuild", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    done = stack.run("rebuild")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one.key: one for one in client.variables.list()} == before
    assert "later-gone" not in before


def test_the_command_line(stack: RunningStack, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = stack.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "Variable cli is set (version 1)." in run("variables", "set", "cli", "a value")
    assert run("variables", "get", "cli") == "a value\n"
    assert '"value":"a value"' in run("variables", "get", "cli", "--json")
    (tmp_path / "in.json").write_text(
        '{"imported": {"a": 1}, "described": {"value": "x", "description": "y"}, "api_token": "t"}'
    )
    assert "3 variables are set." in run("variables", "import", str(tmp_path / "in.json"))
    assert run("variables", "get", "imported") == '{"a": 1}\n'
    eventually("they are listed", lambda: "api_token" in run("variables", "list"))
    run("variables", "export", str(tmp_path / "out.json"))
    exported = (tmp_path / "out.json").read_text()
    assert '"cli": "a value"' in exported
    assert '"described": {' in exported
    assert "api_token" not in exported
    done = stack.run("variables", "get", "api_token")
    assert (done.returncode, done.stdout) == (1, "")
    run("variables", "delete", "cli")
    assert stack.run("variables", "get", "cli").returncode == 1

    run("connections", "add", "web", "--uri", "http://u:planted-cli@h:81")
    shown = run("connections", "get", "web")
    assert "password     set" in shown
    assert "planted" not in shown
    done = stack.run("connections", "add", "web", "--type", "http")
    assert done.returncode == 1
    assert "Connection 'web' exists already" in done.stderr
    run("connections", "add", "web", "--type", "http", "--host", "h2", "--overwrite")
    assert '"host":"h2"' in run("connections", "get", "web", "--json")
    (tmp_path / "c.json").write_text('{"a": "http://h", "b": {"conn_type": "ssh", "port": 22}}')
    assert "2 connections are set." in run("connections", "import", str(tmp_path / "c.json"))
    eventually("they are listed", lambda: '"conn_id":"b"' in run("connections", "list", "--json"))
    run("connections", "delete", "web")
    assert stack.run("connections", "get", "web").returncode == 1
    done = stack.run("connections", "add", "bad", "--uri", "http://u:planted-bad@h:port")
    assert done.returncode == 2
    assert "planted" not in done.stderr


def test_the_key_is_kept_beside_the_data(stack: RunningStack) -> None:
    file = stack.data_dir / "secret.key"
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert len(base64.urlsafe_b64decode(file.read_bytes())) == 32


TOP_LEVEL = """
from millstream import DAG, PythonOperator, Variable, Connection

names = Variable.get("names", deserialize_json=True)
host = Connection.get("open").host
with DAG("top_level") as dag:
    for name in names:
        PythonOperator(task_id=f"{name}_{host}", python_callable=lambda: Variable.get("zzz", 1))
"""


def test_a_dag_file_looks_up_variables_while_it_is_read(
    stack: RunningStack, tmp_path: Path
) -> None:
    client = stack.client()
    plant(client)
    client.variables.set("names", '["a", "b"]')
    client.connections.set(Connection("open", "http", host="h"))
    file = tmp_path / "top.py"
    file.write_text(TOP_LEVEL)
    client.submit_file(file)
    run = client.trigger("top_level")
    assert_success(client, run)
    assert [task.task_id for task in client.list_task_instances(run)] == ["a_h", "b_h"]
    for source, message in (
        ("Variable.get('db_password')", "variable 'db_password': it is a secret, which only"),
        ("Connection.get('warehouse')", "connection 'warehouse': it is a secret, which only"),
        ("Variable.get('nowhere')", "there is no variable 'nowhere'; .* nor in the store"),
        ("Variable.set('names', 'x')", "variable 'names' cannot be changed while a DAG file is"),
    ):
        file.write_text(f"from millstream import *\n\n{source}\n")
        with pytest.raises(DagFileError, match=message) as caught:
            client.submit_file(file)
        assert caught.value.line == 3
