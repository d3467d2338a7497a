"""What a child process does for one attempt: build the context, render, run, and say how it ended.

It knows of no socket; a :class:`TaskChannel` fetches XComs, and the caller carries the
:class:`Outcome` on. Nothing that a task does raises out of :func:`run_attempt`.
"""

from __future__ import annotations

import copy
import inspect
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from millstream.core.asset_events import AssetEventsQuestion
from millstream.core.deferral import TriggerCall
from millstream.core.spec import BashAction, CallbackAction, EmptyAction
from millstream.core.xcoms import XComQuery
from millstream.sdk.asset_events import InletEvents, OutletEvents, TriggeringAssetEvents
from millstream.sdk.async_operator import run_to_end
from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.callbacks import call_all, run_callbacks
from millstream.sdk.codecs.scope import scope_of
from millstream.sdk.context import Context, build_context, get_current_context, running
from millstream.sdk.dates import instant, stdlib_utc
from millstream.sdk.deferral import encode_value, make_trigger, pause_of, resume
from millstream.sdk.errors import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskAwaitingInput,
    TaskDeferred,
)
from millstream.sdk.mapped_operator import MappedOperator
from millstream.sdk.masking import masker
from millstream.sdk.operator import BaseOperator
from millstream.sdk.operators.bash import BashOperator
from millstream.sdk.operators.empty import EmptyOperator
from millstream.sdk.params import resolve_params
from millstream.sdk.pulling import TaskChannel
from millstream.sdk.rendered import shown_fields, take_fields
from millstream.sdk.retry_policy import RetryAction, ask_policy
from millstream.sdk.stores import asking
from millstream.sdk.templates import render_fields
from millstream.sdk.xcom import XCOM_RETURN_KEY, references

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG

MAX_TRACEBACK_BYTES = 16 * 1024
MAX_MESSAGE_BYTES = 4 * 1024
MAX_MAP_NAME_BYTES = 250
_PACKAGE = str(Path(__file__).resolve().parent.parent) + "/"
_LIBRARY_FRAMES = (_PACKAGE, "<frozen")


def run_attempt(attempt: Attempt, dag: DAG | None, channel: TaskChannel) -> Outcome:
    """Runs the attempt in this process, to its end. ``dag`` may be None for anything but Python.
    The texts of an outcome hold nothing that is masked."""
    context: Context = {}
    try:
        context = build_context(attempt, dag, channel)
        with asking(channel), scope_of(*places(dag)):
            if isinstance(attempt.action, CallbackAction):
                run_callbacks(attempt, dag, channel)
            else:
                _run(attempt, dag, context, channel)
    except BaseException as error:
        return ended_with(error, attempt, context)
    return succeeded(context)


def ended_with(error: BaseException, attempt: Attempt, context: Context) -> Outcome:
    """The outcome of an attempt that raised this. ``context`` is empty if it did not get far."""
    match error:
        case AirflowRescheduleException():
            return _rescheduled(error, context)
        case TaskDeferred() | TaskAwaitingInput():
            return _deferred(error, attempt, context)
        case AirflowSkipException():
            return Outcome(
                kind="skipped",
                **_said(context),
                message=_shown(_text(error), MAX_MESSAGE_BYTES),
            )
    outcome = _failed(error, context)
    return _judged(outcome, error, context)


def succeeded(context: Context) -> Outcome:
    """The outcome of an attempt that ended well."""
    instance = context["ti"]
    return Outcome(
        kind="success",
        **_said(context),
        choice=instance.choice,
        runs=instance.runs,
        assets=instance.assets,
    )


def stop_task() -> None:
    """Calls ``on_kill`` of the task that is running in this process, if there is one. What that
    raises is printed."""
    try:
        task = get_current_context()["task"]
    except (RuntimeError, KeyError):
        return
    try:
        task.on_kill()
    except Exception:
        traceback.print_exc()


def places(dag: DAG | None) -> tuple[str, str]:
    """The DAG file, and the directory of its bundle."""
    return (dag.fileloc, dag.bundle_dir) if dag else ("", "")


def _rescheduled(error: AirflowRescheduleException, context: Context) -> Outcome:
    try:
        until = stdlib_utc(instant("reschedule_date", error.reschedule_date))
    except (TypeError, ValueError, OverflowError) as problem:
        return _failed(problem, context)
    return Outcome(kind="rescheduled", **_pushed(context), until=until)


def _deferred(
    deferred: TaskDeferred | TaskAwaitingInput, attempt: Attempt, context: Context
) -> Outcome:
    try:
        pause = pause_of(deferred, attempt.task_id)
    except Exception as problem:
        return _failed(problem, context)
    return Outcome(kind="deferred", **_pushed(context), pause=pause, runs=context["ti"].runs)


def _pushed(context: Context) -> dict[str, Any]:
    if "ti" not in context:
        return {}
    return {"xcoms": dict(context["ti"].pushed), "coded": dict(context["ti"].coded)}


def _said(context: Context) -> dict[str, Any]:
    """What an attempt that is over leaves behind, however it ended."""
    if "ti" not in context:
        return {}
    instance = context["ti"]
    return {
        **_pushed(context),
        "map_name": bounded_text(instance.map_name, MAX_MAP_NAME_BYTES),
        "rendered": shown_fields(instance.rendered) if instance.rendered else {},
    }


def _run(attempt: Attempt, dag: DAG | None, context: Context, channel: TaskChannel) -> None:
    introduce_task(attempt, dag, context, channel)
    with running(context):
        task = make_ready(dag, context)
        result = _execute(task, attempt, context)
        wind_up(result, context)
    hand_on(result, attempt, context)


def introduce_task(
    attempt: Attempt, dag: DAG | None, context: Context, channel: TaskChannel
) -> None:
    """Puts the task into its context, and what belongs to it."""
    task = copy.copy(_task(attempt, dag))
    instance = context["ti"]
    context["task"] = instance.task = task
    _add_assets(context, task, channel)
    context["params"] = resolve_params(
        dag.params if dag else {},
        {} if task.params_are_asked else task.params,
        instance.dag_run.conf,
    )


def make_ready(dag: DAG | None, context: Context) -> BaseOperator:
    """All that comes before ``execute``: arguments, templates and hooks. Returns the operator that
    is to run."""
    instance = context["ti"]
    task: BaseOperator = context["task"]
    instance.prefetch(_queries(task, context))
    task, as_they_are = _of_instance(task, context)
    instance.name_instance(context, is_done=False)
    if render_fields(task, dag, context, as_they_are):
        instance.rendered = take_fields(task)
    if task.pre_execute_hook is not None:
        task.pre_execute_hook(context)
    task.pre_execute(context)
    call_all(task.callbacks["execute"], context)
    return task


def wind_up(result: Any, context: Context) -> None:
    """What comes after ``execute``."""
    task: BaseOperator = context["task"]
    if task.post_execute_hook is not None:
        task.post_execute_hook(context, result)
    task.post_execute(context, result)
    context["ti"].name_instance(context, is_done=True)


def hand_on(result: Any, attempt: Attempt, context: Context) -> None:
    """Keeps the result and the updates of assets for the report."""
    if result is not None and attempt.do_xcom_push:
        context["ti"].keep(XCOM_RETURN_KEY, result)
    context["ti"].assets = context["outlet_events"].emissions()


def _add_assets(context: Context, task: BaseOperator, channel: TaskChannel) -> None:
    ask = channel.find_asset_events
    is_triggered = context["dag_run"].run_type == "asset_triggered"
    context["inlets"], context["outlets"] = task.inlets, task.outlets
    context["inlet_events"] = InletEvents(task.inlets, ask)
    context["outlet_events"] = OutletEvents(task.outlets)
    context["triggering_asset_events"] = TriggeringAssetEvents(
        lambda: ask(AssetEventsQuestion()) if is_triggered else []
    )


def _queries(task: BaseOperator, context: Context) -> Iterator[XComQuery]:
    """The XComs that the task's arguments refer to."""
    if isinstance(task, MappedOperator):
        yield from task.queries(context)
    for field in task.template_fields:
        for reference in references(getattr(task, field, None)):
            yield from reference.queries(context)


def _of_instance(task: BaseOperator, context: Context) -> tuple[BaseOperator, list[Any]]:
    """The operator that is run, for a mapped task that of the element; and which of its arguments
    came from other tasks, so that no template is looked for in them."""
    if not isinstance(task, MappedOperator):
        return task, []
    element = task.element(context)
    context["expanded_ti_count"] = element.instances
    operator = context["task"] = context["ti"].task = task.instance(element)
    return operator, element.as_they_are


def _execute(task: BaseOperator, attempt: Attempt, context: Context) -> Any:
    if is_plain_start(task, attempt):
        return task.execute(context)
    result = go_on(task, attempt, context)
    return run_to_end(result) if inspect.iscoroutine(result) else result


def is_plain_start(task: BaseOperator, attempt: Attempt) -> bool:
    """Whether the attempt begins with ``execute``."""
    return attempt.resume is None and not (
        task.start_from_trigger and task.start_trigger_args is not None
    )


def go_on(task: BaseOperator, attempt: Attempt, context: Context) -> Any:
    """In place of ``execute``: a deferred task goes on, or defers before it does anything."""
    if attempt.resume is not None:
        return resume(task, attempt.resume, context)
    start = task.start_trigger_args
    assert start is not None, "else it is a plain start"
    kwargs = msgspec.Raw(encode_value(start.trigger_kwargs or {}, attempt.task_id))
    module = type(task).__module__
    raise TaskDeferred(
        trigger=make_trigger(TriggerCall(classpath=start.trigger_cls, kwargs=kwargs), module),
        method_name=start.next_method,
        kwargs=start.next_kwargs,
        timeout=start.timeout,
    )


def _task(attempt: Attempt, dag: DAG | None) -> BaseOperator:
    match attempt.action:
        case BashAction() as action:
            return BashOperator.from_action(attempt.task_id, action)
        case EmptyAction():
            return EmptyOperator(task_id=attempt.task_id)
    if dag is None:
        raise AirflowFailException(f"task {attempt.task_id!r} runs Python and came without its DAG")
    try:
        return dag.get_task(attempt.task_id)
    except AirflowException as error:
        raise AirflowFailException(str(error)) from None


def _failed(error: BaseException, context: Context) -> Outcome:
    message = _text(error)
    if isinstance(error, SystemExit):
        message = f"the task ended the process with exit code {error.code!r}"
    return Outcome(
        kind="failed",
        **_said(context),
        error_type=type(error).__name__,
        message=_shown(message, MAX_MESSAGE_BYTES),
        traceback=_shown(user_traceback(error), MAX_TRACEBACK_BYTES),
        may_retry=not isinstance(error, AirflowFailException | AirflowSensorTimeout),
    )


def _judged(outcome: Outcome, error: BaseException, context: Context) -> Outcome:
    """The failure, as the task's retry policy judges it."""
    policy = getattr(context.get("task"), "retry_policy", None)
    if policy is None or not outcome.may_retry:
        return outcome
    instance = context["ti"]
    decision = ask_policy(policy, error, instance.try_number, instance.max_tries, context)
    if decision.action is RetryAction.FAIL:
        return msgspec.structs.replace(outcome, may_retry=False)
    if decision.action is RetryAction.RETRY and decision.retry_delay is not None:
        delay_s = max(decision.retry_delay.total_seconds(), 0.0)
        return msgspec.structs.replace(outcome, retry_delay_s=delay_s)
    return outcome


def _shown(text: str, limit: int) -> str:
    return bounded_text(masker.mask(text), limit)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"(str() of the {type(error).__name__} raised {type(broken).__name__})"


def user_traceback(error: BaseException) -> str:
    """The traceback without Millstream's own frames; "" if no frame of the user's is left."""
    try:
        report = traceback.TracebackException.from_exception(error)
        if not _cut(report):
            return ""
        return "".join(report.format())
    except Exception:  # an error whose parts cannot be formatted must not hide that it happened
        return ""


def _cut(report: traceback.TracebackException | None) -> bool:
    """Whether a frame of the user's is left in it or in what caused it."""
    is_user = False
    while report is not None:
        kept = [frame for frame in report.stack if not frame.filename.startswith(_LIBRARY_FRAMES)]
        report.stack[:] = kept
        is_user = is_user or bool(kept)
        report = report.__cause__ or report.__context__
    return is_user


def bounded_text(text: str, limit: int) -> str:
    """``text`` as it may enter the log: no NUL, no lone surrogates, at most ``limit`` bytes of
    UTF-8. Of a longer text the middle is left out: its ends say most."""
    data = text.replace("\0", "\ufffd").encode("utf-8", "replace")
    if len(data) > limit:
        gap = b"\n... (cut) ...\n"
        half = (limit - len(gap)) // 2
        head = data[:half].decode("utf-8", "ignore").encode()
        tail = data[-half:].decode("utf-8", "ignore").encode()
        data = head + gap + tail
    return data.decode()
