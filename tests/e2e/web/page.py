"""The page as it is built: where it is not, or is older than its sources, it is built first."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "services" / "millstream_web" / "page"
INDEX = ROOT / "services" / "millstream_web" / "static" / "index.html"


class NotBuilt(Exception):
    """Why there is no page to look at."""


def build() -> None:
    """Raises :class:`NotBuilt`."""
    sources = (PAGE / "index.html", *(PAGE / "src").rglob("*.*"))
    newest = max(file.stat().st_mtime for file in sources)
    if INDEX.exists() and INDEX.stat().st_mtime >= newest:
        return
    if shutil.which("npm") is None or not (PAGE / "node_modules").is_dir():
        if INDEX.exists():
            return  # as it was committed
        raise NotBuilt("the page is not built (`make page`)")
    done = subprocess.run(
        ["npm", "run", "--silent", "build"], cwd=PAGE, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotBuilt(f"the page cannot be built: {done.stdout}{done.stderr}")
