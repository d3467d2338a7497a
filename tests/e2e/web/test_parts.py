"""The tests of the page's own parts, which run in Node."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from e2e.web.page import PAGE


@pytest.mark.timeout(600)
def test_of_the_parts() -> None:
    if shutil.which("npx") is None or not (PAGE / "node_modules" / "vitest").is_dir():
        pytest.skip("THE PARTS OF THE PAGE ARE NOT TESTED: there is no Node (`make browser`)")
    done = subprocess.run(
        ["npx", "vitest", "run"], cwd=PAGE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
