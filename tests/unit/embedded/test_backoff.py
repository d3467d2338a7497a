from __future__ import annotations

from millstream.embedded.backoff import Backoff


def test_it_doubles_up_to_five_seconds() -> None:
    backoff = Backoff()
    delays = [backoff.after(0.0) for _ in range(8)]
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_long_life_begins_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(1.0)
    assert backoff.after(30.0) == 0.1
    assert backoff.after(1.0) == 0.2
