"""What a library takes along is left out while it is imported, and no longer."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from millstream.adapters.left_out import left_out

PACKAGE = "this"


@pytest.fixture(autouse=True)
def _not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)


def test_it_cannot_be_imported_within(capsys: pytest.CaptureFixture[str]) -> None:
    with left_out(PACKAGE), pytest.raises(ImportError):
        importlib.import_module(PACKAGE)
    assert PACKAGE not in sys.modules
    importlib.import_module(PACKAGE)
    assert "Zen" in capsys.readouterr().out


def test_who_has_it_keeps_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = importlib.import_module(PACKAGE)
    with left_out(PACKAGE):
        assert importlib.import_module(PACKAGE) is found
    assert sys.modules[PACKAGE] is found


@pytest.mark.parametrize("service", ["api", "projector", "scheduler", "web", "worker"])
def test_no_service_has_what_it_does_not_use(service: str) -> None:
    code = f"import sys, millstream_{service}.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert {"rich", "pygments", "aiohttp", "pydantic", "typer"}.isdisjoint(imported)
