"""On no page axe-core finds anything serious, in light and in dark; and on a telephone none is
wider than its screen: what is wide scrolls by itself."""

from __future__ import annotations

import pytest

from e2e.web.browser import Browser
from e2e.web.pages import PAGES

SCREEN = (1280, 800)
TELEPHONE = (390, 800)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(browser: Browser, name: str) -> None:
    browser.resize(*SCREEN)
    browser.theme("light")
    browser.open(PAGES[name])
    browser.settled()
    assert browser.audit() == []
    browser.resize(*TELEPHONE)
    browser.theme("dark")
    width: int = browser.run(
        "return await page.evaluate(() => document.documentElement.scrollWidth)"
    )
    assert width <= TELEPHONE[0]
    assert browser.audit() == []


def test_what_is_wrong_would_be_found(browser: Browser) -> None:
    browser.open("/")
    browser.run(
        "await page.evaluate(() => {"
        " const bad = document.createElement('button');"
        " document.querySelector('main').append(bad); })"
    )
    assert [each["id"] for each in browser.audit()] == ["button-name"]
