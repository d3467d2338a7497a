"""Where people log in: nobody sees a page before, and who may see some DAGs only is shown these
as they live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.web.browser import Browser, need_page
from integration.locked_stack import as_admin, locked_stack
from integration.running_stack import RunningStack
from millstream.client import Client

LIVE = "await page.locator('.feed.is-live').waitFor()"
LOG_IN = """
await page.getByLabel('API token').fill(args.token);
await page.getByRole('button', { name: 'Log in' }).click();
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    need_page()
    with locked_stack(tmp_path_factory.mktemp("login")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(locked: RunningStack) -> Iterator[Client]:
    with as_admin(locked) as client:
        yield client


@pytest.fixture(scope="module")
def browser(locked: RunningStack) -> Iterator[Browser]:
    made = Browser(f"http://{locked.state.http_address}")
    yield made
    try:
        found = made.problems()
    finally:
        made.close()
    assert found == []


def test_a_viewer_of_one_dag_logs_in_looks_and_logs_out(browser: Browser, admin: Client) -> None:
    admin.access.create_user("vera")
    admin.access.grant_role("vera", "viewer", dag_id="alpha")
    token = admin.access.create_token("vera", label="test").secret

    browser.open("/dags")
    browser.sees("Log in")
    assert not browser.run("return await page.getByText('alpha').count()")
    for theme in ("light", "dark"):
        browser.theme(theme)
        assert browser.audit() == []
    browser.run(LOG_IN, token="ms_wrong")
    browser.sees("This token is not good.")

    browser.run(LOG_IN, token=token)
    browser.sees("alpha")
    browser.sees("vera")
    assert browser.run("return new URL(page.url()).pathname") == "/dags"
    assert not browser.run("return await page.getByText('beta').count()")
    assert browser.run("return await page.evaluate(() => document.cookie)").startswith(
        "millstream_csrf="
    )

    browser.run(LIVE)
    admin.trigger("beta", run_id="not-for-vera")
    admin.trigger("alpha", run_id="for-vera")
    browser.run("await page.locator('a[href*=\"/runs/for-vera\"]').first().waitFor()")
    assert not browser.run("return await page.locator('a[href*=\"not-for-vera\"]').count()")

    browser.run("await page.getByRole('button', { name: 'Log out' }).click()")
    browser.sees("API token")
    browser.open("/dags")
    browser.sees("API token")


def test_a_token_that_is_revoked_shows_the_login(browser: Browser, admin: Client) -> None:
    admin.access.create_user("rita")
    admin.access.grant_role("rita", "viewer")
    made = admin.access.create_token("rita", label="test")
    browser.open("/dags")
    browser.run(LOG_IN, token=made.secret)
    browser.sees("alpha")
    browser.run(LIVE)
    admin.access.revoke_token(made.token_id)
    browser.sees("API token")
