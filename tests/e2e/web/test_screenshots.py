"""Every page as a picture, for the docs: `make screenshots`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.web.browser import Browser
from e2e.web.pages import PAGES

FOLDER = os.environ.get("MILLSTREAM_SCREENSHOTS", "")


@pytest.mark.skipif(not FOLDER, reason="pictures are made by `make screenshots`")
@pytest.mark.parametrize("name", PAGES)
def test_draw(browser: Browser, name: str) -> None:
    browser.theme("light")
    browser.open(PAGES[name])
    browser.settled()
    browser.screenshot(Path(FOLDER) / f"{name}.png")
