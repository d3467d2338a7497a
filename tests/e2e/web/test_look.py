"""Opening the page and looking: what is there is shown, what happens is shown at once, and what
happened while nobody was heard is shown too."""

from __future__ import annotations

import time

from e2e.web.browser import Browser
from e2e.web.seen_dags import FAILED_RUN, FLAKY, SHOP
from integration.running_stack import RunningStack
from millstream.client import Client

# The bar of a run on the list of DAGs, in a state.
BAR = """
const bar = page.locator(`a[href*="/runs/${args.run}"]`).first();
await bar.waitFor();
if (args.state) await page.waitForFunction(
  ([run, state]) => [...document.querySelectorAll(`a[href*="/runs/${run}"]`)]
    .some((each) => `${each.title} ${each.ariaLabel} ${each.textContent}`.includes(state)),
  [args.run, args.state]);
"""
LIVE = "await page.locator('.feed.is-live').waitFor()"


def test_home_the_dags_and_a_dag_are_shown(browser: Browser) -> None:
    browser.open("/")
    browser.run(LIVE)
    browser.run("await page.getByRole('link', { name: 'DAGs', exact: true }).first().click()")
    for dag_id in (SHOP, FLAKY):
        browser.sees(dag_id)
    browser.run("await page.getByRole('link', { name: args.name }).first().click()", name=SHOP)
    browser.run("await page.getByRole('heading', { name: args.name }).waitFor()", name=SHOP)
    browser.run("await page.waitForURL('**/dags/' + args.name + '**')", name=SHOP)


def test_an_address_shows_what_it_names(browser: Browser) -> None:
    browser.open(f"/dags/{FLAKY}/runs/{FAILED_RUN}")
    browser.sees("fetch")
    browser.sees("failed")


def test_the_first_load_is_small(address: str) -> None:
    fresh = Browser(address)  # with nothing kept
    try:
        fresh.open("/")
        fresh.settled()
        sizes: dict[str, int] = fresh.run(
            "return await page.evaluate(() => Object.fromEntries("
            " performance.getEntries().filter((each) => 'encodedBodySize' in each"
            "  && !each.name.includes('/api/'))"
            " .map((each) => [each.name, each.encodedBodySize])))"
        )
    finally:
        fresh.close()
    assert len(sizes) > 3
    assert sum(sizes.values()) < 300_000, sizes


def test_what_happens_is_on_the_page_at_once(browser: Browser, client: Client) -> None:
    browser.open("/dags")
    browser.run(LIVE)
    began = time.monotonic()
    client.trigger(SHOP, run_id="seen-live")
    browser.run(BAR, run="seen-live", state="")
    assert time.monotonic() - began < 10  # some tens of milliseconds, on a machine of its own
    assert navigations(browser) == 1


def test_nothing_is_lost_while_the_web_service_is_away(
    browser: Browser, client: Client, system: RunningStack
) -> None:
    browser.open("/dags")
    browser.run(LIVE)
    victim = system.kill("web")
    browser.run("await page.locator('.feed.is-cut').waitFor()")
    missed = client.trigger(SHOP, run_id="while-away")
    assert client.wait(missed, timeout_s=60).state == "success"
    system.wait_restarted("web", victim)
    browser.run(LIVE)
    # Its state too, and not only that it began.
    browser.run(BAR, run="while-away", state="success")
    assert navigations(browser) == 1


def navigations(browser: Browser) -> int:
    """How often the page was loaded since it was opened."""
    found: int = browser.run(
        "return await page.evaluate(() => performance.getEntriesByType('navigation').length)"
    )
    return found
