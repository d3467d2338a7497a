"""``resources`` of a task: named counts that a worker must have free for it, such as
``{"cpu": 2, "memory": 4000, "gpu": 1}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millstream.core.lanes import ASYNC, check_resources
from millstream.sdk import arguments

# Airflow's Resources(cpus=, ram=, disk=, gpus=), and what people write for memory.
_OTHER_NAMES = {"cpus": "cpu", "gpus": "gpu", "ram": "memory", "mem": "memory"}
_EXAMPLE = '{"cpu": 2, "memory": 4000, "gpu": 1} (memory in MB)'


def resources_of(value: Any) -> dict[str, int]:
    """What a task asks for; None asks for nothing. Raises ``TypeError`` and ``ValueError``."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"resources is {value!r}; pass a dict such as {_EXAMPLE}")
    for name in value:
        if not isinstance(name, str):
            raise TypeError(f"resources names {name!r}; names are text, as in {_EXAMPLE}")
        if name in _OTHER_NAMES:
            raise ValueError(
                f"resources names {name!r}, which is called {_OTHER_NAMES[name]!r} here; pass a "
                f"dict such as {_EXAMPLE}"
            )
        if name == ASYNC:
            raise ValueError(
                f"resources names {ASYNC!r}, which async tasks ask for by themselves; leave it out"
            )
    wanted = {
        name: arguments.whole(f"resources[{name!r}]", value[name], 1) for name in sorted(value)
    }
    problems = check_resources(wanted)
    if problems:
        raise ValueError(problems[0])
    return wanted
