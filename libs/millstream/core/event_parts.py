"""What events are made of: where they belong, and the values that they carry."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

# What columns of type bigint and integer hold.
Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Number = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class Where(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an event or a command is about. Parts that do not apply are empty; attempts count from
    1.

    ``map_index`` is the path of a mapped instance, one index a level; () for a task that is not
    mapped.
    """

    namespace: str
    dag_id: str
    run_id: str = ""
    task_id: str = ""
    map_index: tuple[int, ...] = ()
    attempt: int = 0

    def task(self, task_id: str, map_index: tuple[int, ...] = (), attempt: int = 0) -> Where:
        """The same run, another task."""
        return Where(self.namespace, self.dag_id, self.run_id, task_id, map_index, attempt)


class EventData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all events have in common; the name of the class is the type in the log."""


class XCom(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value that a task hands on. Exactly one of ``value`` and ``blob`` holds it.

    ``value``: JSON text, up to 48 KiB. ``blob``: the key of the bytes in the blob store, which is
    their SHA-256; ``size`` is their number. ``length``: how many items a list or a dict has, -1 for
    anything else. ``codec`` is empty where the JSON text is the value itself; else it says how the
    bytes are to be read, and what type they are of: ``typed:datetime``,
    ``packed:pandas.DataFrame``.
    """

    value: msgspec.Raw = msgspec.Raw()
    blob: str = ""
    size: Position = 0
    length: Number = -1
    codec: str = ""


class RunInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task may know of its run. ``conf`` is None where it is too large to repeat in each
    ``TaskReady``; the worker then looks it up by the run."""

    run_type: str
    run_after: datetime
    logical_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    conf: dict[str, Any] | None = None


class Rerun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That a run was made from another one of its DAG, as that stood at ``position``.

    ``start``: what runs again is what had not succeeded ("failed"), that and ``tasks`` ("tasks"),
    or what had not ended at the position ("event"), each with all that is downstream.
    ``logical_date`` is what its tasks see: two runs cannot have the same.
    """

    run_id: str
    position: int
    start: Literal["failed", "tasks", "event"]
    tasks: tuple[str, ...] = ()
    logical_date: datetime | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a branch or a short circuit decided about the tasks after it.

    ``follow``: of the tasks directly downstream only these go on, and those that can be reached
    from these; None: no branch. ``skip``: "direct" skips the tasks directly downstream, "all"
    everything downstream, teardowns excepted.
    """

    follow: tuple[str, ...] | None = None
    skip: Literal["", "direct", "all"] = ""


class AssetEmission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an attempt says of an asset beyond its spec: ``extra`` for one of its outlets, or that
    the asset belongs to ``alias``, which is one of them."""

    name: str
    uri: str
    extra: dict[str, Any] = {}
    alias: str = ""


class TaskMemo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a run that is over left a task, or an instance of a mapped one.

    ``status`` is Airflow's word for it, ``tries`` how many of the user's tries were used and
    ``max_tries`` how many there were (0: as the task says). ``expanded`` is the number of instances
    below, where it is expanded (-1: it is not). ``length`` is how many items its result has, if
    others are mapped over that (-1: there is none, -2: it has no length); ``choice`` is what it
    decided about the tasks after it.
    """

    task_id: str
    map_index: tuple[int, ...] = ()
    status: str = "none"
    attempt: int = 0
    tries: int = 0
    max_tries: int = 0
    expanded: int = -1
    length: int = -1
    choice: Choice | None = None
