"""Airflow's table of trigger rules, row by row. Counts are in the order of ``Upstream``."""

from __future__ import annotations

from itertools import product

import pytest

from millstream.core.spec import TriggerRule
from millstream.core.trigger_rules import Upstream, Verdict, judge

W, R, S, U = Verdict.WAIT, Verdict.RUN, Verdict.SKIP, Verdict.UPSTREAM_FAILED

# The verdict for each way in which three upstream tasks may stand; what is not named waits.
CASES: dict[str, list[tuple[tuple[int, int, int, int], Verdict]]] = {
    "all_success": [
        ((3, 0, 0, 0), R), ((2, 0, 0, 0), W), ((0, 0, 1, 0), U), ((0, 0, 0, 1), U),
        ((2, 0, 1, 0), U), ((0, 1, 0, 0), S), ((2, 1, 0, 0), S), ((0, 1, 1, 0), U),
    ],
    "all_failed": [
        ((0, 0, 3, 0), R), ((0, 0, 1, 2), R), ((0, 0, 2, 0), W), ((1, 0, 0, 0), S),
        ((0, 1, 0, 0), S), ((1, 0, 2, 0), S),
    ],
    "all_done": [
        ((3, 0, 0, 0), R), ((0, 3, 0, 0), R), ((0, 0, 0, 3), R), ((1, 1, 1, 0), R),
        ((1, 1, 0, 0), W), ((0, 0, 2, 0), W),
    ],
    "all_done_min_one_success": [
        ((1, 0, 2, 0), R), ((3, 0, 0, 0), R), ((1, 0, 0, 2), R), ((0, 0, 3, 0), U),
        ((0, 0, 1, 2), U), ((1, 0, 1, 0), W), ((0, 1, 0, 0), S), ((2, 1, 0, 0), S),
    ],
    "all_skipped": [
        ((0, 3, 0, 0), R), ((0, 2, 0, 0), W), ((1, 0, 0, 0), S), ((0, 2, 1, 0), S),
        ((0, 0, 0, 1), S),
    ],
    "one_success": [
        ((1, 0, 0, 0), R), ((1, 0, 2, 0), R), ((0, 0, 2, 0), W), ((0, 2, 0, 0), W),
        ((0, 3, 0, 0), S), ((0, 0, 3, 0), U), ((0, 2, 1, 0), U), ((0, 0, 0, 3), U),
    ],
    "one_failed": [
        ((0, 0, 1, 0), R), ((0, 0, 0, 1), R), ((2, 0, 0, 0), W), ((3, 0, 0, 0), S),
        ((2, 1, 0, 0), S), ((0, 3, 0, 0), S), ((2, 0, 1, 0), R),
    ],
    "one_done": [
        ((1, 0, 0, 0), R), ((0, 0, 1, 0), R), ((0, 1, 0, 0), W), ((0, 0, 0, 1), W),
        ((0, 3, 0, 0), S), ((0, 2, 0, 1), S), ((0, 2, 1, 0), R),
    ],
    "none_failed": [
        ((3, 0, 0, 0), R), ((0, 3, 0, 0), R), ((2, 1, 0, 0), R), ((2, 0, 0, 0), W),
        ((0, 0, 1, 0), U), ((0, 0, 0, 1), U),
    ],
    "none_failed_min_one_success": [
        ((1, 2, 0, 0), R), ((3, 0, 0, 0), R), ((0, 3, 0, 0), S), ((0, 2, 0, 0), W),
        ((1, 1, 0, 0), W), ((0, 0, 1, 0), U), ((1, 1, 0, 1), U),
    ],
    "none_skipped": [
        ((3, 0, 0, 0), R), ((0, 0, 3, 0), R), ((1, 0, 1, 1), R), ((2, 0, 0, 0), W),
        ((0, 1, 0, 0), S), ((2, 1, 0, 0), S),
    ],
    "always": [((0, 0, 0, 0), R), ((0, 0, 1, 0), R), ((3, 0, 0, 0), R)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "counts", "verdict"),
    [(rule, counts, verdict) for rule, rows in CASES.items() for counts, verdict in rows],
)
def test_each_row(rule: str, counts: tuple[int, int, int, int], verdict: Verdict) -> None:
    assert judge(TriggerRule(rule), Upstream(3, *counts)) is verdict


def test_the_table_names_every_rule() -> None:
    assert {*CASES, "all_done_setup_success"} == {str(rule) for rule in TriggerRule}


@pytest.mark.parametrize(
    ("up", "verdict"),
    [
        (Upstream(3, 2, 0, 0, 0, 1, 1, 0), W),
        (Upstream(3, 2, 0, 1, 0, 1, 1, 0), R),
        (Upstream(3, 1, 2, 0, 0, 1, 0, 1), S),
        (Upstream(3, 2, 0, 1, 0, 1, 0, 0), U),
        (Upstream(3, 1, 1, 1, 0, 2, 0, 1), U),
        (Upstream(3, 0, 0, 3, 0, 0, 0, 0), R),
    ],
)
def test_a_teardown_needs_a_setup_that_succeeded(up: Upstream, verdict: Verdict) -> None:
    assert judge(TriggerRule.ALL_DONE_SETUP_SUCCESS, up) is verdict


@pytest.mark.parametrize("rule", TriggerRule)
def test_without_upstream_every_rule_runs(rule: TriggerRule) -> None:
    assert judge(rule, Upstream(0, 0, 0, 0, 0)) is Verdict.RUN


@pytest.mark.parametrize("rule", TriggerRule)
def test_nothing_waits_for_ever(rule: TriggerRule) -> None:
    for total in range(1, 5):
        for counts in product(range(total + 1), repeat=4):
            if sum(counts) == total:
                assert judge(rule, Upstream(total, *counts)) is not Verdict.WAIT, counts


@pytest.mark.parametrize("rule", [r for r in TriggerRule if r != "all_success"])
def test_an_early_verdict_is_final(rule: TriggerRule) -> None:
    """Only all_success may go from skip to upstream_failed, so the order of results counts."""
    for counts in product(range(4), repeat=4):
        if sum(counts) >= 3:
            continue
        early = judge(rule, Upstream(3, *counts))
        if early is Verdict.WAIT:
            continue
        for which in range(4):
            more = [count + (index == which) for index, count in enumerate(counts)]
            assert judge(rule, Upstream(3, *more)) is early, (counts, more)
