"""When a task may run, given how its upstream tasks stand. Airflow's table, case by case."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple, assert_never

from millstream.core.spec import TriggerRule


class Verdict(Enum):
    WAIT = auto()
    RUN = auto()
    SKIP = auto()
    UPSTREAM_FAILED = auto()


class Upstream(NamedTuple):
    """How many upstream instances there are, and how many of them ended in which way. ``setups``
    counts the setups among them; only the rule of teardowns looks at these."""

    total: int
    success: int
    skipped: int
    failed: int
    upstream_failed: int

    setups: int = 0
    setup_success: int = 0
    setup_skipped: int = 0

    @property
    def bad(self) -> int:
        return self.failed + self.upstream_failed

    @property
    def done(self) -> int:
        return self.success + self.skipped + self.failed + self.upstream_failed


def judge(rule: TriggerRule, up: Upstream) -> Verdict:
    """The verdict as it is now; WAIT may become another one with the next upstream result.

    Source: Airflow 3.3 ``trigger_rule_dep.py``. Without upstream tasks every rule lets the task
    run.
    """
    if up.total == 0:
        return Verdict.RUN
    is_done = up.done >= up.total
    match rule:
        case TriggerRule.ALL_SUCCESS:
            if up.bad:
                return Verdict.UPSTREAM_FAILED
            if up.skipped:
                return Verdict.SKIP
            return _run_if(up.success >= up.total)
        case TriggerRule.ALL_FAILED:
            if up.success or up.skipped:
                return Verdict.SKIP
            return _run_if(up.bad >= up.total)
        case TriggerRule.ALL_DONE:
            return _run_if(is_done)
        case TriggerRule.ALL_DONE_MIN_ONE_SUCCESS:
            if up.skipped:
                return Verdict.SKIP
            if is_done and not up.success:
                return Verdict.UPSTREAM_FAILED
            return _run_if(is_done)
        case TriggerRule.ONE_SUCCESS:
            if up.success:
                return Verdict.RUN
            if not is_done:
                return Verdict.WAIT
            return Verdict.SKIP if up.skipped >= up.total else Verdict.UPSTREAM_FAILED
        case TriggerRule.ONE_FAILED:
            if up.bad:
                return Verdict.RUN
            return Verdict.SKIP if is_done else Verdict.WAIT
        case TriggerRule.ONE_DONE:
            if up.success or up.failed:
                return Verdict.RUN
            return Verdict.SKIP if is_done else Verdict.WAIT
        case TriggerRule.NONE_FAILED:
            if up.bad:
                return Verdict.UPSTREAM_FAILED
            return _run_if(is_done)
        case TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS:
            if up.bad:
                return Verdict.UPSTREAM_FAILED
            if up.skipped >= up.total:
                return Verdict.SKIP
            return _run_if(is_done and up.success > 0)
        case TriggerRule.NONE_SKIPPED:
            if up.skipped:
                return Verdict.SKIP
            return _run_if(is_done)
        case TriggerRule.ALL_SKIPPED:
            if up.success or up.bad:
                return Verdict.SKIP
            return _run_if(up.skipped >= up.total)
        case TriggerRule.ALWAYS:
            return Verdict.RUN
        case TriggerRule.ALL_DONE_SETUP_SUCCESS:
            if not is_done:
                return Verdict.WAIT
            if up.setups and up.setup_skipped >= up.setups:
                return Verdict.SKIP
            if up.setups and not up.setup_success:
                return Verdict.UPSTREAM_FAILED
            return Verdict.RUN
        case _:
            assert_never(rule)


def _run_if(condition: bool) -> Verdict:
    return Verdict.RUN if condition else Verdict.WAIT
