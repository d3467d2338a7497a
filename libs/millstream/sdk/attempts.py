"""What is said of an attempt, and of a trigger, before and after it ran: plain values, for who has
them run elsewhere and imports nothing that runs them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from millstream.core.deferral import Cause, InputRequest, Resume, TriggerCall
from millstream.core.event_parts import AssetEmission, Choice, RunInfo, XCom
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    RescheduleAttempt,
    RunRequest,
    SkipAttempt,
    SucceedAttempt,
)
from millstream.core.spec import Action, CallbackAction

FinishReport = SucceedAttempt | SkipAttempt | FailAttempt | RescheduleAttempt | DeferAttempt


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to run. ``tries`` counts from 1 and leaves out lost attempts; ``conf`` None: it
    is the one in ``run``."""

    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    action: Action | CallbackAction
    run: RunInfo
    map_index: tuple[int, ...] = ()
    attempt: int = 1
    tries: int = 1
    max_tries: int = 1
    do_xcom_push: bool = True
    conf: dict[str, Any] | None = None
    resume: Resume | None = None
    first_started_at: datetime | None = None


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """How a deferred attempt ended: as in ``core.reports.DeferAttempt``; ``kwargs`` and
    ``payload`` are JSON text."""

    method: str
    kwargs: bytes = b"{}"
    trigger: TriggerCall | None = None
    wake_at: datetime | None = None
    payload: bytes = b"null"
    request: InputRequest | None = None
    timeout_s: float | None = None

    def report(self, about: dict[str, Any]) -> DeferAttempt:
        """The report; ``about`` holds what all reports have."""
        return DeferAttempt(
            **about,
            method=self.method,
            kwargs=msgspec.Raw(self.kwargs),
            trigger=self.trigger,
            wake_at=self.wake_at,
            payload=msgspec.Raw(self.payload),
            request=self.request,
            timeout_s=self.timeout_s,
        )


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended. ``xcoms`` holds JSON text by key, whatever the kind, and ``coded`` the
    values that are more than that or are in the blob store. ``message`` is the reason of a skip or
    the error's text; ``may_retry`` is False where a retry cannot help;
    ``retry_delay_s`` replaces the task's own delay; ``choice`` is what a branch or a short circuit
    decided. ``rendered``: the template fields, where there was anything to render. ``until``: a
    rescheduled attempt is looked after again at this instant; ``pause``: what a deferred one waits
    for."""

    kind: Literal["success", "skipped", "failed", "rescheduled", "deferred"]
    xcoms: dict[str, bytes] = {}
    coded: dict[str, XCom] = {}
    error_type: str = ""
    message: str = ""
    traceback: str = ""
    may_retry: bool = True
    retry_delay_s: float | None = None
    # Those that the task asks for.
    runs: tuple[RunRequest, ...] = ()
    choice: Choice | None = None
    assets: tuple[AssetEmission, ...] = ()
    map_name: str = ""
    rendered: dict[str, str] = {}
    until: datetime | None = None
    pause: Pause | None = None

    def report(self, about: dict[str, Any]) -> FinishReport:
        """What the scheduler is told; ``about`` is what all of its reports say of an attempt."""
        match self.kind:
            case "success":
                return SucceedAttempt(
                    **about,
                    choice=self.choice,
                    assets=self.assets,
                    runs=self.runs,
                    rendered=self.rendered,
                )
            case "skipped":
                return SkipAttempt(**about, reason=self.message, rendered=self.rendered)
            case "rescheduled":
                assert self.until is not None
                return RescheduleAttempt(**about, until=self.until)
            case "deferred":
                assert self.pause is not None
                return msgspec.structs.replace(self.pause.report(about), runs=self.runs)
            case "failed":
                return FailAttempt(
                    **about,
                    error_type=self.error_type,
                    message=self.message,
                    traceback=self.traceback,
                    may_retry=self.may_retry,
                    retry_delay_s=self.retry_delay_s,
                    rendered=self.rendered,
                )


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """How a trigger ended; ``payload`` is JSON text."""

    cause: Cause
    payload: bytes = b"null"
    message: str = ""
    traceback: str = ""
