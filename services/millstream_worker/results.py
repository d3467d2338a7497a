"""The report of an attempt: how its end, as the child tells it, enters the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from millstream.core.event_parts import Where, XCom
from millstream.core.mapping import length_of_json, why_not_mappable
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    RescheduleAttempt,
    SkipAttempt,
    SucceedAttempt,
)
from millstream.core.task_events import TaskReady
from millstream.sdk.attempts import FinishReport, Outcome
from millstream_worker.frames import Done
from millstream_worker.tools import Tools

MOST_INLINE_TOTAL_BYTES = 256 * 1024
RETURN_VALUE = "return_value"


def closing_words(report: FinishReport | None, stopped_because: str) -> tuple[str, str]:
    """What is said at the end of an attempt's log, and its level. None: it was stopped, and hands
    in no report."""
    match report:
        case None:
            return f"Stopped: {stopped_because}", "WARNING"
        case FailAttempt():
            text = report.traceback.rstrip() or f"{report.error_type}: {report.message}"
            return f"{text}\nFailed after {_duration(report)}", "ERROR"
        case SkipAttempt():
            return f"Skipped after {_duration(report)}: {report.reason}".rstrip(": "), "INFO"
        case RescheduleAttempt():
            return f"Rescheduled to {report.until.isoformat()}", "INFO"
        case DeferAttempt():
            return f"Deferred after {_duration(report)}", "INFO"
    return f"Succeeded after {_duration(report)}", "INFO"


def without_rendered(report: FinishReport) -> FinishReport:
    """The same, without what the template fields became."""
    if isinstance(report, SucceedAttempt | SkipAttempt | FailAttempt):
        return msgspec.structs.replace(report, rendered={})
    return report


def _duration(report: FinishReport) -> str:
    return f"{(report.ended_at - report.started_at).total_seconds():.3f} s"


class Results:
    """Makes the report of one attempt, the one with the claim ``token``."""

    def __init__(self, tools: Tools, where: Where, ready: TaskReady, token: str) -> None:
        self._tools = tools
        self._where = where
        self._ready = ready
        self._token = token

    async def of(self, done: Done) -> FinishReport:
        outcome = done.outcome
        xcoms = {}
        total = 0
        is_mapped_over = self._ready.is_mapped_over
        for key, text in outcome.xcoms.items():
            length = length_of_json(text) if is_mapped_over and key == RETURN_VALUE else -1
            xcoms[key] = XCom(value=msgspec.Raw(text), size=len(text), length=length)
        for key, xcom in outcome.coded.items():
            is_counted = is_mapped_over and key == RETURN_VALUE
            xcoms[key] = xcom if is_counted else msgspec.structs.replace(xcom, length=-1)
        if is_mapped_over and RETURN_VALUE in xcoms:
            problem = why_not_mappable(
                xcoms[RETURN_VALUE].length, self._tools.settings.max_map_length
            )
            if problem:
                return self.failed("NotMappable", problem, done.started_at)
        for key, xcom in xcoms.items():
            total += 0 if xcom.blob else xcom.size
            if total > MOST_INLINE_TOTAL_BYTES and not xcom.blob:
                blob = await self._tools.blobs.put(bytes(xcom.value))
                xcoms[key] = XCom(blob=blob, size=xcom.size, length=xcom.length, codec=xcom.codec)
        if self._ready.is_mapped_over and outcome.kind == "success" and RETURN_VALUE not in xcoms:
            problem = why_not_mappable(-1, self._tools.settings.max_map_length)
            return self.failed("NotMappable", problem, done.started_at)
        return self._finished(outcome, done, xcoms)

    def _finished(self, outcome: Outcome, done: Done, xcoms: dict[str, XCom]) -> FinishReport:
        about: dict[str, Any] = {
            "id": f"{self._token}/end",
            "where": self._where,
            "worker": self._tools.worker,
            "token": self._token,
            "started_at": done.started_at,
            "ended_at": done.ended_at,
            "xcoms": xcoms,
            "map_name": outcome.map_name,
        }
        return outcome.report(about)

    def failed(self, error_type: str, message: str, started_at: datetime) -> FailAttempt:
        return FailAttempt(
            id=f"{self._token}/end",
            where=self._where,
            worker=self._tools.worker,
            token=self._token,
            started_at=started_at,
            ended_at=datetime.now(UTC),
            error_type=error_type,
            message=message,
        )
