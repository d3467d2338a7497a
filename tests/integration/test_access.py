"""An installation where everybody logs in: tokens, roles, what is seen, and what is in the log."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from typer.testing import CliRunner

from integration.certificates import Authority, Pair
from integration.locked_stack import as_admin, as_token, locked_stack
from integration.own_api import own_api
from integration.planted_secrets import DAG_FILE, IN_THE_OPEN, answers_to_reads, files_with
from integration.running_stack import RunningStack, assert_success, bash, bash_dag, eventually
from millstream import Connection
from millstream.adapters.secret_box import new_key
from millstream.cli import app
from millstream.client import Client, Event, NotAuthenticated, NotPermitted, Target
from millstream.client.target import from_environment
from millstream.core.errors import MillstreamError, NotFound, Refused, Unavailable

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    more = {"OTEL_TRACES_EXPORTER": "console"}
    with locked_stack(tmp_path_factory.mktemp("locked"), more) as running:
        yield running


@pytest.fixture(scope="module")
def admin(locked: RunningStack) -> Iterator[Client]:
    with as_admin(locked) as client:
        yield client


def user(admin: Client, name: str, *roles: tuple[str, str]) -> str:
    """A user with roles, each on a DAG of the namespace or ("") on all of it; returns a token."""
    admin.access.create_user(name)
    for role, dag_id in roles:
        admin.access.grant_role(name, role, dag_id=dag_id)
    return admin.access.create_token(name, label="test").secret


def follow(client: Client) -> Iterator[Event]:
    return client.events(namespace="default", follow=True, timeout_s=30)


def test_without_a_token_nothing_is_answered(locked: RunningStack) -> None:
    for token in ("", "x", "ms_abcdefghijkl_" + "x" * 43):
        with as_token(locked, token, timeout_s=5) as client:
            with pytest.raises(NotAuthenticated):
                client.status()
            with pytest.raises(NotAuthenticated):
                list(client.events(follow=True, timeout_s=5))
    # Load balancers have none.
    with grpc.insecure_channel(locked.address) as channel:
        ask: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert ask(b"", timeout=5) == b"\x08\x01"


def test_the_administrators_token_is_the_data_directorys(
    locked: RunningStack, admin: Client
) -> None:
    me = admin.access.who_am_i()
    assert (me.name, me.authenticated_by) == ("admin-token", "admin token")
    file = locked.data_dir / "admin.token"
    assert file.stat().st_mode & 0o777 == 0o600
    shown = locked.run("runs", "list", "--json")
    assert shown.returncode == 0, shown.stderr


def test_who_did_it_is_in_every_event(locked: RunningStack, admin: Client) -> None:
    token = user(admin, "olga", ("operator", ""))
    with as_token(locked, token) as olga:
        run = olga.trigger("alpha")
        assert_success(olga, run)
        events = list(olga.events(run.run_id, "alpha", namespace="default"))
    asked = [event for event in events if event.type == "RunCreated"]
    assert [event.actor for event in asked] == ["api/api-1/olga"]
    assert all(event.actor.startswith(("api/api-1/olga", "worker/")) for event in events)


def test_a_role_on_one_dag_shows_that_one(locked: RunningStack, admin: Client) -> None:
    for dag_id in ("alpha", "beta"):
        assert_success(admin, admin.trigger(dag_id, run_id=f"seen-{dag_id}"))
    token = user(admin, "vera", ("viewer", "alpha"))
    with as_token(locked, token) as vera:
        assert [dag.dag_id for dag in vera.list_dags()] == ["alpha"]
        assert {run.dag_id for run in vera.list_runs()} == {"alpha"}
        assert vera.get_run("seen-alpha").state == "success"
        assert [task.task_id for task in vera.list_task_instances("seen-alpha")] == ["a"]
        with pytest.raises(NotFound):
            vera.get_run("seen-beta")
        with pytest.raises(NotFound):
            vera.wait("seen-beta", timeout_s=5)
        with pytest.raises(NotPermitted):
            vera.get_run("seen-beta", dag_id="beta")
        with pytest.raises(NotPermitted):
            vera.trigger("alpha")
        with pytest.raises(NotPermitted):
            list(vera.pools.list())
        with pytest.raises(NotPermitted):
            vera.submit_spec(bash_dag("alpha", bash("a", "true")))
    # And nothing of it is left behind in the connections of the pool.
    assert {dag.dag_id for dag in admin.list_dags()} >= {"alpha", "beta"}


def test_the_past_shows_one_dag_as_well(locked: RunningStack, admin: Client) -> None:
    """Positions are those of the whole log; what stands there is not shown."""
    for dag_id in ("alpha", "beta"):  # one after the other: alpha's is over where beta's ends
        assert_success(admin, admin.trigger(dag_id, run_id=f"past-{dag_id}"))
    last = list(admin.events("past-beta", namespace="default"))[-1]
    token = user(admin, "petra", ("viewer", "alpha"))
    with as_token(locked, token) as petra:
        history = petra.history
        assert history.position_at(last.recorded_at) >= last.position
        for at in (last.position, last.recorded_at, None):
            found = history.run("past-alpha", at)
            assert [task.state for task in found.tasks] == ["success"]
            assert {run.dag_id for run in history.runs(at)} == {"alpha"}
            assert [dag.dag_id for dag in history.dags(at)] == ["alpha"]
        first = next(iter(petra.events("past-alpha", "alpha", namespace="default")))
        since = list(history.events(dag_id="alpha", namespace="default", since=first.recorded_at))
        assert [event.run_id for event in since][:1] == ["past-alpha"]
        assert history.diff("past-alpha", "past-alpha").divergences == ()
        for run_id, dag_id in (("past-beta", ""), ("past-beta", "beta")):
            with pytest.raises((NotFound, NotPermitted)):
                history.run(run_id, last.position, dag_id=dag_id)
            with pytest.raises((NotFound, NotPermitted)):
                history.diff("past-alpha", run_id, dag_id="alpha", other_dag_id=dag_id)
        for refused in (
            lambda: history.rerun("past-alpha"),
            lambda: history.export(),
            lambda: history.state(last.position),
            lambda: list(history.events()),
        ):
            with pytest.raises(NotPermitted):
                refused()
    operator = user(admin, "otto", ("operator", "alpha"))
    with as_token(locked, operator) as otto:
        made = otto.history.rerun("past-alpha", ["a"])
        assert_success(otto, made)
        with pytest.raises(NotPermitted):
            otto.history.rerun("past-beta", dag_id="beta")


def test_a_token_can_do_less_than_its_user(locked: RunningStack, admin: Client) -> None:
    token = user(admin, "oskar", ("operator", ""))
    with as_token(locked, token) as oskar:
        less = oskar.access.create_token(scopes=["viewer:default"])
        with as_token(locked, less.secret) as viewer:
            assert viewer.access.who_am_i().token_scopes == ("viewer:default",)
            assert list(viewer.list_dags())
            with pytest.raises(NotPermitted):
                viewer.trigger("alpha")
            with pytest.raises(NotPermitted, match="scopes"):
                viewer.access.create_token()
        with pytest.raises(NotPermitted):
            oskar.access.create_token("vera-or-somebody")
        with pytest.raises(NotPermitted):
            list(oskar.access.list_tokens("*"))
        with pytest.raises(NotPermitted):
            oskar.access.create_user("friend")
        with pytest.raises(NotPermitted):
            oskar.access.grant_role("oskar", "admin")
        assert len(list(oskar.access.list_tokens())) == 2
        oskar.access.revoke_token(less.token_id)
        with as_token(locked, less.secret) as viewer, pytest.raises(NotAuthenticated):
            list(viewer.list_dags())


def test_a_revoked_token_is_refused_at_once_and_its_streams_end(
    locked: RunningStack, admin: Client
) -> None:
    token = user(admin, "rita", ("viewer", ""))
    token_id = token.split("_")[1]
    ended: list[BaseException] = []
    seen = threading.Event()

    def watch() -> None:
        try:
            for _ in follow(rita):
                seen.set()
        except MillstreamError as error:
            ended.append(error)

    with as_token(locked, token) as rita:
        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        assert seen.wait(10)
        admin.access.revoke_token(token_id)
        with pytest.raises(NotAuthenticated):
            list(rita.list_dags())
        watching.join(10)
    assert [type(error) for error in ended] == [NotAuthenticated]
    with pytest.raises(NotFound):
        admin.access.revoke_token(token_id)


def test_a_role_that_is_taken_away_ends_streams_too(locked: RunningStack, admin: Client) -> None:
    token = user(admin, "rolf", ("viewer", ""))
    with as_token(locked, token) as rolf:
        events = follow(rolf)
        next(events)
        admin.access.revoke_role("rolf", "viewer")
        with pytest.raises(NotPermitted):
            for _ in events:
                pass
        with pytest.raises(NotPermitted):
            list(rolf.list_dags())


def test_an_expired_token_is_refused(locked: RunningStack, admin: Client) -> None:
    user(admin, "emil", ("viewer", ""))
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    token = admin.access.create_token("emil", expires_at=soon).secret
    with as_token(locked, token) as emil:
        assert emil.access.who_am_i().expires_at is not None

        def is_refused() -> bool:
            try:
                list(emil.list_dags())
            except NotAuthenticated:
                return True
            return False

        eventually("the token expires", is_refused, 10)


def test_the_same_request_never_shows_a_secret_twice(locked: RunningStack, admin: Client) -> None:
    admin.access.create_user("paul")
    first = admin.access.create_token("paul", request_id="paul-1")
    with pytest.raises(Refused, match=first.token_id) as caught:
        admin.access.create_token("paul", request_id="paul-1")
    assert caught.value.reason == "TOKEN_EXISTS"
    with pytest.raises(Refused):
        admin.access.create_user("paul")
    position = admin.access.delete_user("paul")
    assert not list(admin.access.list_tokens("paul", min_position=position))
    with as_token(locked, first.secret) as paul, pytest.raises(NotAuthenticated):
        list(paul.list_dags())


def test_tokens_and_roles_outlive_a_restart_of_the_api(locked: RunningStack, admin: Client) -> None:
    token = user(admin, "rosa", ("viewer", ""))
    victim = locked.kill("api")
    locked.wait_restarted("api", victim)
    with as_token(locked, token) as rosa:
        assert list(rosa.list_dags())
        with pytest.raises(NotPermitted):
            rosa.trigger("alpha")


def test_an_api_that_would_be_open_to_others_does_not_start(locked: RunningStack) -> None:
    state = locked.state
    base = {name: text for name, text in os.environ.items() if not name.startswith("MILLSTREAM_")}
    base |= {
        "MILLSTREAM_NATS_URL": state.nats_url,
        "MILLSTREAM_DATABASE_URL": state.database_url,
        "MILLSTREAM_BLOB_URL": state.blob_url,
    }
    done = subprocess.run(
        [sys.executable, "-m", "millstream_api"],
        env=base | {"MILLSTREAM_GRPC_HOST": "0.0.0.0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 64, done.stderr
    assert "AUTH=required" in done.stderr


def test_another_api_refuses_a_revoked_token_at_once(
    locked: RunningStack, admin: Client, tmp_path: Path
) -> None:
    """The change is announced: the next look without that would be five seconds later."""
    token = user(admin, "nora", ("viewer", ""))
    with own_api(locked, tmp_path, ADMIN_TOKEN="x" * 32) as address:
        there = Target(address=address, token="x" * 32)
        with Client(target=there) as other, as_token(locked, token) as nora:
            assert list(nora.list_dags())
            other.access.revoke_token(token.split("_")[1])

            def is_refused() -> bool:
                try:
                    list(nora.list_dags())
                except NotAuthenticated:
                    return True
                return False

            eventually("the first api has heard of it", is_refused, 2.0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "a folder")


def test_clients_show_certificates_and_know_the_api_by_its_own(
    locked: RunningStack, admin: Client, authority: Authority, tmp_path: Path
) -> None:
    server = authority.sign("the api", "server")
    admin.access.grant_role("cert.user", "operator")
    token = user(admin, "tara", ("viewer", ""))
    mine, unknown = authority.sign("cert.user"), authority.sign("stranger")
    foreign = Authority(tmp_path / "foreign").sign("cert.user")
    settings = {
        "GRPC_HOST": "0.0.0.0",
        "AUTH": "required",
        "GRPC_TLS_CERT": server.cert,
        "GRPC_TLS_KEY": server.key,
        "GRPC_TLS_CLIENT_CA": authority.file,
    }
    with own_api(locked, tmp_path, **settings) as address:

        def as_(pair: Pair | None, token: str = "", ca_file: str = authority.file) -> Client:
            cert, key = pair or ("", "")
            target = Target(
                address=f"grpcs://{address}",
                token=token,
                ca_file=ca_file,
                cert_file=cert,
                key_file=key,
            )
            return Client(target=target, timeout_s=2.0)

        with as_(mine) as client:
            me = client.access.who_am_i()
            assert (me.name, me.authenticated_by) == ("cert.user", "certificate")
            assert_success(client, client.trigger("alpha"))
        with as_(mine, token) as client:  # a token says more than a certificate
            assert client.access.who_am_i().name == "tara"
            with pytest.raises(NotPermitted):
                client.trigger("alpha")
        with as_(unknown) as client, pytest.raises(NotPermitted):
            list(client.list_dags())
        # Without a certificate, with that of another authority, and against another api than meant.
        for client in (as_(None), as_(foreign), as_(mine, ca_file=foreign_ca(tmp_path))):
            with client, pytest.raises(Unavailable):
                client.access.who_am_i()
        plain = Client(target=Target(address=address, token=token), timeout_s=2.0)
        with plain, pytest.raises(Unavailable):
            plain.access.who_am_i()
        # The files are read again: a new certificate of a new authority.
        renewed = Authority(tmp_path / "renewed")
        fresh = renewed.sign("the api", "server")
        for old, new in zip(server, fresh, strict=True):
            Path(new).replace(old)
        with as_(mine, ca_file=renewed.file) as client:
            assert client.access.who_am_i().name == "cert.user"


def foreign_ca(folder: Path) -> str:
    return str(folder / "foreign" / "ca.crt")


def test_commands_for_people_who_administer(locked: RunningStack, admin: Client) -> None:
    runner = CliRunner(
        env={
            "MILLSTREAM_API_TOKEN": from_environment(locked.address, locked.data_dir).token,
            "MILLSTREAM_API_ADDRESS": locked.address,
        }
    )

    def run(*words: str) -> str:
        done = runner.invoke(app, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    run("users", "create", "clio")
    run("roles", "grant", "clio", "viewer", "--dag", "alpha")
    token = run("tokens", "create", "clio", "--label", "laptop", "--expires", "1h").strip()
    assert token.startswith("ms_")
    with as_token(locked, token) as clio:
        assert [role.dag_id for role in clio.access.who_am_i().roles] == ["alpha"]
    assert "clio" in run("users", "list")
    assert "alpha" in run("roles", "list", "--subject", "clio")
    listed = run("tokens", "list", "clio")
    assert token.split("_")[1] in listed
    assert token.split("_", 2)[2] not in listed
    run("tokens", "revoke", token.split("_")[1])
    run("roles", "revoke", "clio", "viewer", "--dag", "alpha")
    run("users", "delete", "clio")
    assert "admin-token" in run("whoami")
    refused = runner.invoke(app, ("users", "create", "no such name"))
    assert isinstance(refused.exception, MillstreamError)
    assert "name has 1 to 128" in str(refused.exception)


def test_the_key_of_secrets_is_changed_while_everything_runs(
    locked: RunningStack, admin: Client, tmp_path: Path
) -> None:
    for number in range(3):
        admin.variables.set(f"rotated_{number}", f"value {number}")
    (old,) = [key for key in admin.secret_keys.get() if key.is_in_use]
    both = f"{new_key()},{(locked.data_dir / 'secret.key').read_text().strip()}"
    with own_api(
        locked, tmp_path, SECRET_KEY=both, SECRET_KEY_FILE="", ADMIN_TOKEN="y" * 32
    ) as address:
        there = Target(address=address, token="y" * 32)
        with Client(target=there) as other:
            version = other.variables.get("rotated_1").version
            done = other.secret_keys.rotate()
            assert (done.rotated, done.unreadable) == (old.count, 0)
            counts = {key.key_id: key.count for key in other.secret_keys.get()}
            assert counts == {key: 0 if key == old.key_id else old.count for key in counts}
            again = other.secret_keys.rotate()
            assert (again.rotated, again.unreadable) == (0, 0)
            found = other.variables.get("rotated_1")
            assert (found.value, found.version) == ("value 1", version)
            # Who has the old key alone reads nothing of it, and can change nothing by accident.
            blind = admin.secret_keys.rotate()
            assert (blind.rotated, blind.unreadable) == (0, old.count)
            with pytest.raises(Refused, match="not in MILLSTREAM_SECRET_KEY"):
                admin.variables.get("rotated_1")
            for number in range(3):
                other.variables.delete(f"rotated_{number}")
        (event,) = admin.events(types=["SecretsReencrypted"])
        assert event.actor.endswith("/admin-token")


def test_planted_secrets_appear_nowhere(
    locked: RunningStack, admin: Client, tmp_path: Path
) -> None:
    """In no event, stream, table, log, trace, error or answer: all that the installation keeps on
    disk is looked through, and all that it answers."""
    password, token, value = (f"planted-{what}-7f3a9c51e2" for what in ("word", "token", "value"))
    admin.variables.set("db_password", value)
    extra = {"api_token": token}
    fields: dict[str, Any] = {"conn_type": "postgres", "password": password, "extra": extra}
    admin.connections.set(Connection("warehouse", **fields))
    file = tmp_path / "planted_dag.py"
    file.write_text(DAG_FILE)
    admin.submit_file(file)
    run = admin.trigger("planted", run_id="planted")
    assert admin.wait(run, timeout_s=60).state == "failed"
    lines = [line.text for line in admin.logs.read(run, "tell")]
    assert any(line.startswith("told ***") for line in lines), lines
    mine = user(admin, "paula", ("viewer", ""))
    guessed = f"ms_abcdefghijkl_planted{'x' * 36}"
    errors = []
    for attempt in (
        lambda: as_token(locked, guessed).access.who_am_i(),
        lambda: as_token(locked, mine).variables.get("db_password"),
        lambda: admin.variables.set("db_password", value * 5000),
        lambda: admin.connections.set(Connection("ware\nhouse", **fields)),
        lambda: admin.connections.set(Connection("warehouse", **fields), must_be_new=True),
    ):
        with pytest.raises(MillstreamError) as caught:
            attempt()
        errors.append(f"{caught.value!r} {caught.value}")
    planted = [value, password, token, mine.split("_", 2)[2], guessed.rpartition("_")[2]]
    assert [text for text in errors if any(secret in text for secret in planted)] == []
    admin_token = from_environment(locked.address, locked.data_dir).token
    answered = dict(answers_to_reads(locked.address, admin_token))
    assert answered["GetVariable"].startswith(b"\n")  # it is answered, without its value
    assert answered["GetConnection"].startswith(b"\n")
    assert b'"***", "postgres://' in answered["GetRenderedFields"]
    shown = {name for name, data in answered.items() if any(s.encode() in data for s in planted)}
    assert shown == set()
    own = (locked.data_dir / "secret.key").read_text().strip()
    assert not any(
        admin_token.encode() in data or own.encode() in data for data in answered.values()
    )
    traced = "/millstream.rpc.v1.VariableService/SetVariable"
    eventually("there are traces", lambda: traced in locked.log("api"))
    assert files_with(locked.data_dir, planted) == []
    assert files_with(locked.data_dir, [IN_THE_OPEN]) != []  # what is no secret is found
    assert files_with(locked.data_dir, [admin_token, own], "admin.token", "secret.key") == []
    passwords = [urlsplit(url).password or "?" for url in (locked.nats_url, locked.database_url)]
    assert files_with(locked.data_dir / "logs", passwords) == []


def test_what_is_seen_outlives_tables_that_are_made_anew(
    locked: RunningStack, admin: Client
) -> None:
    """The views go with the tables, and come again with them."""
    token = user(admin, "viola", ("viewer", "beta"))
    victim = locked.identity("projector")
    done = subprocess.run(
        [sys.executable, "-m", "millstream.cli", "rebuild"],
        env=locked.environment | {"MILLSTREAM_DATABASE_URL": locked.database_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    admin.pools.set("stirs", 1)  # the projector sees that its tables were replaced, and starts anew
    locked.wait_restarted("projector", victim)
    with as_token(locked, token) as viola:
        eventually(
            "the tables are there", lambda: [d.dag_id for d in viola.list_dags()] == ["beta"]
        )
        assert {run.dag_id for run in viola.list_runs()} <= {"beta"}
        with pytest.raises(NotPermitted):
            viola.get_dag("alpha")
