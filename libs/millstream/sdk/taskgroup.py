"""``TaskGroup`` and ``@task_group``: tasks that share a prefix, defaults and edges.

Its tasks carry its name in their ids, and edges to and from it are edges of its tasks; what is left
of it in a spec is for people to look at.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from millstream.core.spec import GroupSpec
from millstream.sdk import arguments
from millstream.sdk.authoring import close_group, current_dag, current_group, open_group
from millstream.sdk.edges import Node
from millstream.sdk.errors import AirflowException, DuplicateTaskIdFound
from millstream.sdk.mapped_operator import (
    check_complete,
    check_given_once,
    check_mapped,
    check_names,
    with_elements,
)
from millstream.sdk.mapping import Dicts, Expansion, MappedArgument, Product

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG
    from millstream.sdk.operator import BaseOperator

MAX_GROUP_ID_LENGTH = 200
_GROUP_ID = re.compile(r"[\w-]+")
_IGNORED = frozenset({"ui_color", "ui_fgcolor"})


class TaskGroup(Node):
    """Tasks that are made inside of ``with TaskGroup("load"):`` get ids such as ``load.orders``.

    An edge to the group leads to its tasks without a predecessor in it (its ``roots``), and one
    from the group comes from those without a successor in it (its ``leaves``), as they are at the
    moment of the ``>>``. Groups nest; ``default_args`` stand between those of the group around, or
    the DAG, and the task's own arguments. With ``add_suffix_on_collision`` an id that is taken
    becomes ``load__1``, ``load__2``, ...
    """

    is_mapped: ClassVar[bool] = False

    def __init__(
        self,
        group_id: str,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: DAG | None = None,
        default_args: Mapping[str, Any] | None = None,
        tooltip: str = "",
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
        **kwargs: Any,
    ) -> None:
        arguments.check_arguments("TaskGroup", kwargs, _ARGUMENTS, _IGNORED, {})
        _check_group_id(group_id)
        owner = dag or (parent_group.dag if parent_group else current_dag())
        if owner is None:
            raise AirflowException(
                f"TaskGroup {group_id!r} has no DAG; create it in a 'with DAG(...)' block or pass "
                f"dag="
            )
        self.dag: DAG = owner
        self.parent_group = parent_group or current_group(owner)
        if self.parent_group is not None and self.parent_group.dag is not owner:
            raise AirflowException(
                f"parent_group {self.parent_group.group_id!r} of TaskGroup {group_id!r} belongs to "
                f"DAG {self.parent_group.dag.dag_id!r}, not to {owner.dag_id!r}"
            )
        self.label = group_id
        if add_suffix_on_collision:
            self.label = self._free_label(group_id)
        self.prefix_group_id = prefix_group_id
        self.tooltip = arguments.text("tooltip", tooltip)
        self.group_display_name = arguments.text("group_display_name", group_display_name)
        self.own_default_args = arguments.checked_defaults(
            f"default_args of TaskGroup {group_id!r}", default_args
        )
        inherited = self.parent_group.default_args if self.parent_group else {}
        self.default_args: dict[str, Any] = {**inherited, **self.own_default_args}
        self.children: dict[str, BaseOperator | TaskGroup] = {}
        owner.add_group(self)
        if self.parent_group is not None:
            self.parent_group.children[self.group_id] = self

    @property
    def group_id(self) -> str:
        """The id with the prefixes of the groups around it."""
        return self._full(self.label)

    def _full(self, label: str) -> str:
        return self.parent_group.child_id(label) if self.parent_group else label

    def child_id(self, label: str) -> str:
        """The id in the DAG of a task or a group that is called ``label`` in this group."""
        return f"{self.group_id}.{label}" if self.prefix_group_id else label

    def _free_label(self, wanted: str) -> str:
        """As in Airflow: the number after the largest that is in use."""
        taken = {*self.dag.task_groups, *self.dag.task_dict}
        if self._full(wanted) not in taken:
            return wanted
        stem = re.sub(r"__\d+$", "", wanted)
        numbered = re.compile(re.escape(self._full(stem)) + r"__(\d+)")
        used = [int(found[1]) for name in taken if (found := numbered.fullmatch(name))]
        return f"{stem}__{max(used, default=0) + 1}"

    def add_task(self, task: BaseOperator) -> None:
        """Puts a task, which is in the DAG already, into this group."""
        self.children[task.task_id] = task

    def has_task(self, task: BaseOperator) -> bool:
        """Whether the task is in this group or in one inside of it."""
        return any(own is task for own in self)

    def get_child_by_label(self, label: str) -> BaseOperator | TaskGroup:
        """The task or group that is called ``label`` in this group, without its prefix."""
        child = self.children.get(self.child_id(label))
        if child is None:
            known = ", ".join(map(repr, self.children))
            raise AirflowException(
                f"TaskGroup {self.group_id!r} has no child {label!r}; it has {known or 'none'}"
            )
        return child

    def __iter__(self) -> Iterator[BaseOperator]:
        """The tasks in it and in the groups inside of it."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child
            else:
                yield child

    @property
    def roots(self) -> list[BaseOperator]:
        """The tasks that wait for no other task of the group."""
        ids = {task.task_id for task in self}
        return [task for task in self if ids.isdisjoint(task.upstream_task_ids)]

    @property
    def leaves(self) -> list[BaseOperator]:
        """The tasks that no other task of the group waits for; in place of a teardown those that it
        waits for, since what comes after the group does not wait for the clearing away."""
        inside = {task.task_id: task for task in self}
        found: dict[str, BaseOperator] = {}
        for task in inside.values():
            if inside.keys().isdisjoint(task.downstream_task_ids):
                for leaf in _before_teardowns(task, inside) if task.is_teardown else [task]:
                    found[leaf.task_id] = leaf
        return list(found.values())

    def get_roots(self) -> Iterator[BaseOperator]:
        """:attr:`roots`, as Airflow calls it."""
        yield from self.roots

    def get_leaves(self) -> Iterator[BaseOperator]:
        """:attr:`leaves`, as Airflow calls it."""
        yield from self.leaves

    def to_spec(self) -> GroupSpec:
        """The group as plain data."""
        return GroupSpec(
            group_id=self.group_id,
            parent=self.parent_group.group_id if self.parent_group else "",
            label=self.group_display_name or self.label,
            tooltip=self.tooltip,
        )

    def __enter__(self) -> TaskGroup:
        open_group(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        close_group()

    def __repr__(self) -> str:
        return f"<TaskGroup {self.group_id!r}>"


_ARGUMENTS = sorted(set(inspect.signature(TaskGroup.__init__).parameters) - {"self", "kwargs"})


class MappedTaskGroup(TaskGroup):
    """A group that is repeated as a whole for each element. Each index runs through it on its own:
    nothing in it waits for another index."""

    is_mapped = True

    def __init__(self, *, expansion: Expansion, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.expansion = expansion

    def to_spec(self) -> GroupSpec:
        """The group as plain data."""
        over = tuple(source.map_source() for source in self.expansion.sources)
        return msgspec.structs.replace(super().to_spec(), mapped_over=over)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        for source in self.expansion.sources if error is None else ():
            for operator in source.operators():
                for root in self.roots:
                    root.add_upstream(operator)


def _before_teardowns(
    teardown: BaseOperator, inside: Mapping[str, BaseOperator]
) -> Iterator[BaseOperator]:
    """As in Airflow: the nearest tasks of the group upstream that are no teardowns, are not its
    setups, and lead to nothing else in the group but teardowns."""
    for task in teardown.upstream_list:
        if task.task_id not in inside:
            continue
        if task.is_teardown:
            yield from _before_teardowns(task, inside)
        elif not task.is_setup and not any(
            other.task_id in inside and not other.is_teardown for other in task.downstream_list
        ):
            yield task


def _check_group_id(group_id: object) -> None:
    if not isinstance(group_id, str):
        raise TypeError(f"group_id is {group_id!r}; it must be a str")
    if len(group_id) > MAX_GROUP_ID_LENGTH:
        raise ValueError(
            f"group_id {group_id[:40]!r}... has {len(group_id)} characters; "
            f"at most {MAX_GROUP_ID_LENGTH} are allowed"
        )
    if not _GROUP_ID.fullmatch(group_id):
        raise ValueError(
            f"group_id {group_id!r} is not allowed; it may hold only letters, digits, '_' and '-', "
            f"and at least one of them"
        )


def check_free(dag: DAG, group: TaskGroup) -> None:
    """Raises :class:`DuplicateTaskIdFound` if the group's id is that of a group or a task."""
    name = group.group_id
    if name in dag.task_groups:
        raise DuplicateTaskIdFound(
            f"group_id {name!r} is used twice in DAG {dag.dag_id!r}; give each group an id of its "
            f"own or pass add_suffix_on_collision=True"
        )
    if name in dag.task_dict:
        raise DuplicateTaskIdFound(
            f"group_id {name!r} is also the id of the task on line {dag.task_dict[name].line} of "
            f"DAG {dag.dag_id!r}; give one of them another id"
        )


class TaskGroupFunction:
    """A ``@task_group`` function. A call makes a group, with the tasks that the body makes in it,
    and returns what the function returns, or the group if that is None."""

    def __init__(
        self,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        given: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"@task_group needs a function, not {function!r}")
        self.function = function
        self.options = dict(options)
        self._given = dict(given or {})
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with TaskGroup(**self._group_options()) as group:
            returned = self.function(*args, **{**self._given, **kwargs})
        return group if returned is None else returned

    def _group_options(self) -> dict[str, Any]:
        return {
            "group_id": self.function.__name__,
            "add_suffix_on_collision": True,
            "tooltip": inspect.cleandoc(self.function.__doc__ or ""),
            **self.options,
        }

    def override(self, **options: Any) -> TaskGroupFunction:
        """The same function with other arguments of the group, such as ``group_id``."""
        return TaskGroupFunction(self.function, {**self.options, **options}, self._given)

    def partial(self, **kwargs: Any) -> TaskGroupFunction:
        """The arguments of the function that all instances of a mapped group share."""
        callee = f"{self.function.__name__}.partial()"
        check_names(callee, inspect.signature(self.function), kwargs)
        check_given_once(callee, self._given, kwargs)
        return TaskGroupFunction(self.function, self.options, {**self._given, **kwargs})

    def expand(self, **kwargs: Any) -> Any:
        """Repeats the group for each combination of the elements of these arguments, the last one
        varying fastest. In the function an argument stands for the element."""
        callee = f"{self.function.__name__}.expand()"
        check_names(callee, inspect.signature(self.function), kwargs)
        check_mapped(callee, kwargs, self._given)
        check_complete(callee, inspect.signature(self.function), {**self._given, **kwargs})
        mapped = with_elements(self._task_id(), kwargs, self.options)
        return self._make_mapped(Product(callee, mapped), list(kwargs))

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Repeats the group for each dict of the list, which has the function's arguments."""
        callee = f"{self.function.__name__}.expand_kwargs()"
        parameters = inspect.signature(self.function).parameters.values()
        if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters):
            raise TypeError(
                f"{callee} needs to know the function's arguments, so it cannot have * or **"
            )
        mapped = with_elements(self._task_id(), {"kwargs": kwargs}, self.options)["kwargs"]
        names = [each.name for each in parameters if each.name not in self._given]
        return self._make_mapped(Dicts(callee, mapped), names)

    def _task_id(self) -> str:
        return str(self._group_options()["group_id"])

    def _make_mapped(self, expansion: Expansion, names: list[str]) -> Any:
        mapped = {name: MappedArgument(expansion, name) for name in names}
        group = MappedTaskGroup(expansion=expansion, **self._group_options())
        with group:
            for argument in mapped.values():
                argument.group = group
            returned = self.function(**self._given, **mapped)
        return group if returned is None else returned


def task_group(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Makes a function whose body creates tasks into one that puts them into a
    :class:`TaskGroup`: ``@task_group``, ``@task_group()`` or ``@task_group(group_id="load")``."""
    if function is not None:
        return TaskGroupFunction(function, options)
    return functools.partial(TaskGroupFunction, options=options)
