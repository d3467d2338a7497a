"""A browser that a test tells what to do: Chromium, by playwright-core, in a process of Node."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from e2e.web import page

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM", "chromium")
AT_ONCE_S = 60.0


class NotPossible(Exception):
    """What is missing for a browser."""


class Failed(AssertionError):
    """What was to be done in the browser did not work."""


def check() -> str:
    """The path of Chromium. Raises :class:`NotPossible`."""
    if shutil.which("node") is None:
        raise NotPossible("there is no Node (`make browser`)")
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        raise NotPossible("playwright-core is not installed (`make browser`)")
    found = shutil.which(CHROMIUM)
    if found is None:
        raise NotPossible("there is no chromium (`make browser`)")
    return found


class Browser:
    """One window with one page, under ``address``."""

    def __init__(self, address: str) -> None:
        self._said: queue.Queue[str] = queue.Queue()
        self._process = subprocess.Popen(
            ["node", str(HERE / "driver.mjs"), check(), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, name="browser", daemon=True).start()

    def run(self, code: str, timeout_s: float = AT_ONCE_S, **args: Any) -> Any:
        """The body of an async function of ``page`` and ``args``; what it returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"code": code, "args": args}) + "\n")
        self._process.stdin.flush()
        try:
            line = self._said.get(timeout=timeout_s)
        except queue.Empty:
            raise Failed(f"not within {timeout_s:g} s: {code}") from None
        if not line:
            raise Failed(f"the browser ended: {code}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"at {answer.get('url')}: {answer['error']}\n{code}")
        return answer["value"]

    def open(self, path: str) -> None:
        """Go to a page, as with a link from elsewhere, and wait until it has a heading."""
        self.run(
            "await page.goto(args.path); await page.locator('h1').first().waitFor();", path=path
        )

    def sees(self, text: str, within_s: float = 15.0) -> None:
        """Wait until the page shows a text."""
        self.run(
            "await page.getByText(args.text).first().waitFor({ timeout: args.ms })",
            text=text,
            ms=within_s * 1000,
        )

    def settled(self) -> None:
        """Wait until nothing is on its way to the page any more."""
        self.run(
            "await page.waitForFunction("
            " () => !document.querySelector('.loading, [aria-busy=true]'))"
        )

    def theme(self, scheme: str) -> None:
        """light or dark, as the system says it."""
        self.run("await page.emulateMedia({ colorScheme: args.scheme })", scheme=scheme)

    def resize(self, width: int, height: int) -> None:
        """In pixels."""
        self.run("await page.setViewportSize(args)", width=width, height=height)

    def audit(self) -> list[Any]:
        """What axe-core finds that is serious or worse."""
        found: list[Any] = self.run("return await audit()")
        return found

    def problems(self) -> list[str]:
        """Mistakes of scripts since it was last asked, and what the policy refused."""
        found: list[str] = self.run("return problems.splice(0)")
        return found

    def screenshot(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.run("await page.screenshot({ path: args.path })", path=str(file.resolve()))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._said.put(line)
        except ValueError:
            pass  # closed under us
        self._said.put("")


def need_page() -> None:
    """Skips the test, loudly, where there is no page or no browser."""
    try:
        check()
        page.build()
    except (NotPossible, page.NotBuilt) as error:
        pytest.skip(f"THE PAGE IS NOT TESTED: {error}")
