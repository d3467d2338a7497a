"""Connections: their spellings, where they come from, hooks, and what is said of a missing one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream import DAG, AirflowException, BaseHook, Connection, PythonOperator
from millstream.sdk.errors import ConnectionNotFound
from millstream.sdk.masking import masker
from millstream.sdk.stores import asking


def fields(connection: Connection) -> dict[str, Any]:
    return {name: value for name, value in vars(connection).items() if value not in (None, "")}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            "postgresql://user:pa%3Ass@db.example:5432/main?sslmode=require",
            {
                "conn_type": "postgres",
                "host": "db.example",
                "login": "user",
                "password": "pa:ss",
                "schema": "main",
                "port": 5432,
                "extra": '{"sslmode": "require"}',
            },
        ),
        ("google-cloud-platform://", {"conn_type": "google_cloud_platform"}),
        (
            "google_cloud_platform://?a=b",
            {"conn_type": "google_cloud_platform", "extra": '{"a": "b"}'},
        ),
        (
            "http://https://api.example:8080/v1",
            {"conn_type": "http", "host": "https://api.example", "port": 8080, "schema": "v1"},
        ),
        (
            "http://https://u:p@api.example",
            {"conn_type": "http", "host": "https://api.example", "login": "u", "password": "p"},
        ),
        ("fs:///?path=%2Fdata", {"conn_type": "fs", "extra": '{"path": "/data"}'}),
        ("a://@:3306", {"conn_type": "a", "login": "", "port": 3306}),
        ("a://:pw@h", {"conn_type": "a", "login": "", "password": "pw", "host": "h"}),
        (
            "a://%2Ftmp%2Fsock:1/db",
            {"conn_type": "a", "host": "/tmp/sock", "port": 1, "schema": "db"},
        ),
        ("a://[::1]:5", {"conn_type": "a", "host": "::1", "port": 5}),
        ("//h", {"host": "h"}),
        (
            "aws://?__extra__=%7B%22role%22%3A+%7B%22a%22%3A+1%7D%7D",
            {"conn_type": "aws", "extra": '{"role": {"a": 1}}'},
        ),
        ("a://h?x=&y=%20", {"conn_type": "a", "host": "h", "extra": '{"x": "", "y": " "}'}),
    ],
)
def test_uris(uri: str, expected: dict[str, Any]) -> None:
    got = Connection(conn_id="c", uri=uri)
    expected = {name: value for name, value in expected.items() if value != ""}
    assert fields(got) == {"conn_id": "c", **expected}


@pytest.mark.parametrize(
    ("connection", "uri"),
    [
        (
            Connection(
                conn_type="postgres", host="h", login="u@x", password="p/w", port=1, schema="s?"
            ),
            "postgres://u%40x:p%2Fw@h:1/s%3F",
        ),
        (
            Connection(conn_type="google_cloud_platform", extra={"a": "b"}),
            "google-cloud-platform:///?a=b",
        ),
        (
            Connection(conn_type="a", host="h", schema="s", extra={"k": 1}),
            "a://h/s?__extra__=%7B%22k%22%3A+1%7D",
        ),
        (
            Connection(conn_type="http", host="https://h", login="u", password="p"),
            "http://https://u:p@h",
        ),
        (Connection(conn_type="a", port=5), "a://@:5"),
        (Connection(conn_type="a", extra="no json"), "a:///?__extra__=no+json"),
        (Connection(host="h"), "//h"),
    ],
)
def test_uris_are_written(connection: Connection, uri: str) -> None:
    assert connection.get_uri() == uri


_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(
    st.builds(
        Connection,
        conn_id=st.just("c"),
        conn_type=st.sampled_from(["postgres", "aws", "my_own"]),
        host=st.sampled_from(["h", "db.example", "10.0.0.1", "https://api.example"]),
        login=_text,
        password=_text,
        schema=_text,
        port=st.none() | st.integers(0, 65535),
        extra=st.none() | st.dictionaries(_text, _text | st.integers(), min_size=1, max_size=3),
    )
)
def test_each_spelling_says_all(connection: Connection) -> None:
    again = Connection(conn_id="c", uri=connection.get_uri())
    assert again.extra_dejson == connection.extra_dejson
    again.extra = connection.extra
    assert again == connection
    assert Connection.from_json(connection.as_json(), "c") == connection


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Connection("c", uri="a://u:secret@b://c://d"), "'://' more than twice"),
        (
            lambda: Connection("c", uri="a://u:secret@http://h"),
            "the protocol goes before the login",
        ),
        (lambda: Connection("c", uri="a://u:secret@h:port"), "its port or its host"),
        (lambda: Connection("c", uri="u:secret@h"), "it must begin with its type"),
        (lambda: Connection("c", host="h", uri="a://"), "either uri or the fields"),
        (lambda: Connection("c", port=70000), "port is 70000; it must be a number from 0 to 65535"),
        (lambda: Connection("c", port="x"), "port is 'x'"),
        (lambda: Connection("c", password=5), "password must be a str, not a int"),
        (lambda: Connection.from_json("{secret", "c"), "the JSON cannot be read"),
        (lambda: Connection.from_json("[1]", "c"), "the JSON must be an object"),
        (lambda: Connection.from_json('{"pasword": "secret"}', "c"), "unknown key 'pasword'"),
    ],
)
def test_wrong_ones_are_refused_without_their_secrets(make: Any, message: str) -> None:
    with pytest.raises((AirflowException, TypeError, ValueError)) as caught:
        make()
    assert "connection 'c'" in str(caught.value)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_json() -> None:
    text = '{"conn_type": "my-own", "port": "5", "extra": {"a": 1}, "password": "pw"}'
    made = Connection.from_json(text, "c")
    assert fields(made) == {
        "conn_id": "c", "conn_type": "my_own", "port": 5, "extra": '{"a": 1}', "password": "pw",
    }  # fmt: skip
    assert json.loads(made.as_json()) == {
        "conn_type": "my_own", "port": 5, "extra": {"a": 1}, "password": "pw",
    }  # fmt: skip
    assert "pw" not in repr(made)


def test_the_environment_comes_first(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    channel.connections["my_db"] = '{"conn_type": "store"}'
    with asking(channel):
        assert BaseHook.get_connection("my_db").conn_type == "store"
        monkeypatch.setenv("AIRFLOW_CONN_MY_DB", "airflow://h")
        assert Connection.get("my_db").conn_type == "airflow"
        monkeypatch.setenv("MILLSTREAM_CONN_MY_DB", '{"conn_type": "own"}')
        assert Connection.get("my_db") == Connection("my_db", "own")


def test_a_missing_one_says_where_it_was_looked_for(channel: Any) -> None:
    with asking(channel), pytest.raises(ConnectionNotFound) as caught:
        BaseHook.get_connection("zzz")
    assert str(caught.value) == (
        "there is no connection 'zzz'; it is neither in the environment (MILLSTREAM_CONN_ZZZ, "
        "AIRFLOW_CONN_ZZZ) nor in the store; add it with: millstream connections add zzz --uri URI"
    )


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ conn.db.host }}:{{ conn['db'].port }}", '"h:5"'),
        ("{{ conn.get('db').login }}", '"u"'),
        ("{{ conn.get('zzz') }} {{ conn.get('zzz', 'none') }}", '"None none"'),
        ("{{ conn.db.extra_dejson.region }}", '"eu"'),
        ("{{ conn.zzz.host }}", "task 't': template of op_args, line 1: there is no connection"),
    ],
)
def test_templates(text: str, result: str, run: Any, channel: Any) -> None:
    made = Connection("db", "t", host="h", port=5, login="u", extra={"region": "eu"})
    channel.connections["db"] = made.as_json()
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=lambda text: text, op_args=[text])
    outcome = run(dag, "t")
    got = outcome.xcoms.get("return_value", b"").decode() or outcome.message
    assert got.startswith(result)


def test_their_secrets_are_masked(run: Any, channel: Any) -> None:
    made = Connection(
        "db", "t", login="somebody", password="pass/word-1", extra={"api_key": "key-00001"}
    )
    channel.connections["db"] = made.as_json()

    def work(conn: Any) -> None:
        raise ValueError(f"{conn.db.get_uri()} {conn.db.password} {conn.db.extra}")

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=work)
    outcome = run(dag, "t")
    assert outcome.message == 't://somebody:***@/?api_key=*** *** {"api_key": "***"}'
    assert "word-1" not in outcome.traceback


def test_hooks(channel: Any) -> None:
    class Base(BaseHook):
        conn_name_attr = "my_conn_id"

        def __init__(self, my_conn_id: str, size: int = 0) -> None:
            super().__init__()
            self.my_conn_id, self.size = my_conn_id, size

    class Mine(Base):
        conn_type = "mine"

        def get_conn(self) -> str:
            return self.get_connection(self.my_conn_id).host or ""

    channel.connections |= {"c": '{"conn_type": "mine", "host": "h"}', "d": '{"conn_type": "zzz"}'}
    with asking(channel):
        hook = BaseHook.get_hook("c", {"size": 3})
        assert (type(hook), hook.size, hook.get_conn()) == (Mine, 3, "h")
        with pytest.raises(AirflowException, match="the type 'zzz', for which no hook is known"):
            BaseHook.get_hook("d")
    with pytest.raises(NotImplementedError, match="Base has no get_conn"):
        Base("c").get_conn()
    assert hook.log.name.endswith("Mine")


def test_a_connection_of_the_environment_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X", "a://u:env-pass%21@h")
    Connection.get("x")
    assert masker.mask("env-pass! env-pass%21") == "*** ***"


def test_an_async_task_looks_connections_up(run: Any, channel: Any) -> None:
    channel.connections["db"] = '{"conn_type": "t", "host": "h"}'

    async def work() -> list[str | None]:
        first = await Connection.async_get("db")
        return [first.host, (await BaseHook.aget_connection("db")).conn_type]

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=work)
    assert run(dag, "t").xcoms["return_value"] == b'["h","t"]'
