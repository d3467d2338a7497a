"""axe-core finds nothing serious on any page, in light and in dark."""

from __future__ import annotations

import pytest

from e2e.web.browser import Browser
from e2e.web.pages import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(browser: Browser, name: str) -> None:
    browser.open(PAGES[name])
    browser.settled()
    for theme in ("light", "dark"):
        browser.theme(theme)
        assert browser.audit() == []


def test_what_is_wrong_would_be_found(browser: Browser) -> None:
    browser.open("/")
    browser.run(
        "await page.evaluate(() => {"
        " const bad = document.createElement('button');"
        " document.querySelector('main').append(bad); })"
    )
    assert [each["id"] for each in browser.audit()] == ["button-name"]
