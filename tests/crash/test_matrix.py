"""Every failpoint, with every action, at the first, a middle and the last time that a run passes
it: the run ends well, the log is right, no result is committed twice and no body runs unknown to
the log."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable

import pytest

from crash.cases import ACTIONS, OCCURRENCES, Case, check_nothing_left, play, usual_times
from crash.crash_stack import DAG_FILE, CrashStack
from integration.verify import verify_log
from millstream.adapters.failpoints import NAMES
from millstream.client import Client


@pytest.mark.soak
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", NAMES)
def test_a_failpoint(new_stack: Callable[[], CrashStack], name: str) -> None:
    """All its cases are played, whatever becomes of one."""
    failures: list[str] = []
    stack: CrashStack | None = None
    for action, occurrence in itertools.product(ACTIONS, OCCURRENCES):
        if stack is None:
            stack, client = begin(new_stack)
            times = usual_times(stack, client, name)
        began = time.monotonic()
        try:
            play(stack, client, Case(name, action, occurrence), times)
        except Exception:
            failures.append(f"{name} {action} {occurrence}: {traceback.format_exc()}")
            stack = None
        print(f"{name} {action} {occurrence}: {time.monotonic() - began:.1f} s", flush=True)
    if stack is not None:
        verify_log(stack)
        check_nothing_left(stack)
    assert not failures, "\n\n".join(failures)


def begin(new_stack: Callable[[], CrashStack]) -> tuple[CrashStack, Client]:
    stack = new_stack()
    client = stack.client()
    client.submit_file(DAG_FILE)
    return stack, client
