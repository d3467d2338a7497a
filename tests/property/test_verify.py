"""The checker finds nothing in what the core writes, whatever happens to it."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.core.spec import DagSpec
from millstream.verify import verify_rows
from millstream.verify.fold import Fold
from property import test_control, test_core, test_limits, test_mapping, test_waiting
from property.test_core import ORDERS, dags
from sealed import rows_of
from shard import Shard

FEW = settings(max_examples=25)


def check(shard: Shard, *ignored: str) -> None:
    rows = rows_of(shard.log)
    findings, fold = verify_rows(rows), Fold()
    for row in rows:
        fold.add(row)
    findings.merge(fold.findings)
    assert [each for each in findings.kept if each.check not in ignored] == []


@FEW
@given(dags(), st.integers(0, 999), ORDERS)
def test_reports_in_any_order_and_twice(spec: DagSpec, seed: int, order: Random) -> None:
    check(test_core.play(spec, seed, order, with_noise=True))


@FEW
@given(test_control.SPECS, ORDERS)
def test_clears_and_marks(spec: DagSpec, order: Random) -> None:
    check(test_control.play(spec, order))


@FEW
@given(test_mapping.mapped_dags(), st.integers(0, 999), ORDERS)
def test_mapped_tasks_that_are_cleared(spec: DagSpec, seed: int, order: Random) -> None:
    check(test_mapping.Play(spec, seed, order, clears=3).shard)


@FEW
@given(dags(), ORDERS)
def test_tasks_that_wait(spec: DagSpec, order: Random) -> None:
    # The test wakes and retries what it likes, when it likes.
    check(test_waiting.play(spec, order), "times")


@FEW
@given(test_limits.WORLDS, st.integers(1, 3), ORDERS)
def test_limits_that_change(specs: tuple[DagSpec, ...], runs: int, order: Random) -> None:
    world = test_limits.World()
    world.begin(specs, runs)
    world.run_to_the_end(order, with_changes=True)
    check(world.shard)
