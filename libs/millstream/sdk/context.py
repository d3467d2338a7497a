"""What a running task knows: Airflow's context, as far as Millstream has its parts.

``logical_date`` and all that follows from it are absent where the run has none, so that a template
which needs them fails instead of rendering "None". All instants are pendulum DateTimes in UTC.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import pendulum

from millstream.core.event_parts import AssetEmission, Choice, XCom
from millstream.core.reports import RunRequest
from millstream.core.xcoms import XComPull, XComQuery
from millstream.sdk.attempts import Attempt
from millstream.sdk.codecs.scope import SIZE_SETTING, most_bytes
from millstream.sdk.dates import in_utc
from millstream.sdk.errors import XComTooLarge
from millstream.sdk.macros import macros
from millstream.sdk.pulling import (
    MOST_INLINE_BYTES,
    Pulled,
    TaskChannel,
    decode_xcom,
    map_paths,
    pull_values,
    store_xcom,
)
from millstream.sdk.removed_keys import REPLACEMENTS, TaskContext, removed_keys
from millstream.sdk.stores import conn, var
from millstream.sdk.xcom import XCOM_RETURN_KEY, encode_xcom

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG
    from millstream.sdk.operator import BaseOperator

Context: TypeAlias = dict[str, Any]


class NotSet(enum.Enum):
    """An argument that was not given, where None means something."""

    NOT_SET = enum.auto()


NOT_SET = NotSet.NOT_SET

CONTEXT_KEYS = frozenset(
    {
        "dag", "dag_run", "task", "ti", "task_instance", "run_id", "params", "macros", "try_number",
        "templates_dict", "test_mode", "task_instance_key_str", "logical_date", "ds", "ds_nodash",
        "ts", "ts_nodash", "ts_nodash_with_tz", "data_interval_start", "data_interval_end", "var",
        "conn", "inlets", "outlets", "inlet_events", "outlet_events", "triggering_asset_events",
        "expanded_ti_count", "map_index_template",
        *REPLACEMENTS,
    }
)  # fmt: skip

_current: ContextVar[Context | None] = ContextVar("current_context", default=None)


class DagRun:
    """The run that the attempt belongs to."""

    def __init__(self, attempt: Attempt) -> None:
        run = attempt.run
        self.dag_id = attempt.dag_id
        self.run_id = attempt.run_id
        self.run_type = run.run_type
        conf = run.conf if attempt.conf is None else attempt.conf
        self.conf: dict[str, Any] = dict(conf or {})
        self.run_after = in_utc(run.run_after)
        self.logical_date = _optional(run.logical_date)
        self.data_interval_start = _optional(run.data_interval_start)
        self.data_interval_end = _optional(run.data_interval_end)
        self.state = "running"

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} {self.run_id}>"


class TaskInstance:
    """The attempt as its task sees it. ``map_index`` is -1 for a task that is not mapped and
    ``max_tries`` the number of retries, both as in Airflow."""

    def __init__(self, attempt: Attempt, channel: TaskChannel, dag_run: DagRun) -> None:
        self._channel = channel
        self.path = attempt.map_index
        self.task: BaseOperator | None = None
        self.dag_run = dag_run
        self.dag_id = attempt.dag_id
        self.run_id = attempt.run_id
        self.task_id = attempt.task_id
        self.try_number = attempt.tries
        self.max_tries = attempt.max_tries - 1
        self.map_index: int | tuple[int, ...] = -1
        if attempt.map_index:
            path = attempt.map_index
            self.map_index = path[0] if len(path) == 1 else path
        self.pushed: dict[str, bytes] = {}
        self.coded: dict[str, XCom] = {}
        self._prefetched: dict[XComQuery, tuple[Pulled, int]] = {}
        self.choice: Choice | None = None
        self.map_name = ""
        # What became of the template fields, if anything did.
        self.rendered: dict[str, str] = {}
        self.assets: tuple[AssetEmission, ...] = ()
        self.runs: tuple[RunRequest, ...] = ()
        self.state = "running"
        self.hostname = ""
        self.start_date: pendulum.DateTime | None = None
        self.end_date: pendulum.DateTime | None = None
        self.duration: float | None = None
        self.log_url = ""
        self._first_started_at = attempt.first_started_at

    def xcom_push(self, key: str, value: Any) -> None:
        """Hands on a value under ``key``; it is visible to others once the attempt has ended."""
        if not key or "\0" in key:
            raise TypeError(f"the key of an XCom must be a str that is not empty, not {key!r}")
        self.keep(key, value)

    def keep(self, key: str, value: Any) -> None:
        """Encodes what the attempt hands on. Small JSON goes with the result as it is."""
        encoded = encode_xcom(value, self.task_id, key)
        if encoded.size > most_bytes():
            raise XComTooLarge(
                f"task {self.task_id}: XCom {key!r} has {encoded.size} bytes; at most "
                f"{most_bytes()} are allowed. Write it to a file and return its path, or set "
                f"{SIZE_SETTING} on the worker"
            )
        if not encoded.codec and encoded.size <= MOST_INLINE_BYTES:
            self.coded.pop(key, None)
            self.pushed[key] = encoded.data()
        else:
            self.pushed.pop(key, None)
            self.coded[key] = store_xcom(encoded, self._channel)

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        map_indexes: int | Iterable[int | None] | NotSet | None = NOT_SET,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The value that a task handed on, or ``default``.

        ``task_ids`` None means this task (as in Airflow 3); a str gives one value, or the list of
        all instances' values if the task is mapped; several ids give a list in their order.
        ``map_indexes`` names instances: an int one, None that of a task which is not mapped,
        several a list. ``dag_id`` and ``run_id`` name another run; with ``include_prior_dates`` it
        is the newest run that has such a value and is not later than the named one.
        """
        _check_pull(dag_id, key, run_id)
        names = _task_names(self.task_id if task_ids is None else task_ids)
        is_single = task_ids is None or isinstance(task_ids, str)
        is_here = dag_id in (None, self.dag_id) and run_id in (None, self.run_id)
        if isinstance(map_indexes, NotSet):
            queries = tuple(
                XComQuery(name, key, self.path)
                if is_here and name == self.task_id
                else XComQuery(name, key, (), True)
                for name in names
            )
        else:
            paths, is_one = map_paths(map_indexes)
            is_single = is_single and is_one
            queries = tuple(XComQuery(name, key, path) for name in names for path in paths)
        own = {}
        if is_here and (key in self.pushed or key in self.coded):  # known only here as yet
            mine = XComQuery(self.task_id, key, self.path)
            value = self._own(key)
            own = {number: value for number, query in enumerate(queries) if query == mine}
        pull = XComPull(
            queries=queries,
            dag_id=dag_id or "",
            run_id=run_id or "",
            include_prior_dates=include_prior_dates,
        )
        return pull_values(self._channel, pull, is_single, default, own)

    def _own(self, key: str) -> Any:
        if key in self.pushed:
            return msgspec.json.decode(self.pushed[key])
        return decode_xcom(self.coded[key], self._channel)

    def prefetch(self, queries: Iterable[XComQuery]) -> None:
        """Ask for all of these at once; :meth:`referenced` then finds them."""
        wanted = tuple(dict.fromkeys(queries))
        if wanted:
            pulled = Pulled(self._channel, XComPull(queries=wanted))
            for number, query in enumerate(wanted):
                self._prefetched[query] = (pulled, number)

    def referenced(self, query: XComQuery) -> tuple[Pulled, int]:
        """The answer to a query, and its number in it."""
        if query not in self._prefetched:
            self.prefetch((query,))
        return self._prefetched[query]

    def name_instance(self, context: Context, *, is_done: bool) -> None:
        """Renders the task's ``map_index_template``, if it has one and is mapped. Before the task
        has run what it needs may be missing; afterwards that is worth a warning."""
        template = self.task.map_index_template if self.task else None
        context["map_index_template"] = template
        if self.task is None or template is None or not self.path:
            return
        try:
            self.map_name = str(self.task.render_template(template, context))
        except Exception as error:
            if is_done:
                self.task.log.warning("map_index_template cannot be rendered: %s", error)

    def shared_path(self, operator: BaseOperator) -> tuple[int, ...]:
        """The part of this instance's path that is one of ``operator``'s instances too: the levels
        of the mapped groups that both are in."""
        from millstream.sdk.mapping import shared_levels

        assert self.task is not None, "it is known before its arguments are"
        return self.path[: shared_levels(self.task, operator)]

    def find_states(self, question: bytes) -> bytes:
        """How the runs of another DAG stand, as ``sdk.states`` writes it."""
        return self._channel.find_states(question)

    def get_first_reschedule_date(self, context: Context) -> datetime.datetime | None:
        """When this task first began to wait, across its reschedules and retries; None: only
        now."""
        return self._first_started_at

    def __repr__(self) -> str:
        return f"<TaskInstance {self.dag_id}.{self.task_id} {self.run_id} try {self.try_number}>"


def build_context(attempt: Attempt, dag: DAG | None, channel: TaskChannel) -> Context:
    """The context without ``task`` and ``params``, which are added when the task is known."""
    dag_run = DagRun(attempt)
    instance = TaskInstance(attempt, channel, dag_run)
    context: Context = TaskContext()
    context |= {
        "dag_run": dag_run,
        "ti": instance,
        "task_instance": instance,
        "run_id": attempt.run_id,
        "try_number": attempt.tries,
        "macros": macros,
        "var": var,
        "conn": conn,
        "templates_dict": None,
        "test_mode": False,
        "expanded_ti_count": None,
        "map_index_template": None,
    }
    if dag is not None:
        context["dag"] = dag
    if (logical_date := dag_run.logical_date) is not None:
        context.update(_utc_dates(logical_date))
        context["data_interval_start"] = dag_run.data_interval_start or logical_date
        context["data_interval_end"] = dag_run.data_interval_end or logical_date
        context["task_instance_key_str"] = (
            f"{attempt.dag_id}__{attempt.task_id}__{context['ds_nodash']}"
        )
        context.update(removed_keys(logical_date, dag_run.run_type, dag))
    return context


def dates(logical_date: datetime.date) -> Context:
    """The keys that are spellings of the logical date, or of any that a filter is given."""
    iso = logical_date.isoformat()
    compact = iso.replace("-", "").replace(":", "")
    if isinstance(logical_date, datetime.datetime) and logical_date.year > 999:
        ds, ds_nodash, ts_nodash = iso[:10], compact[:8], compact[:15]
    else:  # a mere date; or an early year, which strftime may write with fewer digits
        formats = ("%Y-%m-%d", "%Y%m%d", "%Y%m%dT%H%M%S")
        ds, ds_nodash, ts_nodash = map(logical_date.strftime, formats)
    return {
        "logical_date": logical_date,
        "ds": ds,
        "ds_nodash": ds_nodash,
        "ts": iso,
        "ts_nodash": ts_nodash,
        "ts_nodash_with_tz": compact,
    }


# A child runs many attempts of one run. Only for dates in UTC: equal instants of other zones are
# spelt differently.
_utc_dates = lru_cache(maxsize=64)(dates)


@contextmanager
def running(context: Context) -> Iterator[None]:
    """While a task runs, :func:`get_current_context` gives its context."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def enter(context: Context) -> None:
    """From now on :func:`get_current_context` gives this where this is called: the coroutine of an
    async task."""
    _current.set(context)


def get_current_context() -> Context:
    """The context of the task that is running. Raises ``RuntimeError`` outside of one."""
    context = _current.get()
    if context is None:
        raise RuntimeError("get_current_context() works only inside a running task")
    return context


def current_task_instance() -> TaskInstance | None:
    """The task instance that is running, if any."""
    context = _current.get()
    return None if context is None else context["ti"]


def _check_pull(dag_id: object, key: object, run_id: object) -> None:
    for name, value in (("dag_id", dag_id), ("run_id", run_id)):
        if value is not None and not (isinstance(value, str) and value):
            raise TypeError(f"{name} is {value!r}; it must be a str, or None for the task's own")
    if not isinstance(key, str) or not key:
        raise TypeError(f"key is {key!r}; it must be a str such as {XCOM_RETURN_KEY!r}")


def _task_names(task_ids: object) -> list[str]:
    if isinstance(task_ids, str):
        return [task_ids]
    if isinstance(task_ids, Iterable):
        names = list(task_ids)
        if all(isinstance(name, str) for name in names):
            return names
    raise TypeError(f"task_ids is {task_ids!r}; it must be a task id, several, or None")


def _optional(value: datetime.datetime | None) -> pendulum.DateTime | None:
    return None if value is None else in_utc(value)
