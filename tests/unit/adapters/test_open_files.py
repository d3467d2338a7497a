"""Connections leave a process the files that it needs itself."""

from __future__ import annotations

import resource

import pytest

from millstream.adapters.open_files import most_connections

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "most"),
    [
        (NONE, NONE, None, 1000),
        (5000, 5000, None, 1000),
        (256, NONE, 1100, 1000),
        (256, 4096, 1100, 1000),
        (256, 600, 600, 500),
        (120, 120, 120, 60),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int | None, most: int
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: made.append(limits))
    assert most_connections(1000, 100) == most
    assert made == ([] if raised is None else [(raised, hard)])
