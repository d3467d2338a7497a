"""``DAG`` and ``@dag``: a set of tasks with a schedule, and its plain form for submission."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import jinja2
from dateutil.relativedelta import relativedelta

from millstream.core.errors import InvalidDag
from millstream.core.spec import DagSpec, TaskSpec, TriggerRule
from millstream.core.timetable import AssetSchedule, Schedule
from millstream.sdk import arguments, limits
from millstream.sdk.asset_watcher import watching_dags
from millstream.sdk.assets import BaseAsset, schedule_condition
from millstream.sdk.authoring import (
    author_place,
    close_dag,
    current_group,
    file_being_read,
    open_dag,
    record,
)
from millstream.sdk.callbacks import callbacks_of
from millstream.sdk.dates import instant, stdlib_utc, zone_name
from millstream.sdk.deadline import DeadlineAlert, named_alerts
from millstream.sdk.errors import (
    AirflowException,
    DuplicateTaskIdFound,
    NotSupportedYet,
    TemplateError,
)
from millstream.sdk.operator import BaseOperator
from millstream.sdk.params import ParamsDict, check_schedulable
from millstream.sdk.taskgroup import TaskGroup, check_free
from millstream.sdk.timetables import Timetable, restriction, timetable_for
from millstream.sdk.xcom import DagParam

if TYPE_CHECKING:
    from millstream.sdk.local_run import LocalRun

MAX_ACTIVE_TASKS = 16
_UNSET: Any = object()
ScheduleArgument: TypeAlias = (
    str | timedelta | relativedelta | Timetable | BaseAsset | Collection[BaseAsset] | None
)


class DAG:
    """A DAG as its author writes it; arguments mean what they mean in Airflow 3.

    ``schedule`` (or Airflow 2's ``schedule_interval``): None, a cron expression, a preset, a
    distance of time, a timetable or assets. A cron expression is reckoned in the time zone of
    ``start_date``; naive dates are in UTC. ``folder`` is where the DAG file lies, against which
    template files are found. ``fail_fast`` (Airflow 2: ``fail_stop``): the first task that fails
    ends all others, teardowns excepted. ``max_active_tasks`` (Airflow 2: ``concurrency``) is how
    many tasks of one run may be queued or running; DAGs with the same ``fairness_key`` (the DAG's
    id unless given) count as one where free slots are shared out.
    """

    def __init__(
        self,
        dag_id: str,
        description: str | None = None,
        schedule: ScheduleArgument = _UNSET,
        start_date: datetime | date | str | None = None,
        *,
        schedule_interval: str | timedelta | relativedelta | None = _UNSET,
        end_date: datetime | date | str | None = None,
        catchup: bool = False,
        max_active_runs: int | None = None,
        fail_fast: bool = False,
        fail_stop: bool | None = None,
        max_active_tasks: int | None = None,
        concurrency: int | None = None,
        fairness_key: str | None = None,
        dagrun_timeout: timedelta | None = None,
        max_consecutive_failed_dag_runs: int = 0,
        is_paused_upon_creation: bool | None = None,
        tags: Collection[str] | None = None,
        default_args: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        doc_md: str | None = None,
        dag_display_name: str | None = None,
        render_template_as_native_obj: bool = False,
        template_searchpath: str | Sequence[str] | None = None,
        template_undefined: type[jinja2.Undefined] | None = None,
        jinja_environment_kwargs: Mapping[str, Any] | None = None,
        user_defined_macros: Mapping[str, Any] | None = None,
        user_defined_filters: Mapping[str, Callable[..., Any]] | None = None,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        deadline: DeadlineAlert | Sequence[DeadlineAlert] | None = None,
        sla_miss_callback: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments.check_arguments(
            "DAG",
            kwargs,
            _DAG_ARGUMENTS,
            arguments.IGNORED_DAG_ARGUMENTS,
            arguments.PLANNED_DAG_ARGUMENTS,
        )
        if not isinstance(dag_id, str):
            raise TypeError(f"dag_id is {dag_id!r}; it must be a str")
        file, self.line = author_place()
        self.dag_id = dag_id
        self.fileloc = file
        self.folder = str(Path(file).absolute().parent)
        self.bundle_dir = ""  # set where the DAG is loaded from a bundle
        self.description = description or ""
        defaults = dict(default_args or {})
        if end_date is None:
            end_date = defaults.pop("end_date", None)
        self.default_args = arguments.checked_defaults("DAG default_args", defaults)
        if start_date is None:
            start_date = self.default_args.get("start_date")
        self.start_date = None if start_date is None else instant("start_date", start_date)
        self.timezone = "UTC" if self.start_date is None else zone_name(self.start_date)
        self.end_date = None if end_date is None else instant("end_date", end_date)
        self.schedule = _schedule(schedule, schedule_interval, self.timezone)
        self.catchup = arguments.flag("catchup", catchup)
        self.fail_fast = arguments.flag("fail_fast", fail_fast) or _old_fail_stop(fail_stop)
        self.max_active_runs = _most_runs(max_active_runs, self.schedule)
        most_tasks = limits.renamed(
            "max_active_tasks", max_active_tasks, "concurrency", concurrency
        )
        self.max_active_tasks = (
            MAX_ACTIVE_TASKS
            if most_tasks is None
            else arguments.whole("max_active_tasks", most_tasks, 1)
        )
        self.fairness_key = arguments.text("fairness_key", fairness_key)
        self.dagrun_timeout = dagrun_timeout
        self._dagrun_timeout_s = (
            None if dagrun_timeout is None else arguments.seconds("dagrun_timeout", dagrun_timeout)
        )
        self.max_consecutive_failed_dag_runs = arguments.whole(
            "max_consecutive_failed_dag_runs", max_consecutive_failed_dag_runs
        )
        self.is_paused_upon_creation = (
            None
            if is_paused_upon_creation is None
            else arguments.flag("is_paused_upon_creation", is_paused_upon_creation)
        )
        self.tags = _tags(tags)
        self.params = ParamsDict(params, f"DAG {dag_id!r}")
        if self.schedule is not None:
            check_schedulable(self.params, dag_id, self.schedule)
        self.doc_md = doc_md or ""
        self.dag_display_name = arguments.text("dag_display_name", dag_display_name)
        self.render_template_as_native_obj = render_template_as_native_obj
        self.template_searchpath = (
            [template_searchpath]
            if isinstance(template_searchpath, str)
            else list(template_searchpath or ())
        )
        self.template_undefined = _undefined(template_undefined)
        self.jinja_environment_kwargs = _jinja_options(jinja_environment_kwargs)
        self.user_defined_macros = dict(user_defined_macros or {})
        self.user_defined_filters = dict(user_defined_filters or {})
        self.callbacks = {
            "success": callbacks_of("on_success_callback", on_success_callback),
            "failure": callbacks_of("on_failure_callback", on_failure_callback),
        }
        self.deadlines = named_alerts(deadline)
        if sla_miss_callback is not None:
            arguments.warn_of_sla(f"DAG {dag_id!r} (sla_miss_callback)")
        self.task_dict: dict[str, BaseOperator] = {}
        self.task_groups: dict[str, TaskGroup] = {}
        self.edge_labels: dict[tuple[str, str], str] = {}
        self._last_suffix: dict[str, int] = {}
        record(self)
        if schedule is not _UNSET:
            self.watching_dags = list(watching_dags(schedule))

    def __enter__(self) -> DAG:
        open_dag(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        close_dag()

    @property
    def has_own_templates(self) -> bool:
        """Whether a template means something else in this DAG than in others."""
        return bool(
            self.user_defined_macros
            or self.user_defined_filters
            or self.render_template_as_native_obj
            or self.jinja_environment_kwargs
            or self.template_undefined is not jinja2.StrictUndefined
        )

    def get_template_env(self) -> jinja2.Environment:
        """The environment of the DAG's templates."""
        from millstream.sdk.templates import environment

        return environment(self)

    @property
    def tasks(self) -> list[BaseOperator]:
        """The tasks in the order in which they were made."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """The ids of :attr:`tasks`."""
        return list(self.task_dict)

    def has_task(self, task_id: str) -> bool:
        """Whether a task of this id is in the DAG."""
        return task_id in self.task_dict

    def get_task(self, task_id: str) -> BaseOperator:
        """The task of this id; raises :class:`AirflowException` if there is none."""
        task = self.task_dict.get(task_id)
        if task is None:
            raise AirflowException(
                f"DAG {self.dag_id!r} has no task {task_id!r}; if the file makes its tasks from "
                f"something that changes, make that a part of the project"
            )
        return task

    def deadline_named(self, name: str) -> DeadlineAlert:
        """The deadline alert of this name; raises :class:`AirflowException` if there is none."""
        alert = self.deadlines.get(name)
        if alert is None:
            raise AirflowException(f"DAG {self.dag_id!r} has no deadline {name!r}")
        return alert

    def param(self, name: str, default: Any = _UNSET) -> DagParam:
        """A reference to a param for the arguments of tasks; ``default`` makes or changes it."""
        if default is not _UNSET:
            self.params[name] = default
        if name not in self.params:
            known = ", ".join(map(repr, self.params))
            raise AirflowException(
                f"DAG {self.dag_id!r} has no param {name!r}; it has {known or 'none'}"
            )
        return DagParam(name)

    def add_task(self, task: BaseOperator) -> None:
        """Puts a task into this DAG."""
        if task.task_id in self.task_groups:
            raise DuplicateTaskIdFound(
                f"task_id {task.task_id!r}, on line {task.line}, is also the id of a TaskGroup of "
                f"DAG {self.dag_id!r}; give one of them another id"
            )
        other = self.task_dict.setdefault(task.task_id, task)
        if other is not task:
            raise DuplicateTaskIdFound(
                f"task_id {task.task_id!r} is used twice in DAG {self.dag_id!r}, on lines "
                f"{other.line} and {task.line}; give each task an id of its own"
            )
        task.dag = self

    def add_group(self, group: TaskGroup) -> None:
        """Puts a group into this DAG."""
        check_free(self, group)
        self.task_groups[group.group_id] = group

    def free_task_id(self, wanted: str, group: TaskGroup | None = None) -> str:
        """``wanted``, or the first free of ``wanted__1``, ``wanted__2``, ... It is without the
        prefix of ``group``, or of the open one, in which it is free."""
        group = group or current_group(self)
        first = task_id = group.child_id(wanted) if group else wanted
        number = self._last_suffix.get(first, 0)
        while task_id in self.task_dict:
            number += 1
            task_id = f"{first}__{number}"
        self._last_suffix[first] = number
        return task_id[len(first) - len(wanted) :]

    def test(
        self,
        *,
        run_conf: Mapping[str, Any] | None = None,
        logical_date: datetime | date | str | None = None,
        variable_file_path: str | Path | None = None,
        conn_file_path: str | Path | None = None,
    ) -> LocalRun:
        """Runs the DAG once in this process, without a server, and prints what happens.

        Retries, trigger rules, skips, XComs and ``execution_timeout`` are as on a server, but
        tasks run one after the other and no retry is waited for. A failure of a task raises
        nothing: the state of the result tells. Write it under ``if __name__ == "__main__":``.
        Variables and connections are looked for in the files (JSON or YAML objects by name), then
        in the environment.
        """
        from millstream.sdk.local_run import run_locally
        from millstream.sdk.store_files import StoreFiles
        from millstream.sdk.stores import asking_first

        file = file_being_read()
        if file is not None:
            raise AirflowException(
                f"dag.test() of DAG {self.dag_id!r} is called while {file} is being loaded; put it "
                f'under: if __name__ == "__main__":'
            )
        at = None if logical_date is None else stdlib_utc(instant("logical_date", logical_date))
        with asking_first(StoreFiles(variable_file_path, conn_file_path)):
            return run_locally(self, run_conf, at)

    def cli(self) -> NoReturn:
        """Refused: a command line for each DAG file would be a second one to learn."""
        raise NotSupportedYet(
            f"dag.cli() is not supported: use the millstream command (millstream submit "
            f"{self.fileloc or 'FILE'}; millstream trigger {self.dag_id}), or dag.test() to run "
            f"the DAG in this process"
        )

    def to_spec(self, file: str) -> DagSpec:
        """The DAG as plain data; ``file`` is the path of the DAG file in its bundle. It is not yet
        checked: :func:`millstream.core.validate.check_dag` does that. Raises :class:`InvalidDag`
        for what a spec cannot hold."""
        self._check_default_args()
        self._check_setups()
        return DagSpec(
            dag_id=self.dag_id,
            tasks=self._task_specs(),
            schedule=self.schedule_spec(),
            start_date=None if self.start_date is None else self.start_date.isoformat(),
            timezone=self.timezone,
            catchup=self.catchup,
            tags=self.tags,
            description=self.description,
            doc=self.doc_md,
            params=self.params.dump(),
            file=file,
            display_name=self.dag_display_name,
            groups=tuple(group.to_spec() for group in self.task_groups.values()),
            param_schemas=self.params.schemas(),
            end_date=None if self.end_date is None else self.end_date.isoformat(),
            max_active_runs=self.max_active_runs,
            fail_fast=self.fail_fast,
            max_active_tasks=self.max_active_tasks,
            fairness_key=self.fairness_key,
            dagrun_timeout_s=self._dagrun_timeout_s,
            max_consecutive_failed_dag_runs=self.max_consecutive_failed_dag_runs,
            is_paused_upon_creation=self.is_paused_upon_creation,
            callbacks=tuple(kind for kind, functions in self.callbacks.items() if functions),
            deadlines=tuple(alert.to_spec(name) for name, alert in self.deadlines.items()),
        )

    def schedule_spec(self) -> str | Schedule | None:
        """The schedule as plain data."""
        if not isinstance(self.schedule, Timetable):
            return self.schedule
        bounds = restriction(self.start_date, self.end_date, catchup=self.catchup)
        return self.schedule.to_schedule(bounds)

    def _task_specs(self) -> tuple[TaskSpec, ...]:
        from millstream.sdk.templates import check_templates

        specs, problems = [], []
        for task in self.tasks:
            try:
                check_templates(task)
                specs.append(task.to_spec())
            except TemplateError as error:
                problems.append(f"line {task.line}: task {task.task_id!r}: {error}")
        if problems:
            raise InvalidDag(self.dag_id, problems)
        return tuple(specs)

    def _check_default_args(self) -> None:
        """A default that no task of the DAG knows is an error if it looks like a misspelt one."""
        _check_defaults(f"default_args of DAG {self.dag_id!r}", self.default_args, self.tasks)
        for group_id, group in self.task_groups.items():
            what = f"default_args of TaskGroup {group_id!r} in DAG {self.dag_id!r}"
            _check_defaults(what, group.own_default_args, group)

    def _check_setups(self) -> None:
        """As in Airflow: a task after a setup runs only if that succeeded."""
        problems = [
            f"line {after.line}: task {after.task_id!r} has trigger_rule "
            f"{after.trigger_rule.value!r}; after the setup {task.task_id!r} only 'all_success' is "
            f"allowed"
            for task in self.tasks
            if task.is_setup
            for after in task.downstream_list
            if not after.is_teardown and after.trigger_rule is not TriggerRule.ALL_SUCCESS
        ]
        if problems:
            raise InvalidDag(self.dag_id, problems)

    def __repr__(self) -> str:
        return f"<DAG {self.dag_id!r}>"


_DAG_ARGUMENTS = sorted(set(inspect.signature(DAG.__init__).parameters) - {"self", "kwargs"})


def _schedule(
    schedule: Any, schedule_interval: Any, timezone: str
) -> str | Timetable | AssetSchedule | None:
    if schedule is not _UNSET and schedule_interval is not _UNSET:
        raise TypeError("DAG() got both schedule and schedule_interval; pass schedule alone")
    value = schedule_interval if schedule is _UNSET else schedule
    if value is _UNSET or value is None:
        return None
    condition = schedule_condition(value)
    if condition is not None:
        return AssetSchedule(condition=condition)
    return timetable_for(value, timezone)


MAX_ACTIVE_RUNS = 16


def _old_fail_stop(value: bool | None) -> bool:
    """Airflow 2's name of ``fail_fast``."""
    return value is not None and arguments.flag("fail_stop", value)


def _most_runs(wanted: Any, schedule: str | Timetable | AssetSchedule | None) -> int:
    limit = schedule.active_runs_limit if isinstance(schedule, Timetable) else None
    if schedule == "@continuous":
        limit = 1
    if wanted is None:
        return limit or MAX_ACTIVE_RUNS
    most = arguments.whole("max_active_runs", wanted, least=1)
    if limit is not None and most > limit:
        raise ValueError(
            f"max_active_runs is {most}; the schedule {schedule!r} allows {limit} at most"
        )
    return most


def _undefined(kind: Any) -> type[jinja2.Undefined]:
    if kind is None:
        return jinja2.StrictUndefined
    if not isinstance(kind, type) or not issubclass(kind, jinja2.Undefined):
        raise TypeError(f"template_undefined is {kind!r}; pass a class such as jinja2.Undefined")
    return kind


def _jinja_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Raises ``TypeError`` for what no environment takes."""
    given = dict(options or {})
    try:
        jinja2.Environment(**given)  # noqa: S701 - what it makes is text, not HTML
    except Exception as error:
        raise TypeError(f"jinja_environment_kwargs is {given!r}: {error}") from None
    return given


def _tags(tags: Collection[str] | None) -> tuple[str, ...]:
    if isinstance(tags, str):
        raise TypeError(f"tags is the str {tags!r}; pass a list such as tags=[{tags!r}]")
    names = tags or ()
    for tag in names:
        if not isinstance(tag, str):
            raise TypeError(f"tag {tag!r} is not a str")
    ordered = sorted(names) if isinstance(names, set | frozenset) else names
    return tuple(dict.fromkeys(ordered))


def _check_defaults(what: str, defaults: Collection[str], tasks: Iterable[BaseOperator]) -> None:
    known = set(BaseOperator.known_arguments())
    for task in tasks:
        known |= set(task.known_arguments())
    for name in defaults:
        near = arguments.nearest(name, sorted(known)) if name not in known else None
        if near and name not in arguments.IGNORED_TASK_ARGUMENTS:
            raise TypeError(f"{what} has the unknown argument {name!r}; did you mean {near!r}?")


DagFactory = Callable[..., Any]


def dag(dag_id: str | DagFactory = "", **dag_arguments: Any) -> Any:
    """Makes a function whose body creates tasks into one that returns their :class:`DAG` when
    called.

    Used as ``@dag``, ``@dag()`` or ``@dag("id", schedule=...)``; the id defaults to the function's
    name and the docs to its docstring. The function's arguments are params of the DAG.
    """
    if callable(dag_id):
        return _dag_factory(dag_id, "", {})
    return functools.partial(_dag_factory, dag_id=dag_id, dag_arguments=dag_arguments)


def _dag_factory(
    function: DagFactory, dag_id: str, dag_arguments: dict[str, Any]
) -> Callable[..., DAG]:
    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> DAG:
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        settings = dict(dag_arguments)
        settings.setdefault("doc_md", inspect.cleandoc(function.__doc__ or ""))
        settings["params"] = {**bound.arguments, **(settings.get("params") or {})}
        with DAG(dag_id or function.__name__, **settings) as made:
            function(**{name: DagParam(name) for name in bound.arguments})
        return made

    return make
