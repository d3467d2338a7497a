"""What makes a DAG acceptable. The SDK asks before it submits, the api and the scheduler ask
again."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from millstream.core.deadlines import check_deadlines
from millstream.core.errors import InvalidArgument, InvalidDag
from millstream.core.graph import find_cycle, group_chains, source_tasks
from millstream.core.lanes import (
    LONGEST_LANE,
    MOST_LANES,
    asks,
    check_resources,
    lane_name,
    lanes_of,
)
from millstream.core.spec import (
    BashAction,
    DagSpec,
    MapSource,
    PythonAction,
    TaskSpec,
    TriggerRule,
)
from millstream.core.timetable import check_schedule

TASK_CALLBACKS = ("execute", "success", "failure", "retry", "skipped")
RUN_CALLBACKS = ("success", "failure")
MAX_ID_LENGTH = 250
# As in Airflow: with another rule a task would run because of the failure that ends the run.
FAIL_FAST_RULES = (TriggerRule.ALL_SUCCESS, TriggerRule.ALL_DONE_SETUP_SUCCESS)
MAX_TASKS = 10_000
MOST_WEIGHT = 2**31 - 1
MAX_ACTIVE_RUNS = 100_000
_LONGEST_S = 366 * 86400
# How many values a thing may be mapped over, unless the installation's settings say otherwise.
MAX_MAP_LENGTH = 1024
MOST_VALUES = 1_000_000
MAX_SPEC_BYTES = 4 * 1024 * 1024
_ID = re.compile(r"[\w.-]+")
_QUEUE = re.compile(r"[A-Za-z0-9_-]+")
_RUN_ID = re.compile(r"[\w.:+~-]+")


def check_id(kind: str, value: str) -> list[str]:
    """The problems of a DAG or task id: Airflow's rule, letters, digits, ``_``, ``-`` and ``.``."""
    if not value:
        return [f"{kind} is empty"]
    if len(value) > MAX_ID_LENGTH:
        return [
            f"{kind} {value[:40]!r}... has {len(value)} characters; "
            f"at most {MAX_ID_LENGTH} are allowed"
        ]
    if not _ID.fullmatch(value):
        bad = sorted({c for c in value if not _ID.fullmatch(c)})
        return [
            f"{kind} {value!r} contains {', '.join(map(repr, bad))}; "
            f"only letters, digits, '_', '-' and '.' are allowed"
        ]
    return []


def check_pool(name: str) -> list[str]:
    """The problems of a pool's name: any printable text, as in Airflow."""
    if not name or len(name) > MAX_ID_LENGTH or not name.isprintable():
        return [f"pool {name[:60]!r} is no name of a pool; use 1 to {MAX_ID_LENGTH} characters"]
    return []


def check_run_id(value: str) -> None:
    """Raises :class:`InvalidArgument` for a run id that a person may not choose."""
    if not _RUN_ID.fullmatch(value) or len(value) > MAX_ID_LENGTH:
        raise InvalidArgument(
            f"run id {value[:60]!r} is not allowed: "
            f"use 1 to {MAX_ID_LENGTH} letters, digits and '_.:+~-'"
        )


def check_dag(spec: DagSpec) -> None:
    """Raises :class:`InvalidDag` naming every problem, with the line of the task where it is
    known."""
    problems = check_id("dag_id", spec.dag_id)
    if len(spec.tasks) > MAX_TASKS:
        problems.append(f"it has {len(spec.tasks)} tasks; at most {MAX_TASKS} are allowed")
    problems += _check_time(spec)
    for task in spec.tasks:
        problems += [_at(task, problem) for problem in _check_task(spec, task)]
    problems += _check_edges(spec) + _check_groups(spec) + _check_mapped_groups(spec)
    problems += check_deadlines(spec) + _check_callbacks(spec) + _check_lanes(spec)
    if problems:
        raise InvalidDag(spec.dag_id, problems)


def _at(task: TaskSpec, problem: str) -> str:
    return f"line {task.line}: {problem}" if task.line else problem


def _check_lanes(spec: DagSpec) -> list[str]:
    """Each lane has a consumer of its own, and each worker looks after all of its queues'."""
    asked = [lane for lane in lanes_of(spec) if asks(lane)]
    if len(asked) <= MOST_LANES:
        return []
    return [
        f"its tasks ask for {len(asked)} different combinations of queue and resources; at most "
        f"{MOST_LANES} are allowed: round the counts up to a few sizes"
    ]


def _check_callbacks(spec: DagSpec) -> list[str]:
    problems = []
    for kinds, known, what in [
        (spec.callbacks, RUN_CALLBACKS, "the DAG"),
        *((task.callbacks, TASK_CALLBACKS, f"task {task.task_id!r}") for task in spec.tasks),
    ]:
        problems += [
            f"{what} has a callback for {kind!r}; there are those for {', '.join(known)}"
            for kind in kinds
            if kind not in known
        ]
    if needs_bundle(spec) and not spec.file and not any(map(_is_python, spec.tasks)):
        problems.append("it has callbacks, so it needs a bundle that carries its file")
    return problems


def needs_bundle(spec: DagSpec) -> bool:
    """Whether workers need the DAG file: for tasks that run Python, and for callbacks."""
    return bool(
        spec.callbacks
        or spec.deadlines
        or any(task.callbacks or _is_python(task) for task in spec.tasks)
    )


def _is_python(task: TaskSpec) -> bool:
    return isinstance(task.action, PythonAction)


def _check_time(spec: DagSpec) -> list[str]:
    problems = []
    try:
        ZoneInfo(spec.timezone)
    except (KeyError, ValueError, OSError):
        return [f"time zone {spec.timezone!r} is unknown; use an IANA name such as 'Europe/Berlin'"]
    for name, date in (("start_date", spec.start_date), ("end_date", spec.end_date)):
        problems += _check_date(name, date)
    if spec.end_date is not None and spec.start_date is not None and not problems:
        start, end = map(datetime.fromisoformat, (spec.start_date, spec.end_date))
        if end < start:
            problems.append(f"end_date {spec.end_date!r} is before start_date {spec.start_date!r}")
    if spec.schedule is not None:
        problems += check_schedule(spec.schedule)
    if spec.catchup and spec.start_date is None:
        problems.append("catchup=True needs a start_date")
    if not 1 <= spec.max_active_runs <= MAX_ACTIVE_RUNS:
        problems.append(
            f"max_active_runs is {spec.max_active_runs}; 1 to {MAX_ACTIVE_RUNS} is allowed"
        )
    if not 1 <= spec.max_active_tasks <= MOST_WEIGHT:
        problems.append(
            f"max_active_tasks is {spec.max_active_tasks}; 1 to {MOST_WEIGHT} is allowed"
        )
    if len(spec.fairness_key) > MAX_ID_LENGTH:
        problems.append(f"fairness_key has more than {MAX_ID_LENGTH} characters")
    if spec.dagrun_timeout_s is not None and not 0 < spec.dagrun_timeout_s <= _LONGEST_S:
        problems.append(
            f"dagrun_timeout is {spec.dagrun_timeout_s} s; more than 0 and at most {_LONGEST_S} s "
            f"is allowed"
        )
    if spec.max_consecutive_failed_dag_runs < 0:
        problems.append(
            f"max_consecutive_failed_dag_runs is {spec.max_consecutive_failed_dag_runs}; it must "
            f"be 0 or more"
        )
    return problems


def _check_date(name: str, text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        if datetime.fromisoformat(text).tzinfo is None:
            return [f"{name} {text!r} has no time zone"]
    except ValueError:
        return [f"{name} {text!r} is not an ISO 8601 instant"]
    return []


def _check_limits(task: TaskSpec) -> list[str]:
    problems = check_pool(task.pool)
    for name in ("pool_slots", "max_active_tis_per_dag", "max_active_tis_per_dagrun"):
        value = getattr(task, name)
        if value is not None and not 1 <= value <= MOST_WEIGHT:
            problems.append(f"{name} is {value}; 1 to {MOST_WEIGHT} is allowed")
    if not -MOST_WEIGHT - 1 <= task.priority_weight <= MOST_WEIGHT:
        problems.append(
            f"priority_weight is {task.priority_weight}; {-MOST_WEIGHT - 1} to {MOST_WEIGHT} is "
            f"allowed"
        )
    return problems


def _check_task(spec: DagSpec, task: TaskSpec) -> list[str]:
    problems = check_id("task_id", task.task_id)
    if task.retries < 0:
        problems.append(f"task {task.task_id!r}: retries is {task.retries}; it must be 0 or more")
    for name in ("retry_delay_s", "retry_multiplier", "max_retry_delay_s", "execution_timeout_s"):
        value = getattr(task, name)
        if value is not None and not 0 <= value <= 366 * 86400:
            problems.append(f"task {task.task_id!r}: {name} is {value}; 0 to 31622400 is allowed")
    problems += [f"task {task.task_id!r}: {problem}" for problem in _check_limits(task)]
    if not _QUEUE.fullmatch(task.queue):
        problems.append(
            f"task {task.task_id!r}: queue {task.queue!r} may hold only ASCII letters, digits, "
            f"'_' and '-'"
        )
    asked = [f"task {task.task_id!r}: {problem}" for problem in check_resources(task.resources)]
    if not asked and len(lane_name(task.queue, task.resources)) > LONGEST_LANE:
        asked.append(
            f"task {task.task_id!r}: its queue and resources have more than {LONGEST_LANE} "
            f"characters together"
        )
    problems += asked
    problems += [
        f"task {task.task_id!r} is mapped over {name!r}, which must be upstream of it"
        for source in task.mapped_over
        for name in source_tasks(source)
        if name not in task.upstream
    ]
    problems += check_map_length(f"task {task.task_id!r}", task.mapped_over, MOST_VALUES)
    if spec.fail_fast and task.trigger_rule not in FAIL_FAST_RULES:
        problems.append(
            f"task {task.task_id!r}: trigger rule {str(task.trigger_rule)!r} is not allowed in a "
            f"DAG with fail_fast; only 'all_success' is (and teardowns have their own)"
        )
    if isinstance(task.action, PythonAction) and not spec.file:
        problems.append(
            f"task {task.task_id!r} runs Python, so the DAG needs a bundle that carries its file"
        )
    if isinstance(task.action, BashAction) and not task.action.command.strip():
        problems.append(f"task {task.task_id!r}: bash_command is empty")
    return problems


def _check_groups(spec: DagSpec) -> list[str]:
    parents = {group.group_id: group.parent for group in spec.groups}
    problems = []
    for name, count in Counter(group.group_id for group in spec.groups).items():
        problems += check_id("group_id", name)
        if count > 1:
            problems.append(f"group_id {name!r} is used {count} times; each needs an id of its own")
    for group in spec.groups:
        if group.parent and group.parent not in parents:
            problems.append(f"group {group.group_id!r} names the unknown parent {group.parent!r}")
    for task in spec.tasks:
        if task.group and task.group not in parents:
            problems.append(
                _at(task, f"task {task.task_id!r} is in the unknown group {task.group!r}")
            )
        problems += [
            _at(
                task,
                f"task {task.task_id!r} has a label on an edge from {name!r}, which is not "
                f"upstream of it",
            )
            for name in task.edge_labels
            if name not in task.upstream
        ]
    cycle = find_cycle({name: (parent,) if parent else () for name, parent in parents.items()})
    if cycle:
        problems.append(f"the groups form a cycle: {' in '.join(cycle)}")
    return problems


def check_map_length(what: str, sources: tuple[MapSource, ...], most: int) -> list[str]:
    """The problems of how many values of the DAG file something is mapped over."""
    problems = []
    for source in sources:
        if source.how and source.task_id:
            problems.append(f"{what} is mapped over a {source.how} that names a task of its own")
        if source.of and not source.how:
            problems.append(f"{what} is mapped over several things without saying how")
        if not 0 <= source.length <= most:
            problems.append(
                f"{what} is mapped over {source.length} values; at most {most} are allowed"
            )
        problems += check_map_length(what, source.of, most)
    return problems


def map_length_problems(spec: DagSpec, most: int) -> list[str]:
    """Which values of the DAG file are more than an installation allows to map over."""
    problems = []
    for task in spec.tasks:
        what = f"task {task.task_id!r}"
        problems += [_at(task, text) for text in check_map_length(what, task.mapped_over, most)]
    for group in spec.groups:
        problems += check_map_length(f"group {group.group_id!r}", group.mapped_over, most)
    return [f"{text} (the setting MILLSTREAM_MAX_MAP_LENGTH)" for text in problems]


def _check_mapped_groups(spec: DagSpec) -> list[str]:
    problems = []
    chains = group_chains(spec)
    tasks = {task.task_id: task for task in spec.tasks}
    for group in spec.groups:
        what = f"group {group.group_id!r}"
        problems += check_map_length(what, group.mapped_over, MOST_VALUES)
        for name in dict.fromkeys(n for each in group.mapped_over for n in source_tasks(each)):
            if name not in tasks:
                problems.append(f"{what} is mapped over the unknown task {name!r}")
            elif group.group_id in chains.get(tasks[name].group, ()):
                problems.append(f"{what} is mapped over {name!r}, which is in it")
    return problems


def _check_edges(spec: DagSpec) -> list[str]:
    problems = []
    lines: dict[str, list[TaskSpec]] = {}
    for task in spec.tasks:
        lines.setdefault(task.task_id, []).append(task)
    for name, count in Counter(task.task_id for task in spec.tasks).items():
        if count > 1:
            where = ", ".join(str(task.line) for task in lines[name] if task.line)
            problems.append(
                f"task_id {name!r} is used {count} times{f' (lines {where})' if where else ''}; "
                f"each task needs an id of its own"
            )
    for task in spec.tasks:
        problems += [
            _at(task, f"task {task.task_id!r} names the unknown upstream task {parent!r}")
            for parent in task.upstream
            if parent not in lines
        ]
    chains = group_chains(spec)
    over = {
        group.group_id: tuple(n for each in group.mapped_over for n in source_tasks(each))
        for group in spec.groups
    }
    # A task in a mapped group also waits for what the group is mapped over.
    waits_for = {
        task.task_id: (
            *task.upstream,
            *(name for group in chains.get(task.group, ()) for name in over[group]),
        )
        for task in spec.tasks
    }
    results = [task for task in spec.tasks if task.returns_dag_result]
    if len(results) > 1:
        names = ", ".join(repr(task.task_id) for task in results)
        problems.append(
            _at(results[1], f"tasks {names} return the result of the DAG; one at most may do so")
        )
    cycle = find_cycle(waits_for)
    if cycle:
        first = lines[cycle[0]][0]
        problems.append(
            _at(first, f"the tasks form a cycle: {' >> '.join(cycle)}; remove one of these edges")
        )
    return problems
