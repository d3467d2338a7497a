"""The DAG whose runs are disturbed: each run passes every failpoint several times.

Each body writes a line when it begins, into the file that the run's conf names.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from millstream import DAG, Variable, get_current_context, task

# More than is kept inside of an event: these go through the blob store.
LARGE = 100_000
SETTINGS: dict[str, Any] = {"retries": 6, "retry_delay": timedelta(seconds=0.05)}


def note_begin() -> Path:
    """One write of a line: bodies run side by side. Returns the file."""
    context = get_current_context()
    instance = context["ti"]
    file = Path(context["params"]["bodies"])
    line = f"{instance.task_id} {instance.map_index}\n"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)
    return file


with DAG("disturbed", schedule=None, params={"bodies": ""}, default_args=SETTINGS):

    @task
    def begin() -> list[int]:
        """The scheduler stores the value in the transaction of the event that names it."""
        note_begin()
        Variable.set("crash_begun", str(time.time_ns()))
        return [1, 2, 3]

    @task
    def part(number: int) -> str:
        note_begin()
        time.sleep(0.05)
        return str(number) * LARGE

    @task
    def flaky() -> str:
        """Fails at first, whoever is the first to come."""
        failed = note_begin().with_suffix(".failed")
        if not failed.exists():
            failed.touch()
            raise RuntimeError("on purpose")
        return "well"

    @task(exclusive=True)  # type: ignore[untyped-decorator]
    def alone() -> None:
        note_begin()
        time.sleep(0.1)

    @task
    def total(parts: list[str], how: str) -> int:
        note_begin()
        assert how == "well"
        assert [len(text) for text in parts] == [LARGE] * 3
        return sum(int(text[0]) for text in parts)

    @task.branch
    def choose(found: int) -> str:
        note_begin()
        return "six" if found == 6 else "other"

    @task
    def six() -> None:
        note_begin()

    @task
    def other() -> None:
        note_begin()

    @task(trigger_rule="none_failed_min_one_success")  # type: ignore[untyped-decorator]
    def end() -> None:
        note_begin()

    numbers = begin()
    quiet = alone()
    numbers >> quiet
    chosen = choose(total(part.expand(number=numbers), flaky()))
    last = end()
    chosen >> [six(), other()] >> last
    quiet >> last
