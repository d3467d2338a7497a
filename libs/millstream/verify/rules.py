"""The trigger rules, in the words of Airflow's documentation: may a task run, given how those
before it ended?"""

from __future__ import annotations

from typing import NamedTuple


class Ended(NamedTuple):
    """How many instances are waited for, and how many of them ended in which way; ``setups``: how
    many of them are setups of a teardown."""

    total: int
    success: int
    skipped: int
    failed: int
    upstream_failed: int
    setups: int = 0
    setup_success: int = 0

    def __str__(self) -> str:
        return (
            f"of {self.total} upstream instances {self.success} succeeded, {self.skipped} were "
            f"skipped, {self.failed} failed and {self.upstream_failed} could not run"
        )


def may_run(rule: str, up: Ended) -> bool:
    """Whether the rule lets the task run now. A rule that is not known lets everything run."""
    total, success, skipped, failed, upstream_failed, setups, setup_success = up
    if not total:
        return True
    bad = failed + upstream_failed
    is_done = success + skipped + bad == total
    match rule:
        case "all_success":
            return success == total
        case "all_failed":
            return bad == total
        case "all_skipped":
            return skipped == total
        case "all_done":
            return is_done
        case "all_done_min_one_success":
            return is_done and success > 0 and not skipped
        case "one_success":
            return success > 0
        case "one_failed":
            return bad > 0
        case "one_done":
            return success + failed > 0
        case "none_failed":
            return is_done and not bad
        case "none_failed_min_one_success":
            return is_done and not bad and success > 0
        case "none_skipped":
            return is_done and not skipped
        case "all_done_setup_success":
            return is_done and (not setups or setup_success > 0)
        case _:
            return True
