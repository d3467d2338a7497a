"""Every page as a picture, for the docs: `make screenshots`. Only then they are put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.web.browser import Browser
from e2e.web.pages import PAGES
from e2e.web.seen_dags import show
from millstream.client import Client

pytestmark = pytest.mark.soak

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(os.environ.get("MILLSTREAM_SCREENSHOTS") or tmp_path_factory.mktemp("pictures"))


@pytest.mark.parametrize("name", PICTURES)
def test_draw(browser: Browser, shown: None, folder: Path, name: str) -> None:
    browser.theme("light")
    browser.open(PICTURES[name])
    browser.settled()
    browser.run("await page.locator('.feed.is-live').waitFor()")
    browser.screenshot(folder / f"{name}.png")
    assert (folder / f"{name}.png").stat().st_size > 5000
