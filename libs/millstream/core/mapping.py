"""How many instances something mapped has: the lengths of what it is mapped over."""

from __future__ import annotations

from math import prod

import msgspec

from millstream.core.graph import Level
from millstream.core.spec import MapSource
from millstream.core.state import Run

NO_LENGTH = -2
Path = tuple[int, ...]


def map_length(run: Run, level: Level, path: Path) -> int | None:
    """How many elements a level has at ``path``: the product over what it is mapped over. None
    while that is not known, or if it cannot be."""
    lengths = [_length(run, level, source, path) for source in level.over]
    known = [length for length in lengths if length is not None]
    return prod(known) if len(known) == len(lengths) else None


def _length(run: Run, level: Level, source: MapSource, path: Path) -> int | None:
    if source.how:
        parts = [_length(run, level, part, path) for part in source.of]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        match source.how:
            case "zip":
                return min(known, default=0)
            case "zip_longest":
                return max(known, default=0)
            case "concat":
                return sum(known)
    if not source.task_id:
        return source.length
    number = run.version.graph.number[source.task_id]
    shared = next(shared for other, shared in level.sources if other == number)
    node, _ = run.nearest(number, path[:shared])
    if node.elements:
        # As many as have a result, once all have ended.
        return max(node.length, 0) if node.is_over else None
    return node.length if node.length >= 0 else None


def length_of_json(text: bytes) -> int:
    """How many items a JSON list or object has; -1 for anything else."""
    try:
        return len(msgspec.json.decode(text, type=list[msgspec.Raw] | dict[str, msgspec.Raw]))
    except msgspec.MsgspecError:
        return -1


def why_not_mappable(length: int, most: int) -> str:
    """A sentence about a result of so many items that others are mapped over; "" if they can be."""
    if length < 0:
        return "other tasks are mapped over the result, so it must be a list or a dict"
    if length > most:
        return (
            f"other tasks are mapped over the result, which has {length} items; at most {most} are "
            f"allowed (the setting MILLSTREAM_MAX_MAP_LENGTH)"
        )
    return ""


def note_length(run: Run, number: int, path: Path, length: int) -> None:
    """An instance has a result, of ``length`` items (-1: it has no length)."""
    nodes = [run.instances[number]]
    for index in path:
        nodes.append(nodes[-1].elements[index])
    leaf = nodes.pop()
    is_first = leaf.length == -1
    leaf.length = NO_LENGTH if length < 0 else length
    while is_first and nodes:
        node = nodes.pop()
        is_first = node.length < 1
        node.length = max(node.length, 0) + 1


def forget_length(run: Run, number: int, path: Path) -> None:
    """An instance has its result no more."""
    nodes = [run.instances[number]]
    for index in path:
        nodes.append(nodes[-1].elements[index])
    leaf = nodes.pop()
    is_last = leaf.length != -1
    leaf.length = -1
    while is_last and nodes:
        node = nodes.pop()
        node.length -= 1
        is_last = node.length == 0
        if is_last:
            node.length = -1
