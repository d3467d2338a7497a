"""What all tests share: how hypothesis behaves, and the marks of the slow layers."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default",
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=5000)
settings.load_profile("default")

_HERE = Path(__file__).parent

# The tests start hundreds of processes; without compiled modules each takes twice as long.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """A socket or a file that a test forgot is its module's failure, not that of a later one."""
    yield
    gc.collect()


def pytest_collection_finish() -> None:
    """What was collected stays to the end: no search for what a module left goes through it."""
    gc.collect()
    gc.freeze()


# What takes long and waits much begins first, so that what is short fills the gaps at the end.
_ORDER = ("failover", "overload", "crash", "cluster", "simulation", "integration", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    layers = {item: item.path.relative_to(_HERE).parts[0] for item in items}
    for item, layer in layers.items():
        if layer in ("integration", "e2e", "cluster"):
            item.add_marker("integration" if layer == "cluster" else layer)
    rank = {layer: number for number, layer in enumerate(_ORDER)}
    items.sort(key=lambda item: rank.get(layers[item], len(_ORDER)))
