"""On a telephone no page is wider than its screen: what is wide scrolls by itself."""

from __future__ import annotations

import pytest

from e2e.web.browser import Browser
from e2e.web.pages import PAGES


@pytest.fixture(scope="module")
def narrow(browser: Browser) -> Browser:
    browser.run("await page.setViewportSize({ width: 390, height: 800 })")
    return browser


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits(narrow: Browser, name: str) -> None:
    narrow.open(PAGES[name])
    narrow.settled()
    width: int = narrow.run(
        "return await page.evaluate(() => document.documentElement.scrollWidth)"
    )
    assert width <= 390
