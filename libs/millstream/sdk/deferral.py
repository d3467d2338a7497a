"""How an attempt stops to wait, and how the next one goes on where it stopped."""

from __future__ import annotations

import importlib
import sys
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec

from millstream.core.deferral import Cause, Resume, TriggerCall
from millstream.sdk.attempts import Pause
from millstream.sdk.codecs.plain import NotPlain, plain_json
from millstream.sdk.dates import stdlib_utc
from millstream.sdk.errors import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskAwaitingInput,
    TaskDeferralError,
    TaskDeferred,
    XComEncodingError,
)
from millstream.sdk.operator import FAIL, TRIGGER_TIMEOUT
from millstream.sdk.triggers.temporal import DateTimeTrigger
from millstream.sdk.triggers.trigger import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from millstream.sdk.context import Context
    from millstream.sdk.operator import BaseOperator

MOST_BYTES = 48 * 1024
# The module of a DAG file has a name that differs from worker to worker.
DAG_MODULE = "millstream_dag_"
_OWN_FILE = ":"
_SUCCEED = "__success__"
_TAG = "__millstream__"


def pause_of(deferred: TaskDeferred | TaskAwaitingInput, task_id: str) -> Pause:
    """What is said of it to the scheduler. Raises what makes it impossible."""
    method = deferred.method_name
    timeout_s = _seconds(deferred.timeout)
    kwargs = _encode(deferred.kwargs or {}, task_id, "the kwargs")
    if isinstance(deferred, TaskAwaitingInput):
        return Pause(method=method, kwargs=kwargs, request=deferred.request, timeout_s=timeout_s)
    trigger = deferred.trigger
    if not isinstance(trigger, BaseTrigger):
        raise TypeError(f"task {task_id}: defer() needs a BaseTrigger, not {trigger!r}")
    if isinstance(trigger, DateTimeTrigger) and type(trigger).run is DateTimeTrigger.run:
        moment = stdlib_utc(trigger.moment)
        return Pause(
            method=_SUCCEED if trigger.end_from_trigger else method,
            kwargs=kwargs,
            wake_at=moment,
            payload=encode_value(moment, task_id),
            timeout_s=timeout_s,
        )
    return Pause(
        method=method, kwargs=kwargs, trigger=trigger_call(trigger, task_id), timeout_s=timeout_s
    )


def trigger_call(trigger: BaseTrigger, task_id: str) -> TriggerCall:
    classpath, kwargs = trigger.serialize()
    if classpath.startswith(DAG_MODULE):
        classpath = _OWN_FILE + classpath.partition(".")[2]
    text = _encode(kwargs, task_id, f"the arguments of the trigger {classpath}")
    return TriggerCall(classpath=classpath, kwargs=msgspec.Raw(text))


def dag_module(file: str) -> str:
    """The module of a DAG file that was loaded, "" if there is none."""
    for name, module in sys.modules.items():
        if name.startswith(DAG_MODULE) and getattr(module, "__file__", None) == file:
            return name
    return ""


def make_trigger(call: TriggerCall, module_name: str = "") -> BaseTrigger:
    """The trigger again. ``module_name`` is the module of the DAG file. Raises what importing it
    raises, and :class:`AirflowException`."""
    kwargs = decode_value(bytes(call.kwargs))
    if call.classpath.startswith(_OWN_FILE):
        module, path = sys.modules[module_name], call.classpath[1:]
    else:
        name, _, path = call.classpath.rpartition(".")
        module = importlib.import_module(name)
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part)
    trigger = found(**kwargs)
    if not isinstance(trigger, BaseTrigger):
        raise AirflowException(f"{call.classpath} is no trigger: it does not extend BaseTrigger")
    return trigger


def resume(task: BaseOperator, how: Resume, context: Context) -> Any:
    """Goes on where the attempt before stopped, and returns what the task returns."""
    payload = decode_value(bytes(how.payload))
    match how.cause:
        case "success" | "failed" | "skipped":
            return _end(task, how.cause, payload, context)
        case "timeout":
            return task.resume_execution(
                FAIL, {"error": TRIGGER_TIMEOUT, "message": how.message}, context
            )
        case "error":
            traceback = how.traceback.splitlines()
            reason = {"error": how.message, "traceback": traceback}
            return task.resume_execution(FAIL, reason, context)
    if how.method == _SUCCEED:
        return None
    kwargs = decode_value(bytes(how.kwargs))
    return task.resume_execution(how.method, {**kwargs, "event": payload}, context)


def _end(task: BaseOperator, cause: str, payload: Any, context: Context) -> Any:
    xcoms = dict((payload or {}).get("xcoms") or {})
    result = xcoms.pop("return_value", None)
    for key, value in xcoms.items():
        context["ti"].xcom_push(key, value)
    if cause == "failed":
        raise AirflowFailException(f"the trigger of task {task.task_id!r} said that it failed")
    if cause == "skipped":
        raise AirflowSkipException(f"the trigger of task {task.task_id!r} said to skip it")
    return result


def fired(event: object, task_id: str) -> tuple[Cause, bytes]:
    """The cause and the payload of what a trigger yielded. Raises what makes it impossible."""
    if not isinstance(event, TriggerEvent):
        raise TaskDeferralError(f"the trigger yielded {event!r}, which is no TriggerEvent")
    cause: Cause = getattr(type(event), "cause", "event")
    return cause, _encode(event.payload, task_id, "the payload of the trigger's event")


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        return timeout.total_seconds()
    if isinstance(timeout, int | float) and not isinstance(timeout, bool):
        return float(timeout)
    raise TypeError(f"timeout is {timeout!r}; pass a timedelta or a number of seconds")


def _encode(value: Any, task_id: str, what: str) -> bytes:
    text = encode_value(value, task_id)
    if len(text) > MOST_BYTES:
        raise AirflowException(
            f"task {task_id}: {what} take {len(text)} bytes as JSON; {MOST_BYTES} are allowed. "
            f"Write them to a file and pass its path"
        )
    return text


def encode_value(value: Any, task_id: str) -> bytes:
    """JSON text: plain JSON, and dates, times and timedeltas. Raises
    :class:`XComEncodingError`."""
    try:
        return plain_json(_tagged(value))
    except (NotPlain, UnicodeEncodeError, RecursionError):
        raise XComEncodingError(
            f"task {task_id}: what is handed to a trigger, and what it says, is JSON, dates, times "
            f"and timedeltas; {value!r:.200} is neither"
        ) from None


def decode_value(text: bytes) -> Any:
    """The value again."""
    return _untagged(msgspec.json.decode(text))


def _tagged(value: Any) -> Any:
    match value:
        case datetime():
            return {_TAG: "datetime", "value": value.isoformat()}
        case date():
            return {_TAG: "date", "value": value.isoformat()}
        case time():
            return {_TAG: "time", "value": value.isoformat()}
        case timedelta():
            return {_TAG: "timedelta", "value": value.total_seconds()}
        case dict():
            return {key: _tagged(item) for key, item in value.items()}
        case list() | tuple():
            return [_tagged(item) for item in value]
    return value


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"__millstream__": "datetime", "value": str() as text}:
            return datetime.fromisoformat(text)
        case {"__millstream__": "date", "value": str() as text}:
            return date.fromisoformat(text)
        case {"__millstream__": "time", "value": str() as text}:
            return time.fromisoformat(text)
        case {"__millstream__": "timedelta", "value": int() | float() as seconds}:
            return timedelta(seconds=cast("float", seconds))
    return {key: _untagged(item) for key, item in value.items()}
