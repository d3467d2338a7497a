"""Every page as a picture, for the docs: `make screenshots`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.web.browser import Browser
from e2e.web.pages import PAGES
from e2e.web.seen_dags import show
from millstream.client import Client

FOLDER = os.environ.get("MILLSTREAM_SCREENSHOTS", "")


# Beside one picture of each page, those that show what it is for.
PICTURES = {
    "graph-live": "/dags/nightly_train/runs/by-hand/graph",
    "graph-groups": "/dags/task_groups/graph",
    **PAGES,
}


@pytest.fixture(scope="module")
def shown(client: Client) -> None:
    """With more to see."""
    show(client)


@pytest.mark.skipif(not FOLDER, reason="pictures are made by `make screenshots`")
@pytest.mark.parametrize("name", PICTURES)
def test_draw(browser: Browser, shown: None, name: str) -> None:
    browser.theme("light")
    browser.open(PICTURES[name])
    browser.settled()
    browser.run("await page.locator('.feed.is-live').waitFor()")
    browser.screenshot(Path(FOLDER) / f"{name}.png")
