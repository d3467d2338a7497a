"""Doing things on the page: what is clicked happens, and is seen to happen without a reload."""

from __future__ import annotations

from e2e.web.browser import Browser
from e2e.web.seen_dags import FAILED_RUN, FLAKY, GOOD_RUN, MENDED, RELEASE, SHOP
from integration.running_stack import RunningStack
from millstream.client import Client

LIVE = "await page.locator('.feed.is-live').waitFor()"
IN_HEAD = "await page.locator('.head').getByText(args.state, { exact: true }).first().waitFor()"
SLIDER = "const slider = page.getByRole('slider', { name: 'Event' });"


def test_a_run_is_triggered_with_a_form_and_turns_green(browser: Browser, client: Client) -> None:
    browser.open(f"/dags/{RELEASE}/trigger")
    browser.run("await page.getByLabel('Version').fill('not a version')")
    browser.run("await page.getByRole('button', { name: 'Trigger', exact: true }).click()")
    browser.sees("Something above is not right yet.")
    browser.run("await page.getByLabel('Version').fill('2.5')")
    browser.run("await page.getByLabel('Rounds').fill('2')")
    browser.run("await page.getByLabel('Channel').selectOption({ label: 'stable' })")
    browser.run("await page.getByLabel('Run id').fill('from-the-form')")
    browser.run("await page.getByRole('button', { name: 'Trigger', exact: true }).click()")
    browser.run("await page.waitForURL('**/runs/from-the-form**')")
    browser.run(IN_HEAD, state="running")
    browser.run("await page.locator('main').getByText('awaiting input').first().waitFor()")
    # Somebody approves elsewhere; here it is seen.
    client.approvals.answer(RELEASE, "from-the-form", "approve", "Approve")
    browser.run(IN_HEAD, state="success")
    run = client.get_run("from-the-form", RELEASE)
    assert run.conf == {"version": "2.5", "rounds": 2, "channel": "stable"}


def test_the_log_of_a_failed_task_is_read_and_the_task_cleared(
    browser: Browser, client: Client, system: RunningStack
) -> None:
    browser.open(f"/dags/{FLAKY}/runs/{FAILED_RUN}")
    browser.run(IN_HEAD, state="failed")
    browser.run("await page.getByRole('link', { name: 'Grid', exact: true }).click()")
    browser.run("await page.getByRole('link', { name: 'fetch', exact: true }).first().click()")
    browser.run("await page.waitForURL('**/tasks/fetch**')")
    browser.run("await page.getByRole('link', { name: 'Log', exact: true }).first().click()")
    browser.sees("no such file")
    (system.data_dir.parent / MENDED).touch()
    browser.run("await page.getByRole('button', { name: 'Clear…' }).click()")
    browser.run(
        "await page.getByRole('dialog').getByRole('button', { name: 'Clear', exact: true }).click()"
    )
    browser.run(IN_HEAD, state="success")
    assert client.wait(FAILED_RUN, FLAKY, timeout_s=60).state == "success"


def test_the_time_bar_shows_a_run_as_it_stood(browser: Browser) -> None:
    browser.open(f"/dags/{SHOP}/runs/{GOOD_RUN}")
    browser.run(IN_HEAD, state="success")
    assert browser.run(f"{SLIDER} return await slider.getAttribute('aria-valuetext')") == "now"
    browser.run(
        f"{SLIDER} const box = await slider.boundingBox();"
        " const y = box.y + box.height / 2;"
        " await page.mouse.move(box.x + box.width - 2, y); await page.mouse.down();"
        " await page.mouse.move(box.x + box.width / 2, y, { steps: 8 });"
        " await page.mouse.up();"
    )
    browser.run("await page.waitForURL(/[?&]at=\\d+/)")
    assert browser.run(f"{SLIDER} return await slider.getAttribute('aria-valuetext')") != "now"
    browser.run(IN_HEAD, state="running")
    # Whoever has the address sees the same.
    browser.run("await page.reload()")
    browser.run(IN_HEAD, state="running")
    browser.run("await page.getByRole('button', { name: 'Now', exact: true }).click()")
    browser.run(IN_HEAD, state="success")


def test_a_question_comes_by_itself_and_is_answered(browser: Browser, client: Client) -> None:
    browser.open("/approvals")
    browser.run(LIVE)
    run = client.trigger(RELEASE, {"version": "7.7"}, run_id="to-approve")
    browser.sees("Publish version 7.7?")
    browser.run(
        "await page.locator('li', { hasText: 'Publish version 7.7?' })"
        ".getByRole('button', { name: 'Approve', exact: true }).click()"
    )
    assert client.wait(run, timeout_s=60).state == "success"
