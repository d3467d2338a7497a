"""One attempt, from its ready event to its report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from millstream.adapters import telemetry
from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus, TooLarge
from millstream.adapters.lookup import (
    AssetQuestion,
    ConfAnswer,
    ConfQuestion,
    XComQuestion,
    encode_question,
)
from millstream.adapters.streams import log_subject, lookup_subject
from millstream.core.asset_events import AssetEventsQuestion
from millstream.core.commands import (
    Claim,
    DeferAttempt,
    FailAttempt,
    Receipt,
    RescheduleAttempt,
    SkipAttempt,
    StartAttempt,
    SucceedAttempt,
)
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.event_parts import Where, XCom
from millstream.core.events import TaskReady
from millstream.core.mapping import length_of_json, why_not_mappable
from millstream.core.xcoms import XComPull
from millstream.sdk.execution import Attempt, Outcome
from millstream_worker.ask_states import find_states
from millstream_worker.bundles import Bundles
from millstream_worker.children import Child, ChildDied, Children
from millstream_worker.frames import (
    Answer,
    AskAssets,
    AskStates,
    Change,
    Done,
    Fetch,
    Fetched,
    Find,
    Pull,
    Pulled,
    Question,
    Run,
    Store,
    Told,
    ToldAssets,
)
from millstream_worker.output import Output
from millstream_worker.reports import Reports
from millstream_worker.secrets import Secrets

FinishReport = SucceedAttempt | SkipAttempt | FailAttempt | RescheduleAttempt | DeferAttempt

log = structlog.get_logger(__name__)

EARLY_S = 0.003
FLUSH_S = 0.1
LOOKUP_TIMEOUT_S = 2.0
LOOKUP_TRIES = 30
MOST_INLINE_TOTAL_BYTES = 256 * 1024

RETURN_VALUE = "return_value"

_conf_decoder = msgspec.json.Decoder(ConfAnswer)


@dataclass(frozen=True, slots=True)
class Tools:
    """What attempts share."""

    bus: Bus
    shard: int
    worker: str
    children: Children
    bundles: Bundles
    blobs: FsspecBlobs
    reports: Reports
    kill_grace_s: float
    scratch: Path
    secrets: Secrets
    max_map_length: int


class _Abandoned(Exception):
    """The worker stops: another attempt will be made, and this one says nothing."""


class Running:
    """An attempt of this worker. ``on_decided`` is called once, when its claim is decided either
    way."""

    def __init__(
        self,
        tools: Tools,
        where: Where,
        ready: TaskReady,
        position: int,
        trace: str,
        token: str,
        on_decided: Callable[[], None],
    ) -> None:
        self.where = where
        self.token = token
        self.is_exclusive = ready.exclusive
        self._tools = tools
        self._ready = ready
        self._position = position
        self._trace = trace
        self._on_decided = on_decided
        self._started_at = datetime.now(UTC)
        self._child: Child | None = None
        self._claim: asyncio.Future[Receipt] | None = None
        self._is_claim_lost = False
        self._is_abandoned = False
        self._is_stopped = False
        self._check: asyncio.Future[Receipt] | None = None
        self._checks = 0
        self._killed_because = ""
        self._output = Output()
        self._changes = 0
        self._flushing: asyncio.TimerHandle | None = None

    def kill(self, because: str) -> None:
        """End the attempt's child; the attempt is reported as failed for this reason."""
        self._killed_because = self._killed_because or because
        if self._child is not None:
            self._child.kill()

    def abandon(self) -> None:
        """End it without a report: that the worker stops is no failure of the task."""
        self._is_abandoned = True
        self.kill("the worker was stopped")

    @property
    def is_claimed(self) -> bool:
        """Was its claim accepted?"""
        claim = self._claim
        return (
            claim is not None
            and claim.done()
            and not claim.cancelled()
            and (not claim.result().is_refused)
        )

    def stop(self, because: str) -> None:
        """End it without a report: the log says already that it is over. The task may clean up
        (``on_kill``), unless it is exclusive: then the next attempt may begin at any moment."""
        self._is_stopped = self._is_abandoned = True
        self._killed_because = self._killed_because or because
        self._on_decided()
        if self._child is not None:
            if self.is_exclusive:
                self._child.kill()
            else:
                self._child.stop(self._tools.kill_grace_s)

    def claim_again(self) -> None:
        """Make sure that the attempt is still open; it is stopped if not."""
        if self._check is not None and not self._check.done():
            return
        self._checks += 1
        self._check = self._tools.reports.send(self._start_attempt(f"check-{self._checks}"))
        self._check.add_done_callback(self._checked)

    def _checked(self, check: asyncio.Future[Receipt]) -> None:
        if not check.cancelled() and check.result().is_refused and self._child is not None:
            self.stop("its attempt is closed")

    async def run(self, is_claimed_first: bool) -> None:
        """Run it and hand in the report. Returns when the child is free again."""
        if is_claimed_first and not await self._claim_first():
            return
        try:
            report = await self._outcome()
        except _Abandoned:
            self._publish_output(is_last=True)
            return
        except Exception as error:  # without a report nobody would ever try again
            if not isinstance(error, MillstreamError):
                log.exception("attempt_failed_inside", task_id=self.where.task_id)
            report = self._failed(type(error).__name__, str(error))
        self._publish_output(is_last=True)
        if not self._is_claim_lost:
            self._send(report)

    def _send(self, report: FinishReport) -> None:
        try:
            receipt = self._tools.reports.send(report)
        except TooLarge as error:
            receipt = self._tools.reports.send(self._failed("ResultTooLarge", str(error)))
        receipt.add_done_callback(lambda _: self._on_decided())
        if telemetry.is_exporting():
            where = self.where
            telemetry.record_span(
                f"task {where.task_id}",
                self._trace,
                report.started_at,
                report.ended_at,
                report.message if isinstance(report, FailAttempt) else "",
                dag_id=where.dag_id,
                run_id=where.run_id,
                attempt=where.attempt,
            )

    # --- the claim

    async def _claim_first(self) -> bool:
        """Wait until the claim is accepted: for exclusive tasks, and for events that may be old."""
        claim = self._start_report()
        return not (await claim).is_refused

    def _start_report(self) -> asyncio.Future[Receipt]:
        self._claim = self._tools.reports.send(self._start_attempt("start"))
        self._claim.add_done_callback(self._claim_decided)
        return self._claim

    def _start_attempt(self, name: str) -> StartAttempt:
        return StartAttempt(
            id=f"{self.token}/{name}",
            where=self.where,
            worker=self._tools.worker,
            token=self.token,
            started_at=self._started_at,
        )

    def _claim_decided(self, claim: asyncio.Future[Receipt]) -> None:
        self._on_decided()
        if not claim.cancelled() and claim.result().is_refused:
            self._is_claim_lost = True
            self.kill("another worker has the attempt")

    # --- the run

    async def _outcome(self) -> FinishReport:
        ready, tools = self._ready, self._tools
        folder = ""
        if ready.bundle:
            folder = str(
                tools.bundles.path(ready.bundle)
                if tools.bundles.has(ready.bundle)
                else await tools.bundles.fetch(ready.bundle)
            )
        conf = ready.run.conf if ready.run.conf is not None else await self._conf()
        run = Run(self._attempt(conf), folder, ready.file)
        self._raise_if_stopped()
        self._child = await tools.children.acquire(ready.bundle)
        self._output.masker = self._child.masker
        if self._killed_because:
            self._child.kill()
        try:
            done = await self._run_in_child(self._child, run)
        except ChildDied as error:
            if self._is_abandoned:
                raise _Abandoned from error
            if self._killed_because:
                return self._failed("AttemptKilled", self._killed_because)
            return self._failed("ChildDied", str(error))
        except TimeoutError:
            limit = ready.execution_timeout_s
            return self._failed("AirflowTaskTimeout", f"execution_timeout of {limit:g} s is over")
        finally:
            # From here on it is another attempt's: a late refusal of our claim must not kill it.
            child, self._child = self._child, None
            tools.children.release(child)
        if self._is_stopped and done.outcome.kind == "failed":
            raise _Abandoned  # that is how it was stopped
        return await self._report(done)

    def _raise_if_stopped(self) -> None:
        if self._is_stopped:
            raise _Abandoned

    async def _run_in_child(self, child: Child, run: Run) -> Done:
        """A short attempt needs no claim of its own: its result claims it as well."""
        running = asyncio.ensure_future(child.run(run, self._answer, self._feed))
        try:
            if self._claim is None:
                await asyncio.wait((running,), timeout=EARLY_S)
                if not running.done() and self._claim is None:
                    self._start_report()
            async with asyncio.timeout(self._ready.execution_timeout_s):
                return await asyncio.shield(running)
        except TimeoutError:
            child.kill()
            raise
        finally:
            if not running.done():
                child.kill()
                await asyncio.gather(running, return_exceptions=True)

    def _attempt(self, conf: dict[str, Any]) -> Attempt:
        where, ready = self.where, self._ready
        return Attempt(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            task_id=where.task_id,
            map_index=where.map_index,
            attempt=where.attempt,
            tries=ready.tries,
            max_tries=ready.max_tries,
            action=ready.action,
            run=ready.run,
            do_xcom_push=ready.do_xcom_push,
            conf=conf,
            resume=ready.resume,
            first_started_at=ready.first_started_at,
        )

    # --- the result

    async def _report(self, done: Done) -> FinishReport:
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
            problem = why_not_mappable(xcoms[RETURN_VALUE].length, self._tools.max_map_length)
            if problem:
                return self._failed("NotMappable", problem)
        for key, xcom in xcoms.items():
            total += 0 if xcom.blob else xcom.size
            if total > MOST_INLINE_TOTAL_BYTES and not xcom.blob:
                blob = await self._tools.blobs.put(bytes(xcom.value))
                xcoms[key] = XCom(blob=blob, size=xcom.size, length=xcom.length, codec=xcom.codec)
        if self._ready.is_mapped_over and outcome.kind == "success" and RETURN_VALUE not in xcoms:
            problem = why_not_mappable(-1, self._tools.max_map_length)
            return self._failed("NotMappable", problem)
        return self._finished(outcome, done, xcoms)

    def _finished(self, outcome: Outcome, done: Done, xcoms: dict[str, XCom]) -> FinishReport:
        about: dict[str, Any] = {
            "id": f"{self.token}/end",
            "where": self.where,
            "worker": self._tools.worker,
            "token": self.token,
            "started_at": done.started_at,
            "ended_at": done.ended_at,
            "xcoms": xcoms,
            "map_name": outcome.map_name,
        }
        match outcome.kind:
            case "success":
                return SucceedAttempt(
                    **about, choice=outcome.choice, assets=outcome.assets, runs=outcome.runs
                )
            case "skipped":
                return SkipAttempt(**about, reason=outcome.message)
            case "rescheduled":
                assert outcome.until is not None
                return RescheduleAttempt(**about, until=outcome.until)
            case "deferred":
                assert outcome.pause is not None
                report = outcome.pause.report(about)
                return msgspec.structs.replace(report, runs=outcome.runs)
            case "failed":
                return FailAttempt(
                    **about,
                    error_type=outcome.error_type,
                    message=outcome.message,
                    traceback=outcome.traceback,
                    may_retry=outcome.may_retry,
                    retry_delay_s=outcome.retry_delay_s,
                )

    def _failed(self, error_type: str, message: str) -> FailAttempt:
        return FailAttempt(
            id=f"{self.token}/end",
            where=self.where,
            worker=self._tools.worker,
            token=self.token,
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
            error_type=error_type,
            message=message,
        )

    # --- what the task asks for and prints

    async def _conf(self) -> dict[str, Any]:
        where = self.where
        question = ConfQuestion(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            position=self._position,
        )
        answer = _conf_decoder.decode(await self._look_up("conf", encode_question(question)))
        conf: dict[str, Any] = msgspec.json.decode(answer.conf)
        return conf

    async def _answer(self, question: Question) -> Answer:
        """What the task asks for; it must get an answer whatever happens."""
        match question:
            case Pull(pull):
                try:
                    return Pulled(msgspec.Raw(await self._pull(pull)))
                except MillstreamError as error:
                    names = ", ".join(dict.fromkeys(query.task_id for query in pull.queries))
                    return Pulled(
                        msgspec.Raw(b"null"), f"the XComs of {names} could not be read: {error}"
                    )
            case Fetch(key):
                try:
                    path, is_new = await self._tools.blobs.get_file(key, self._tools.scratch)
                    return Fetched(path, is_new)
                except MillstreamError as error:
                    return Fetched("", error=f"an XCom could not be read: {error}")
            case Store(name):
                try:
                    return Told(await self._store(name))
                except MillstreamError as error:
                    return Told(error=f"an XCom could not be stored: {error}")
            case AskAssets(asked):
                try:
                    return ToldAssets(msgspec.Raw(await self._asset_events(asked)))
                except MillstreamError as error:
                    return ToldAssets(
                        msgspec.Raw(b"null"), f"updates of assets could not be read: {error}"
                    )
            case Find():
                return await self._tools.secrets.find(question, self.where.namespace, self._look_up)
            case Change():
                return await self._change(question)
            case AskStates(question=data):
                tools = self._tools
                try:
                    found = await find_states(tools.bus, tools.shard, self.where.namespace, data)
                    return Told(found.decode())
                except msgspec.MsgspecError as error:
                    return Told(error=str(error))
            case _:
                return Told()

    async def _store(self, name: str) -> str:
        path = self._tools.scratch / Path(name).name
        try:
            return await self._tools.blobs.put_file(path)
        finally:
            path.unlink(missing_ok=True)

    async def _asset_events(self, asked: AssetEventsQuestion) -> bytes:
        where = self.where
        question = AssetQuestion(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            asked=asked,
            position=self._position,
        )
        return await self._look_up("assets", encode_question(question))

    async def _change(self, change: Change) -> Told:
        """Only the attempt that runs may change something, so its claim comes first."""
        claim = self._claim or self._start_report()
        if (await claim).is_refused:
            return Told(error="another worker has the attempt")
        self._changes += 1
        command_id = f"{self.token}/variable/{self._changes}"
        held = Claim(where=self.where, worker=self._tools.worker, token=self.token)
        return await self._tools.secrets.change(change, held, command_id)

    async def _pull(self, pull: XComPull) -> bytes:
        where, run = self.where, self._ready.run
        is_dated = pull.include_prior_dates and pull.run_id in ("", where.run_id)
        question = XComQuestion(
            namespace=where.namespace,
            dag_id=pull.dag_id or where.dag_id,
            run_id=pull.run_id or where.run_id,
            pull=pull,
            position=self._position,
            until=(run.logical_date or run.run_after) if is_dated else None,
        )
        return await self._look_up("xcom", encode_question(question))

    async def _look_up(self, what: str, question: bytes) -> bytes:
        """Ask the projector, patiently: it may be restarting."""
        subject = lookup_subject(self._tools.shard, what)
        for _ in range(LOOKUP_TRIES - 1):
            try:
                return await self._tools.bus.ask(subject, question, LOOKUP_TIMEOUT_S)
            except Unavailable:
                await asyncio.sleep(0.2)
        return await self._tools.bus.ask(subject, question, LOOKUP_TIMEOUT_S)

    def _feed(self, source: str, data: bytes) -> None:
        self._output.feed(source, data)
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            self._flushing = loop.call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._publish_output(is_last=False)

    def _publish_output(self, is_last: bool) -> None:
        if is_last and self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        where = self.where
        for message in self._output.take(is_last):
            subject = log_subject(where.run_id, where.task_id, where.map_index, where.attempt)
            try:
                self._tools.bus.send(subject, message)
            except Unavailable:
                log.warning("log_lines_lost", task_id=self.where.task_id)
