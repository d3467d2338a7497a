"""Writes docs/reference/events.md from the events of the core and from the table of transitions.

Run it as ``python docs/reference/make_events.py``; a test checks that the page is up to date.
"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec

from millstream.core.event_parts import EventData
from millstream.core.events import type_registry
from millstream.core.statuses import RUN_TRANSITIONS, TASK_TRANSITIONS, RunStatus, next_status

PAGE = Path(__file__).with_name("events.md")

HEAD = """\
# Events

<!-- Made by docs/reference/make_events.py from libs/millstream/core; do not edit. -->

Everything that happens is one of these events. Each has a *position* in the log of its shard, an
*epoch* (which scheduler wrote it), the instant `recorded_at`, an *actor*, the id of the command
that caused it (`causation`), and what it is about: `namespace`, `dag_id`, `run_id`, `task_id`,
`map_index` and `attempt`, as far as they apply. The rest is in `data`: it is what is listed here.

A released event is never edited ([why](../adr/0003-released-events-are-never-edited.md)); a field
with a default may be missing in `data`.
"""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_SAMPLES: dict[str, Any] = {"retry_at": _EPOCH, "is_final": True}
# The values of a field that says where an event leads.
_STATES = {"TaskMarked": ("success", "failed", "skipped")}


def page() -> str:
    parts = [HEAD, _diagram("The states of a task", _task_edges()), _run_diagram()]
    parts += [_section(name, cls) for name, cls in type_registry.items()]
    return "\n".join(parts)


def _section(name: str, cls: type[EventData]) -> str:
    text = " ".join(inspect.cleandoc(cls.__doc__ or "").replace("``", "`").split())
    lines = [f"## {name}", "", text, ""]
    fields = msgspec.structs.fields(cls)
    if fields:
        lines += ["| field | type | default |", "|---|---|---|"]
        lines += [f"| `{f.name}` | {_type_name(f.type)} | {_default(f)} |" for f in fields]
        lines.append("")
    return "\n".join(lines)


def _type_name(annotation: Any) -> str:
    name = getattr(annotation, "__name__", "") if isinstance(annotation, type) else ""
    text = name if name and not get_args(annotation) else str(annotation)
    for prefix in (
        "millstream.core.event_parts.",
        "millstream.core.events.",
        "millstream.core.spec.",
        "millstream.core.deferral.",
        "datetime.",
        "typing.",
    ):
        text = text.replace(prefix, "")
    return "`" + text.replace("msgspec.Raw", "JSON").replace(" | ", r" \| ") + "`"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{field.default_factory()!r}`"
    if isinstance(field.default, msgspec.Raw):
        return f"`{bytes(field.default).decode()}`"
    return f"`{field.default!r}`"


def _task_edges() -> list[tuple[str, str, str]]:
    """Every change of a task's status: from, to, by which event."""
    edges: list[tuple[str, str, str]] = []
    for cls, befores in TASK_TRANSITIONS.items():
        targets = dict.fromkeys(next_status(data) for data in _examples(cls))
        edges += [
            (str(before), str(after), cls.__name__) for before in befores for after in targets
        ]
    return edges


def _examples(cls: Any) -> list[Any]:
    """The event with its defaults, and once more with each field that decides where it leads."""
    blank = {f.name: None for f in msgspec.structs.fields(cls) if f.required}
    if cls.__name__ in _STATES:
        return [cls(state=state) for state in _STATES[cls.__name__]]
    special = [name for name in _SAMPLES if name in cls.__struct_fields__]
    return [cls(**blank), *(cls(**blank, **{name: _SAMPLES[name]}) for name in special)]


_RUN_TARGETS = {
    "RunCreated": RunStatus.QUEUED,
    "RunStarted": RunStatus.RUNNING,
    "RunSucceeded": RunStatus.SUCCESS,
    "RunFailed": RunStatus.FAILED,
    "RunQuarantined": RunStatus.FAILED,
    "RunReopened": RunStatus.QUEUED,
}
# A run that is over is in no state's memory, so the table does not say what it was.
_RUN_SOURCES = {"RunReopened": (RunStatus.SUCCESS, RunStatus.FAILED)}


def _run_diagram() -> str:
    edges = [
        (str(before or "none"), str(_RUN_TARGETS[cls.__name__]), cls.__name__)
        for cls, befores in RUN_TRANSITIONS.items()
        if cls.__name__ in _RUN_TARGETS
        for before in _RUN_SOURCES.get(cls.__name__, befores)
    ]
    return _diagram("The states of a run", edges)


def _diagram(title: str, edges: list[tuple[str, str, str]]) -> str:
    names = {"none": "[*]"}
    lines = [f"## {title}", "", "```mermaid", "stateDiagram-v2"]
    lines += [f"    {names.get(a, a)} --> {names.get(b, b)}: {event}" for a, b, event in edges]
    return "\n".join([*lines, "```", ""])


if __name__ == "__main__":
    PAGE.write_text(page())
