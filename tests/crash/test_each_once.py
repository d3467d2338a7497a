"""Every failpoint once, with SIGKILL, and then with an exception: the small sister of the matrix,
for every change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crash.cases import check_nothing_left
from crash.crash_stack import (
    DAG_FILE,
    SLOTS,
    CrashStack,
    Played,
    begin,
    check_run,
    settle,
)
from integration.running_stack import assert_success
from integration.verify import verify_log
from millstream.adapters.failpoints import NAMES
from millstream.client import Client

# Which time it is reached, of all runs together: so that they do not all meet in one moment.
OCCURRENCES = {
    **{"api.before_send": 2, "api.sent": 3, "api.before_answer": 5},
    **{"scheduler.lock_taken": 2, "scheduler.fetched": 4, "scheduler.decided": 9},
    **{"scheduler.inserted": 16, "scheduler.commit_sent": 24, "scheduler.committed": 30},
    **{"scheduler.half_relayed": 18, "scheduler.relayed": 44, "scheduler.receipts_sent": 50},
    **{"projector.before_commit": 6, "projector.committed": 40},
    **{"worker.pulled": 4, "worker.started": 7, "worker.claimed": 9},
    **{"worker.uploaded": 5, "worker.spooled": 24, "worker.reported": 30},
}
# The processes live on, but for a scheduler that must end in an orderly way: it holds the lock.
RAISED = {
    **{"api.before_send": 2, "api.sent": 4, "api.before_answer": 6, "scheduler.half_relayed": 12},
    **{"worker.pulled": 2, "worker.started": 4, "worker.claimed": 5, "worker.uploaded": 2},
    **{"worker.spooled": 33, "worker.reported": 12},
}
AT_ONCE = 3
# Twelve restarts may meet in one run, on a machine that has much else to do.
PATIENCE_S = 200.0
MOST_ROUNDS = 5


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_all_in_one_stack(new_stack: Callable[[], CrashStack]) -> None:
    assert sorted(OCCURRENCES) == sorted(NAMES)
    stack = new_stack()
    client = stack.client()
    client.submit_file(DAG_FILE)
    played = []
    for action, occurrences in (("kill", OCCURRENCES), ("raise", RAISED)):
        played += play_all(stack, client, action, occurrences)
    check_nothing_left(stack)
    log = verify_log(stack)
    apart = sum(check_run(log, each) for each in played)
    names = [*OCCURRENCES, *RAISED]
    assert apart <= SLOTS * sum(name.startswith("worker.") for name in names)


def play_all(
    stack: CrashStack, client: Client, action: str, occurrences: dict[str, int]
) -> list[Played]:
    """Runs until everything went off."""
    stack.arm(";".join(f"{name}={action}@{number}" for name, number in occurrences.items()))
    played: list[Played] = []
    for _ in range(MOST_ROUNDS):
        runs = [begin(stack, client) for _ in range(AT_ONCE)]
        for each in runs:
            assert_success(client, each.run, PATIENCE_S)
        played += runs
        if all(stack.fired(name) for name in occurrences):
            break
    missing = [f"{name}: {stack.reached(name)}" for name in occurrences if not stack.fired(name)]
    assert not missing, f"not reached often enough: {missing}"
    for name in occurrences:
        ends_process = action == "kill" or name.startswith("scheduler.")
        settle(stack, client, stack.fired(name) if ends_process else 0)
    return played
