"""The reports: the commands by which a worker says what becomes of an attempt or of a trigger."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from millstream.core.command_parts import Command, Instant, Label
from millstream.core.deferral import NO_KWARGS, NO_VALUE, Cause, InputRequest, TriggerCall
from millstream.core.event_parts import AssetEmission, Choice, Where, XCom

# Template fields with what they became, masked.
Rendered = dict[Label, Annotated[str, msgspec.Meta(max_length=4096)]]


class StartAttempt(Command, frozen=True, kw_only=True):
    """A worker says that it started the attempt, and claims it."""

    where: Where
    worker: str
    token: str
    started_at: Instant


class FinishAttempt(Command, frozen=True, kw_only=True):
    """What the results have in common. A result for an attempt that nobody claimed claims it as
    well, so a lost ``StartAttempt`` costs nothing."""

    where: Where
    worker: str
    token: str
    started_at: Instant
    ended_at: Instant
    xcoms: dict[str, XCom] = {}
    map_name: Label = ""


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run that a task asks for. ``logical_date`` None: without one. ``reset``: a run of that id
    that is there is cleared instead, and runs again. ``is_taken`` and ``is_id_taken``, said by the
    scheduler alone: there was a run of that id or date, or of that id, before."""

    dag_id: Label
    run_id: Label = ""
    conf: dict[str, Any] = {}
    logical_date: Instant | None = None
    run_after: Instant | None = None
    note: Label = ""
    skip_when_already_exists: bool = False
    fail_when_dag_is_paused: bool = False
    is_taken: bool = False
    is_id_taken: bool = False
    reset: bool = False


class SucceedAttempt(FinishAttempt, frozen=True, kw_only=True):
    """The attempt returned. ``choice``: what it decided about the tasks after it, if anything."""

    choice: Choice | None = None
    assets: tuple[AssetEmission, ...] = ()
    runs: tuple[RunRequest, ...] = ()
    rendered: Rendered = {}


class SkipAttempt(FinishAttempt, frozen=True, kw_only=True):
    """The attempt asked to be skipped."""

    reason: str
    rendered: Rendered = {}


class FailAttempt(FinishAttempt, frozen=True, kw_only=True):
    """The attempt failed. ``may_retry`` is False where the task said that trying again is no
    use; ``retry_delay_s`` replaces the delay of its settings, and None is theirs."""

    error_type: str
    message: str
    traceback: str = ""
    may_retry: bool = True
    retry_delay_s: Annotated[float, msgspec.Meta(ge=0, le=366 * 86400)] | None = None
    rendered: Rendered = {}


class RescheduleAttempt(FinishAttempt, frozen=True, kw_only=True):
    """The attempt looked and found nothing: the next one is at ``until``, of which the distance to
    ``ended_at`` counts."""

    until: Instant


class DeferAttempt(FinishAttempt, frozen=True, kw_only=True):
    """The attempt stops until a trigger fires, an instant comes, or a person answers: exactly one
    of ``trigger``, ``wake_at`` (then with what is said, ``payload``) and ``request``."""

    method: str
    kwargs: msgspec.Raw = NO_KWARGS
    trigger: TriggerCall | None = None
    wake_at: Instant | None = None
    payload: msgspec.Raw = NO_VALUE
    request: InputRequest | None = None
    timeout_s: float | None = None
    runs: tuple[RunRequest, ...] = ()


class FireTrigger(Command, frozen=True, kw_only=True):
    """A trigger fired, ended or broke. For one that nobody claimed it claims as well."""

    where: Where
    worker: str
    token: str
    started_at: Instant
    cause: Cause = "event"
    payload: msgspec.Raw = NO_VALUE
    message: str = ""
    traceback: str = ""


Report = (
    StartAttempt
    | SucceedAttempt
    | SkipAttempt
    | FailAttempt
    | RescheduleAttempt
    | DeferAttempt
    | FireTrigger
)
