"""Lanes: what a consumer of ready events is for, a queue and what its tasks ask for.

Tasks of a queue that ask for nothing share its plain lane, whose name is the queue's. Those that
ask for the same have a lane of their own, so that a worker pulls only what it can start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from millstream.core.errors import InvalidArgument

if TYPE_CHECKING:
    from millstream.core.spec import DagSpec

# What a task asks for that waits in an event loop beside others: such a task takes no slot.
ASYNC = "async"
MOST_RESOURCES = 8
MOST_LANES = 64
LARGEST_COUNT = 2**31 - 1
# NATS names a consumer with at most 255 characters, and takes long ones for file names.
LONGEST_LANE = 200
_RESOURCE = re.compile(r"[a-z][a-z0-9_]{0,39}")


def lane_name(queue: str, resources: Mapping[str, int]) -> str:
    """``gpus=cpu-2=gpu-1`` for what asks for 2 cpu and 1 gpu in the queue ``gpus``; the queue
    itself for what asks for nothing. It may be a token of a subject."""
    if not resources:
        return queue
    return "=".join([queue, *(f"{name}-{resources[name]}" for name in sorted(resources))])


def asks(lane: str) -> bool:
    """Is it a lane of tasks that ask for something?"""
    return "=" in lane


def parse_lane(lane: str) -> tuple[str, dict[str, int]]:
    """The queue of a lane and what its tasks ask for. Raises :class:`InvalidArgument`."""
    queue, *parts = lane.split("=")
    resources: dict[str, int] = {}
    for part in parts:
        name, _, count = part.partition("-")
        if not _RESOURCE.fullmatch(name) or not re.fullmatch("[1-9][0-9]{0,9}", count):
            raise InvalidArgument(f"{lane!r} is no lane: {part!r} is no name with a count.")
        resources[name] = int(count)
    if not queue or lane_name(queue, resources) != lane:
        raise InvalidArgument(f"{lane!r} is no lane.")
    return queue, resources


def lanes_of(spec: DagSpec) -> dict[str, None]:
    """The lanes of a DAG, in the order of its tasks; a queue's plain lane is among them in any
    case, for callbacks and triggers."""
    lanes: dict[str, None] = {}
    for task in spec.tasks:
        lanes[task.queue] = lanes[lane_name(task.queue, task.resources)] = None
    return lanes


def check_resources(resources: Mapping[str, int]) -> list[str]:
    """What is wrong with what a task asks for."""
    problems = [
        f"resources names {name!r}; use lower-case letters, digits and '_', such as 'gpu'"
        for name in resources
        if not _RESOURCE.fullmatch(name)
    ]
    problems += [
        f"resources asks for {count} {name}; 1 to {LARGEST_COUNT} is allowed"
        for name, count in resources.items()
        if not 1 <= count <= LARGEST_COUNT
    ]
    if len(resources) > MOST_RESOURCES:
        problems.append(
            f"resources names {len(resources)} resources; at most {MOST_RESOURCES} are allowed"
        )
    return problems
