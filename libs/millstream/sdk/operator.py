"""What every task has: its id, its place in the DAG, when it retries, and what ``execute`` does.

Arguments are keyword only and fall back to the DAG's ``default_args`` one by one, for each
``__init__`` of the class hierarchy, as in Airflow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from millstream.core.lanes import ASYNC
from millstream.core.spec import Action, Isolation, PythonAction, TaskSpec, TriggerRule, WeightRule
from millstream.sdk import arguments, limits
from millstream.sdk.assets import asset_list
from millstream.sdk.callbacks import callbacks_of
from millstream.sdk.creation import Creation, with_defaults
from millstream.sdk.edges import Node
from millstream.sdk.errors import (
    AirflowException,
    NotSupportedYet,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from millstream.sdk.limits import PriorityWeightStrategy
from millstream.sdk.params import ParamsDict
from millstream.sdk.resources import resources_of
from millstream.sdk.retry_policy import RetryPolicy
from millstream.sdk.setup_teardown import (
    SetupTeardownScope,
    enter_scope,
    leave_scope,
    note_task,
)
from millstream.sdk.xcom import XComArg, references

if TYPE_CHECKING:
    import jinja2

    from millstream.sdk.context import Context
    from millstream.sdk.dag import DAG
    from millstream.sdk.mapped_operator import OperatorPartial
    from millstream.sdk.triggers.trigger import BaseTrigger, StartTriggerArgs

# What ``resume_execution`` is called with where the wait ended badly (Airflow's words).
FAIL = "__fail__"
TRIGGER_TIMEOUT = "Trigger timeout"
PreExecute = Callable[[dict[str, Any]], None]
PostExecute = Callable[[dict[str, Any], Any], None]


class BaseOperator(Node):
    """One task of a DAG. Subclasses implement ``execute(context)``, whose return value is the XCom.

    Durations are timedeltas or seconds. ``retry_exponential_backoff``: False, True (factor 2) or
    the factor itself. ``resources``: what a worker must have free for it, such as ``{"cpu": 2,
    "memory": 4000, "gpu": 1}``, memory in MB. ``exclusive``: never two attempts of it at the same
    time, not even when a worker is cut off. ``isolation``: "shared", in a process that has run
    other tasks of its bundle before, or "fresh", in one of its own. ``pre_execute`` and
    ``post_execute`` are functions that are called like, and before, the methods of these names. The
    other arguments mean what they mean in Airflow 3.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    operator_name: ClassVar[str] = ""
    is_mapped: ClassVar[bool] = False
    _creation: Creation

    prepares_template: ClassVar[bool] = False
    # Whether ``params`` are a form that a person fills in, not values that the task is given.
    params_are_asked: ClassVar[bool] = False
    # With ``start_from_trigger`` the task defers before it does anything else.
    start_trigger_args: StartTriggerArgs | None = None
    start_from_trigger: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("template_fields", "template_ext"):
            if isinstance(cls.__dict__.get(name), str):
                raise TypeError(
                    f"{cls.__name__}: {name} is the str {cls.__dict__[name]!r}; it must be a list "
                    f"or a tuple, such as ({cls.__dict__[name]!r},)"
                )
        cls.prepares_template = cls.prepare_template is not BaseOperator.prepare_template
        if "__init__" in cls.__dict__:
            cls.__init__ = with_defaults(cls.__init__)  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        task_id: str,
        retries: int | None = 0,
        retry_delay: timedelta | float = 300.0,
        retry_exponential_backoff: bool | float = False,
        max_retry_delay: timedelta | float | None = None,
        execution_timeout: timedelta | float | None = None,
        trigger_rule: TriggerRule | str = TriggerRule.ALL_SUCCESS,
        queue: str = "default",
        resources: Mapping[str, int] | None = None,
        exclusive: bool = False,
        isolation: Isolation = "shared",
        do_xcom_push: bool = True,
        params: Mapping[str, Any] | None = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: str | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        start_date: Any = None,
        task_display_name: str | None = None,
        owner: str = "",
        pool: str | None = None,
        pool_slots: int = 1,
        priority_weight: int | None = 1,
        weight_rule: WeightRule | PriorityWeightStrategy | str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        task_concurrency: int | None = None,
        depends_on_past: bool | None = False,
        wait_for_downstream: bool | None = False,
        ignore_first_depends_on_past: bool = True,
        wait_for_past_depends_before_skipping: bool | None = False,
        inlets: Any = None,
        outlets: Any = None,
        returns_dag_result: bool = False,
        retry_policy: RetryPolicy | None = None,
        on_execute_callback: Any = None,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        on_retry_callback: Any = None,
        on_skipped_callback: Any = None,
        email: Any = None,
        email_on_failure: bool = True,
        email_on_retry: bool = True,
        sla: Any = None,
        pre_execute: PreExecute | None = None,
        post_execute: PostExecute | None = None,
        map_index_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            arguments.check_arguments(
                type(self).__name__,
                kwargs,
                self.known_arguments(),
                arguments.IGNORED_TASK_ARGUMENTS,
                arguments.PLANNED_TASK_ARGUMENTS,
            )
        if self._creation.inherited is not None:
            vars(self).update(self._creation.inherited)
            self.params = ParamsDict(params, f"task {task_id!r}")
            return
        if not isinstance(task_id, str):
            raise TypeError(f"task_id is {task_id!r}; it must be a str")
        group = self._creation.group
        self.task_id = group.child_id(task_id) if group else task_id
        self.task_group = group
        self.retries = arguments.count("retries", retries)
        self.retry_delay_s = arguments.seconds("retry_delay", retry_delay)
        self.retry_multiplier = arguments.multiplier(retry_exponential_backoff)
        self.max_retry_delay_s = arguments.optional_seconds("max_retry_delay", max_retry_delay)
        self.execution_timeout_s = arguments.optional_seconds(
            "execution_timeout", execution_timeout
        )
        self.trigger_rule = arguments.trigger_rule_of(trigger_rule)
        self.queue = queue
        self.resources = resources_of(resources)
        self.exclusive = exclusive
        self.isolation = arguments.isolation_of(isolation)
        self.do_xcom_push = do_xcom_push
        self.params = ParamsDict(params, f"task {task_id!r}")
        self.doc_md = doc_md or doc or doc_rst or doc_yaml or doc_json or ""
        self.task_display_name = arguments.text("task_display_name", task_display_name)
        self.owner = arguments.text("owner", owner)
        self.returns_dag_result = bool(returns_dag_result)
        self.pool = limits.check_pool(pool)
        self.pool_slots = arguments.whole("pool_slots", pool_slots, 1)
        self.priority_weight = limits.weight(priority_weight)
        self.weight_rule = limits.weight_rule(weight_rule)
        self.max_active_tis_per_dag = limits.optional_limit(
            "max_active_tis_per_dag",
            limits.renamed(
                "max_active_tis_per_dag",
                max_active_tis_per_dag,
                "task_concurrency",
                task_concurrency,
            ),
        )
        self.max_active_tis_per_dagrun = limits.optional_limit(
            "max_active_tis_per_dagrun", max_active_tis_per_dagrun
        )
        self.wait_for_downstream = limits.optional_flag("wait_for_downstream", wait_for_downstream)
        self.depends_on_past = (
            limits.optional_flag("depends_on_past", depends_on_past) or self.wait_for_downstream
        )
        self.ignore_first_depends_on_past = arguments.flag(
            "ignore_first_depends_on_past", ignore_first_depends_on_past
        )
        self.wait_for_past_depends_before_skipping = arguments.flag(
            "wait_for_past_depends_before_skipping", wait_for_past_depends_before_skipping
        )
        self.inlets = asset_list("inlets", inlets, f"task {task_id!r}")
        self.outlets = asset_list("outlets", outlets, f"task {task_id!r}")
        self.map_index_template = (
            None
            if map_index_template is None
            else arguments.text("map_index_template", map_index_template)
        )
        self.line = self._creation.line
        if retry_policy is not None and not isinstance(retry_policy, RetryPolicy):
            raise TypeError(f"retry_policy is {retry_policy!r}; pass a RetryPolicy")
        self.retry_policy = retry_policy
        self.callbacks = {
            kind: callbacks_of(f"on_{kind}_callback", given)
            for kind, given in (
                ("execute", on_execute_callback),
                ("success", on_success_callback),
                ("failure", on_failure_callback),
                ("retry", on_retry_callback),
                ("skipped", on_skipped_callback),
            )
        }
        self.email = email
        self._add_mails(email, email_on_failure, email_on_retry)
        if sla is not None:
            arguments.warn_of_sla(f"task {task_id!r}")
        self.pre_execute_hook = arguments.hook("pre_execute", pre_execute)
        self.post_execute_hook = arguments.hook("post_execute", post_execute)
        self._is_setup = self._is_teardown = False
        self.on_failure_fail_dagrun = False
        self.dag: DAG | None = None
        self._upstream: dict[str, BaseOperator] = {}
        self._downstream: dict[str, BaseOperator] = {}
        if self._creation.dag is not None:
            self._creation.dag.add_task(self)
        if group is not None:
            group.add_task(self)
        if start_date is not None:
            self._check_start_date(start_date)
        note_task(self)

    def _finish(self) -> None:
        """After the outermost ``__init__``: the references in template fields become edges."""
        for field in self.template_fields:
            for reference in references(getattr(self, field, None)):
                for operator in reference.operators():
                    self.add_upstream(operator)

    def _add_mails(self, email: Any, on_failure: bool, on_retry: bool) -> None:
        if email is None:
            return
        from millstream.sdk.email import SmtpNotifier

        mail = SmtpNotifier(to=email)
        for kind, is_wanted in (("failure", on_failure), ("retry", on_retry)):
            if is_wanted:
                self.callbacks[kind] = (*self.callbacks[kind], mail)

    def _check_start_date(self, start_date: Any) -> None:
        from millstream.sdk.dates import instant

        if self.dag is None or self.dag.start_date is None:
            return
        if instant("start_date", start_date) > self.dag.start_date:
            raise NotSupportedYet(
                f"task {self.task_id!r} has a later start_date than its DAG, which is not "
                f"supported "
                f"yet; give the DAG the start_date"
            )

    @classmethod
    def partial(cls, *, task_id: str, **kwargs: Any) -> OperatorPartial:
        """The arguments that all instances of a mapped task share: then ``.expand(...)`` or
        ``.expand_kwargs(...)`` says over what it is mapped."""
        from millstream.sdk.mapped_operator import OperatorPartial

        return OperatorPartial(cls, {"task_id": task_id, **kwargs})

    @classmethod
    def known_arguments(cls) -> list[str]:
        """The arguments of this class and all it inherits from, and ``dag``,
        ``task_group`` and ``default_args``."""
        names = {"dag", "default_args", "task_group"}
        for owner in cls.__mro__:
            names |= getattr(owner.__dict__.get("__init__"), "knows", frozenset())
        return sorted(names)

    @property
    def roots(self) -> Sequence[BaseOperator]:
        return (self,)

    @property
    def leaves(self) -> Sequence[BaseOperator]:
        return (self,)

    @property
    def output(self) -> XComArg:
        """The value that this task will return, for use as an argument of other tasks."""
        return XComArg(self)

    @property
    def upstream_task_ids(self) -> set[str]:
        """The ids of the tasks directly before this one."""
        return set(self._upstream)

    @property
    def downstream_task_ids(self) -> set[str]:
        """The ids of the tasks directly after this one."""
        return set(self._downstream)

    @property
    def upstream_list(self) -> list[BaseOperator]:
        """The tasks directly before this one, in the order of their edges."""
        return list(self._upstream.values())

    @property
    def downstream_list(self) -> list[BaseOperator]:
        """The tasks directly after this one, in the order of their edges."""
        return list(self._downstream.values())

    def add_upstream(self, parent: BaseOperator) -> None:
        """One edge. A task without a DAG joins the DAG of the other."""
        if self.dag is None and parent.dag is None:
            raise AirflowException(
                f"tasks {parent.task_id!r} and {self.task_id!r} have no DAG yet; "
                f"create them in a 'with DAG(...)' block or pass dag="
            )
        if parent.dag is None and self.dag is not None:
            self.dag.add_task(parent)
        elif self.dag is None and parent.dag is not None:
            parent.dag.add_task(self)
        elif parent.dag is not self.dag:
            raise AirflowException(
                f"tasks {parent.task_id!r} and {self.task_id!r} belong to different DAGs; "
                f"an edge joins two tasks of one DAG"
            )
        self._upstream[parent.task_id] = parent
        parent._downstream[self.task_id] = self

    @property
    def is_setup(self) -> bool:
        """Whether it prepares what its teardowns clear away."""
        return self._is_setup

    @is_setup.setter
    def is_setup(self, value: bool) -> None:
        if value and self._is_teardown:
            raise ValueError(f"task {self.task_id!r} is a teardown, so it cannot be a setup too")
        self._is_setup = value

    @property
    def is_teardown(self) -> bool:
        """Whether it clears away what its setups prepared."""
        return self._is_teardown

    @is_teardown.setter
    def is_teardown(self, value: bool) -> None:
        if value and self._is_setup:
            raise ValueError(f"task {self.task_id!r} is a setup, so it cannot be a teardown too")
        self._is_teardown = value

    def as_setup(self) -> Self:
        """Marks the task as a setup, and returns it."""
        self.is_setup = True
        return self

    def as_teardown(
        self,
        *,
        setups: BaseOperator | XComArg | Iterable[BaseOperator | XComArg] | None = None,
        on_failure_fail_dagrun: bool | None = None,
    ) -> Self:
        """Marks the task as the teardown of ``setups``, which become setups, and returns it."""
        self.is_teardown = True
        if self.trigger_rule not in (TriggerRule.ALL_SUCCESS, TriggerRule.ALL_DONE_SETUP_SUCCESS):
            raise ValueError(
                f"task {self.task_id!r} has trigger_rule {self.trigger_rule.value!r}; a teardown "
                f"always has {TriggerRule.ALL_DONE_SETUP_SUCCESS.value!r}, so remove it"
            )
        self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        if setups is None:
            return self
        for setup in [setups] if isinstance(setups, BaseOperator | XComArg) else setups:
            operator = setup.operator if isinstance(setup, XComArg) else setup
            operator.is_setup = True
            self.add_upstream(operator)
        return self

    def __enter__(self) -> SetupTeardownScope:
        """The tasks made in the block stand between the setups and the teardowns."""
        return enter_scope(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave_scope(is_whole=error is None)

    @property
    def has_hooks(self) -> bool:
        """Whether functions of the DAG file are called besides ``execute``."""
        hooks = (self.pre_execute_hook, self.post_execute_hook, self.retry_policy)
        return any(hook is not None for hook in hooks) or bool(self.callbacks["execute"])

    @property
    def is_async(self) -> bool:
        """Whether its work is a coroutine, as in :class:`BaseAsyncOperator`."""
        return False

    @property
    def shares_loop(self) -> bool:
        """Whether a worker may run it in the event loop that the async tasks of a bundle share."""
        return False

    @property
    def log(self) -> logging.Logger:
        """The task's logger."""
        return logging.getLogger(f"millstream.task.{type(self).__name__}")

    def action(self) -> Action:
        """What the worker is told to do."""
        return PythonAction()

    def prepare_template(self) -> None:
        """Called before the template fields are rendered, with the files that they name read. A
        subclass may change them here."""

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """``content`` with the templates in it rendered, at any depth. ``seen_oids`` is Airflow's
        and not used."""
        from millstream.sdk.templates import render_value

        return render_value(self, content, context, jinja_env)

    def get_template_env(self, dag: DAG | None = None) -> jinja2.Environment:
        """The environment of the DAG's templates."""
        from millstream.sdk.templates import environment

        return environment(dag or self.dag)

    def pre_execute(self, context: Context) -> None:
        """Called right before ``execute``."""

    def execute(self, context: Context) -> Any:
        """The task's work; the return value is its XCom."""
        raise NotImplementedError(f"{type(self).__name__} has no execute method")

    def defer(
        self,
        *,
        trigger: BaseTrigger,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> NoReturn:
        """Ends the attempt and waits for ``trigger`` without a slot; then, perhaps in another
        process, ``method_name`` is called as ``method(context, event=payload, **kwargs)``.

        After ``timeout`` (a timedelta or seconds) the task goes on with
        :class:`TaskDeferralTimeout`.
        """
        if not callable(getattr(self, method_name, None)):
            raise AirflowException(
                f"task {self.task_id!r} defers to {method_name!r}, and {type(self).__name__} has "
                f"no such method"
            )
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Goes on after :meth:`defer`; ``__fail__`` stands for a trigger that broke or took too
        long."""
        given = dict(next_kwargs or {})
        if next_method == FAIL:
            if given.get("error") == TRIGGER_TIMEOUT:
                raise TaskDeferralTimeout(given.get("message") or TRIGGER_TIMEOUT)
            if given.get("traceback"):
                self.log.error("Trigger failed:\n%s", "\n".join(given["traceback"]))
            raise TaskDeferralError(given.get("error", "the trigger failed"))
        return getattr(self, next_method)(context, **given)

    def post_execute(self, context: Context, result: Any = None) -> None:
        """Called right after ``execute`` succeeded."""

    def on_kill(self) -> None:
        """Called when the task is stopped from outside, or its ``execution_timeout`` is over: end
        here what the task started elsewhere."""

    def to_spec(self) -> TaskSpec:
        """The task as plain data. Raises :class:`TemplateError` for a template that cannot be
        parsed."""
        weight, rule = limits.effective_weight(self)
        return TaskSpec(
            task_id=self.task_id,
            action=self.action(),
            operator=self.operator_name or type(self).__name__,
            upstream=tuple(self._upstream),
            trigger_rule=self.trigger_rule,
            retries=self.retries,
            retry_delay_s=self.retry_delay_s,
            retry_multiplier=self.retry_multiplier,
            max_retry_delay_s=self.max_retry_delay_s,
            execution_timeout_s=self.execution_timeout_s,
            queue=self.queue,
            resources=self._asked_for(),
            exclusive=self.exclusive,
            isolation=self.isolation,
            do_xcom_push=self.do_xcom_push,
            doc=self.doc_md,
            line=self.line,
            group=self.task_group.group_id if self.task_group else "",
            edge_labels=self._edge_labels(),
            display_name=self.task_display_name,
            owner=self.owner,
            pool=self.pool,
            pool_slots=self.pool_slots,
            priority_weight=weight,
            weight_rule=rule,
            max_active_tis_per_dag=self.max_active_tis_per_dag,
            max_active_tis_per_dagrun=self.max_active_tis_per_dagrun,
            depends_on_past=self.depends_on_past,
            wait_for_downstream=self.wait_for_downstream,
            ignore_first_depends_on_past=self.ignore_first_depends_on_past,
            wait_for_past_depends_before_skipping=self.wait_for_past_depends_before_skipping,
            inlets=tuple(asset.condition() for asset in self.inlets),
            outlets=tuple(asset.condition() for asset in self.outlets),
            returns_dag_result=self.returns_dag_result,
            callbacks=tuple(kind for kind, functions in self.callbacks.items() if functions),
            is_setup=self.is_setup,
            is_teardown=self.is_teardown,
            on_failure_fail_dagrun=self.on_failure_fail_dagrun,
        )

    def _asked_for(self) -> dict[str, int]:
        """An async task waits beside others, unless it wants something for itself."""
        is_alone = self.exclusive or self.isolation == "fresh" or bool(self.resources)
        return {ASYNC: 1} if self.shares_loop and not is_alone else self.resources

    def _edge_labels(self) -> dict[str, str]:
        labels = self.dag.edge_labels if self.dag else {}
        named = ((name, labels.get((name, self.task_id))) for name in self._upstream)
        return {name: label for name, label in named if label}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.task_id!r}>"


BaseOperator.__init__ = with_defaults(BaseOperator.__init__)  # type: ignore[method-assign]
