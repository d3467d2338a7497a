"""The page of the API's methods says what the protos say. Run docs/reference/make_api.py if not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_api", REFERENCE / "make_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run: python docs/reference/make_api.py"
