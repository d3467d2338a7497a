"""Callbacks: functions that are called when a task or a run starts or ends in some way.

``on_execute_callback`` is called in the task's own process. The others are work of their own, which
a worker does after the event they are about was committed: also when the task's worker is dead.
They get the context of the task as it ended; they are called at least once, and again if the worker
that calls them is lost.
"""

from __future__ import annotations

import asyncio
import builtins
import importlib
import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from millstream.core.spec import CallbackAction, PythonAction
from millstream.sdk import errors
from millstream.sdk.attempts import Attempt
from millstream.sdk.context import Context, build_context, running
from millstream.sdk.dates import in_utc
from millstream.sdk.errors import AirflowException, AirflowFailException, ParamValidationError
from millstream.sdk.params import resolve_params
from millstream.sdk.pulling import TaskChannel

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG

log = logging.getLogger("millstream.task.callbacks")

CallbackFunction = Callable[[Any], Any]
Callbacks = tuple[CallbackFunction, ...]


def callbacks_of(name: str, given: Any) -> Callbacks:
    """The functions of an ``on_..._callback`` argument. Raises ``TypeError``."""
    if given is None:
        return ()
    several = list(given) if isinstance(given, list | tuple | set) else [given]
    for one in several:
        if not callable(one):
            raise TypeError(
                f"{name} is {given!r}; pass a function that takes the context, a notifier, or a "
                f"list of these"
            )
    return tuple(several)


def call_all(callbacks: Iterable[CallbackFunction], context: Context) -> Exception | None:
    """Calls each of them, also after one that failed; returns the first failure."""
    first: Exception | None = None
    for callback in callbacks:
        name = getattr(callback, "__name__", type(callback).__name__)
        try:
            call(callback, context)
        except Exception as error:
            log.exception("The callback %s failed", name)
            first = first or error
    return first


def call(callback: CallbackFunction, context: Context) -> None:
    """Calls one, and awaits what it returns if it is a coroutine."""
    _finish(callback(context))


def _finish(result: Any) -> None:
    if not inspect.isawaitable(result):
        return

    async def wait() -> None:
        await result

    with asyncio.Runner() as runner:
        runner.run(wait())


def call_with(target: Callable[..., Any] | str, kwargs: dict[str, Any], context: Context) -> None:
    """Calls a deadline's callback: by its path, with its arguments, and with the context if it
    takes one. A notifier's class is made with the arguments and called."""
    from millstream.sdk.notifier import BaseNotifier

    function = _imported(target) if isinstance(target, str) else target
    if isinstance(function, type) and issubclass(function, BaseNotifier):
        function(**kwargs)(context)
        return
    parameters = inspect.signature(function).parameters.values()
    takes_context = any(p.name == "context" or p.kind is p.VAR_KEYWORD for p in parameters)
    _finish(function(**kwargs, **({"context": context} if takes_context else {})))


def _imported(path: str) -> Callable[..., Any]:
    module, _, name = path.strip().rpartition(".")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise AirflowException(f"the callback {path!r} cannot be imported: {error}") from None
    return found


def run_callbacks(attempt: Attempt, dag: DAG | None, channel: TaskChannel) -> None:
    """What a worker does for a callback. Raises the first failure, when all were called."""
    action = attempt.action
    assert isinstance(action, CallbackAction), "only these come here"
    if dag is None:
        raise AirflowFailException("a callback came without its DAG")
    context = callback_context(attempt, action, dag, channel)
    with running(context):
        if action.on == "deadline":
            alert = dag.deadline_named(action.deadline)
            call_with(alert.callback.target, alert.callback.kwargs, context)
            return
        if action.of_run:
            functions = dag.callbacks[action.on]
        else:
            functions = dag.get_task(action.task_id).callbacks[action.on]
        failure = call_all(functions, context)
    if failure is not None:
        raise failure


def callback_context(
    attempt: Attempt, action: CallbackAction, dag: DAG, channel: TaskChannel
) -> Context:
    """The context of the task as it ended; of a run, that of the task which decided how it ended,
    with a ``reason``."""
    of_task = msgspec.structs.replace(
        attempt,
        task_id=action.task_id,
        map_index=action.map_index,
        attempt=action.attempt,
        tries=action.tries,
        max_tries=action.max_tries,
        action=PythonAction(),
    )
    context = build_context(of_task, dag, channel)
    instance = context["ti"]
    instance.state = action.state
    instance.hostname = action.worker
    instance.start_date = None if action.started_at is None else in_utc(action.started_at)
    instance.end_date = None if action.ended_at is None else in_utc(action.ended_at)
    if action.started_at is not None and action.ended_at is not None:
        instance.duration = (action.ended_at - action.started_at).total_seconds()
    task_params = {}
    if dag.has_task(action.task_id):
        context["task"] = instance.task = dag.get_task(action.task_id)
        task_params = instance.task.params
    conf = instance.dag_run.conf
    try:
        context["params"] = resolve_params(dag.params, task_params, conf)
    except ParamValidationError:  # that may be just why the task failed
        context["params"] = {**dag.params.dump(), **conf}
    if action.error_type:
        context["exception"] = rebuilt_error(action)
    if action.run_state:
        instance.dag_run.state = action.run_state
    if action.reason:
        context["reason"] = action.reason
    if action.deadline:
        due_at = None if action.due_at is None else in_utc(action.due_at)
        context["deadline"] = {"name": action.deadline, "deadline_time": due_at}
    return context


def rebuilt_error(action: CallbackAction) -> BaseException:
    """The exception that the attempt raised, as far as it is known outside of the process that
    raised it: of the same class if that is a built-in one or one of ours, else of a class of the
    same name. The traceback is in its ``__notes__``."""
    found = getattr(builtins, action.error_type, None) or getattr(errors, action.error_type, None)
    error: BaseException
    if isinstance(found, type) and issubclass(found, BaseException):
        try:
            error = found(action.message)
        except Exception:  # it takes other arguments
            error = _named(action)
    else:
        error = _named(action)
    if action.traceback:
        error.add_note(action.traceback)
    return error


def _named(action: CallbackAction) -> BaseException:
    name = action.error_type if action.error_type.isidentifier() else "TaskError"
    error: BaseException = type(name, (AirflowException,), {})(action.message)
    return error
