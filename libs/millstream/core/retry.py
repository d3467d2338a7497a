"""How long a failed attempt waits for the next one. Source: Airflow 3.3,
``models/taskinstance.py``."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta

from millstream.core.event_parts import Where
from millstream.core.spec import TaskSpec

LONGEST_DELAY_S = 86_400.0


def retry_delay(
    task: TaskSpec, where: Where, logical_date: datetime | None, try_number: int
) -> timedelta:
    """The delay after try ``try_number`` (1, 2, ..). The jitter is a hash, so a replay agrees with
    it.

    A multiplier of 1 means a constant delay, to which ``max_retry_delay_s`` does not apply.
    """
    multiplier = float(task.retry_multiplier or 1)
    if multiplier == 1.0:
        return timedelta(seconds=task.retry_delay_s)
    try:
        base = max(1, math.ceil(task.retry_delay_s * multiplier ** (try_number - 1)))
    except OverflowError:
        base = int(LONGEST_DELAY_S)
    seed = f"{where.dag_id}#{where.task_id}#{logical_date}#{try_number}"
    jitter = int(hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest(), 16) % base
    delay = min(float(base + jitter), LONGEST_DELAY_S)
    if task.max_retry_delay_s is not None:
        delay = min(delay, task.max_retry_delay_s)
    return timedelta(seconds=delay)
