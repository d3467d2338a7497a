"""The web service in front of a real api: the guide's examples, logins, and who is shown what."""

from __future__ import annotations

import io
import json
import re
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.locked_stack import as_admin, locked_stack
from integration.running_stack import RunningStack, assert_success, bash, bash_dag
from millstream.client import Client

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).resolve().parents[2] / "docs/guide/web.md"
ORIGIN = "http://127.0.0.1:27880"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    # Started as a user does it, since its environment is looked at.
    with locked_stack(tmp_path_factory.mktemp("web"), make=RunningStack) as running:
        yield running


@pytest.fixture(scope="module")
def admin(locked: RunningStack) -> Iterator[Client]:
    with as_admin(locked) as client:
        yield client


@pytest.fixture
def browser(locked: RunningStack) -> Iterator[httpx.Client]:
    """Keeps cookies, and speaks as a page of the service does."""
    address = f"http://{locked.state.http_address}"
    headers = {"origin": address, "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        yield client


def call(browser: httpx.Client, method: str, **fields: Any) -> httpx.Response:
    proof = {"X-Millstream-CSRF": browser.cookies.get("millstream_csrf") or ""}
    return browser.post(f"/api/v1/{method}", json=fields, headers=proof)


def log_in(browser: httpx.Client, token: str) -> httpx.Response:
    return browser.post("/session", json={"token": token})


def user(admin: Client, name: str, *dags: str) -> str:
    """A viewer of these DAGs; returns a token."""
    admin.access.create_user(name)
    for dag_id in dags:
        admin.access.grant_role(name, "viewer", dag_id=dag_id)
    return admin.access.create_token(name, label="test").secret


def test_the_examples_of_the_guide_work(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    client.submit_spec(bash_dag("etl", bash("a", "true")))
    assert_success(client, client.trigger("etl"))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as bundle:
        bundle.writestr("etl.py", "pass\n")
    (tmp_path / "bundle.zip").write_bytes(data.getvalue())
    commands = re.findall(r"^\$ (curl .*)$", GUIDE.read_text(), re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        # Where nobody logs in any token will do.
        here = "MILLSTREAM_API_TOKEN=any; " + command.replace(
            ORIGIN, f"http://{stack.state.http_address}"
        )
        assert ORIGIN in command
        done = subprocess.run(
            ["bash", "-c", here], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        is_stream = "--max-time" in command
        assert done.returncode == (28 if is_stream else 0), command
        if is_stream:
            # How many come together is not said.
            assert re.search(r"^id: \d+\ndata: \[\{", done.stdout, re.MULTILINE), done.stdout
        else:
            assert "error" not in json.loads(done.stdout), done.stdout


def test_nobody_is_lent_a_name(locked: RunningStack, admin: Client, browser: httpx.Client) -> None:
    assert browser.get("/readyz").status_code == 200
    assert browser.get("/session").json()["isLoginNeeded"] is True
    document = browser.get("/api/v1/openapi.json").json()
    for path, item in document["paths"].items():
        for method in item:
            answer = browser.request(
                method.upper(), path, content=b"{}" if method == "post" else b""
            )
            assert answer.status_code == 401, (method, path, answer.text)
    assert browser.get("/api/v1/version").status_code == 401
    env = Path(f"/proc/{locked.pid('web')}/environ").read_bytes()
    assert b"TOKEN" not in env


def test_a_login_lasts_while_the_web_service_comes_and_goes(
    locked: RunningStack, admin: Client, browser: httpx.Client
) -> None:
    token = user(admin, "wanda", "alpha")
    assert log_in(browser, token).json()["user"]["name"] == "wanda"
    listed = call(browser, "DagService/ListDags").json()
    assert [each["dagId"] for each in listed["dags"]] == ["alpha"]
    assert call(browser, "DagService/GetDag", dagId="beta").status_code == 403
    assert call(browser, "RunService/TriggerRun", dagId="alpha").status_code == 403
    victim = locked.kill("web")
    locked.wait_restarted("web", victim)
    assert call(browser, "AccessService/WhoAmI").json()["name"] == "wanda"
    proof = {"X-Millstream-CSRF": browser.cookies["millstream_csrf"]}
    kept = dict(browser.cookies)
    assert browser.delete("/session", headers=proof).status_code == 200
    assert call(browser, "AccessService/WhoAmI").status_code == 401
    browser.cookies.update(kept)
    assert call(browser, "AccessService/WhoAmI").status_code == 401


def test_who_did_it_is_whoever_was_logged_in(admin: Client, browser: httpx.Client) -> None:
    token = user(admin, "olga")
    admin.access.grant_role("olga", "operator")
    log_in(browser, token)
    answer = call(browser, "RunService/TriggerRun", dagId="alpha", runId="by-olga")
    assert answer.status_code == 200, answer.text
    (created,) = [each for each in admin.events("by-olga", "alpha") if each.type == "RunCreated"]
    assert created.actor.endswith("/olga")


def test_who_may_see_some_dags_is_shown_their_events_live(
    admin: Client, browser: httpx.Client
) -> None:
    log_in(browser, user(admin, "vera", "alpha"))
    assert call(browser, "EventService/WatchEvents").status_code == 403
    head = call(browser, "EventService/GetHead").json()["position"]
    for dag_id in ("beta", "alpha"):
        assert_success(admin, admin.trigger(dag_id))
    seen = watched(browser, int(head) + 1)
    assert {each["dagId"] for each in seen} == {"alpha"}
    assert "RunSucceeded" in {each["type"] for each in seen}
    # And those that come while they watch.
    head = call(browser, "EventService/GetHead").json()["position"]
    later: list[Any] = []
    watching = threading.Thread(target=lambda: later.extend(watched(browser, int(head) + 1)))
    watching.start()
    for dag_id in ("beta", "alpha"):
        assert_success(admin, admin.trigger(dag_id))
    watching.join(30)
    assert {each["dagId"] for each in later} == {"alpha"}


def test_a_role_that_comes_or_goes_ends_the_stream(admin: Client, browser: httpx.Client) -> None:
    log_in(browser, user(admin, "nora", "alpha", "beta"))
    ended: list[str] = []
    with stream(browser, 1) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: [") and not ended:
                ended.append("")
                admin.access.revoke_role("nora", "viewer", dag_id="beta")
            if line.startswith("data: {"):
                ended.append(json.loads(line[6:])["code"])
    assert ended == ["", "UNAVAILABLE"]


def stream(browser: httpx.Client, first: int) -> Any:
    return browser.stream(
        "POST",
        "/api/v1/EventService/WatchEvents",
        json={"fromPosition": first, "namespace": "default"},
        headers={
            "accept": "text/event-stream",
            "X-Millstream-CSRF": browser.cookies["millstream_csrf"],
        },
    )


def watched(browser: httpx.Client, first: int) -> list[Any]:
    """The events up to the end of a run."""
    found: list[Any] = []
    with stream(browser, first) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("data: ["):
                found += [each["event"] for each in json.loads(line[6:])]
                if any(each["type"] == "RunSucceeded" for each in found):
                    return found
    raise AssertionError("the stream ended")
