"""The versions of a DAG: one is in use, the others take little."""

from __future__ import annotations

import gc
import weakref

import pytest

from millstream.core.spec import encode_spec
from millstream.core.versions import DagVersion, Versions
from shard import dag, task


def version(number: int) -> DagVersion:
    return DagVersion.read(number, f"b{number}", encode_spec(dag(task(f"t{number}"))))


def versions(*numbers: int) -> Versions:
    made = Versions()
    for number in numbers:
        made.add(version(number))
    return made


def test_each_is_found_as_it_was() -> None:
    made = versions(1, 2, 3)
    for number in (1, 2, 3):
        found = made[number]
        assert (found.version, found.bundle) == (number, f"b{number}")
        assert found.spec == version(number).spec
        assert found.canonical == version(number).canonical
        assert found.graph.number == {f"t{number}": 0}
    assert list(made) == [1, 2, 3]


def test_one_that_is_not_there() -> None:
    made = versions(2)
    assert 1 not in made
    assert made.get(1) is None
    with pytest.raises(KeyError):
        made[1]
    assert not Versions()


def test_the_latest_is_the_highest_in_any_order() -> None:
    assert versions(1, 3, 2).latest.version == 3


def test_an_older_one_is_there_once_while_it_is_used_and_not_after() -> None:
    made = versions(1)
    used = made.latest
    made.add(version(2))
    assert made[1] is used
    gone = weakref.ref(used)
    del used
    gc.collect()
    assert gone() is None
    assert (made[1].version, made[1].spec) == (1, version(1).spec)
    assert made.latest.version == 2
