"""One attempt, from its ready event to its report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import structlog

from millstream.adapters import telemetry
from millstream.adapters.bus import TooLarge
from millstream.adapters.failpoints import is_on, reach, reach_flushed
from millstream.core.errors import MillstreamError
from millstream.core.event_parts import Where
from millstream.core.known_xcoms import KnownXComs
from millstream.core.lanes import ASYNC
from millstream.core.receipts import Receipt
from millstream.core.reports import FailAttempt, StartAttempt
from millstream.core.spec import PythonAction
from millstream.core.state import run_key
from millstream.core.task_events import TaskReady
from millstream.sdk.attempts import Attempt, FinishReport
from millstream_worker.answers import Answers
from millstream_worker.children import ChildDied
from millstream_worker.code import Code
from millstream_worker.frames import Done, Run
from millstream_worker.heartbeats import now_s
from millstream_worker.hosts import GivenBack, Seat
from millstream_worker.places import Place
from millstream_worker.results import Results, closing_words, without_rendered
from millstream_worker.tools import Tools
from millstream_worker.turns import Recalled, Turn

log = structlog.get_logger(__name__)
T = TypeVar("T")

# What the scheduler says of a result that it cannot take, and never will.
NEVER_TAKEN = ("MALFORMED", "TOO_LARGE", "INVALID_ID", "NOT_ALLOWED")
# An attempt that takes longer claims before its result does.
EARLY_S = 0.01
NO_CONTACT = "no contact with NATS for three quarters of the lease"


class _Abandoned(Exception):
    """Another attempt will be made, and this one says nothing: the worker stops, say."""


class AttemptKilled(MillstreamError):
    """The worker ended the attempt; the text says why."""

    reason = "ATTEMPT_KILLED"


class Running:
    """An attempt of this worker. ``on_decided`` is called once, when its claim is decided either
    way. What has devices of its own gets a process of its own."""

    def __init__(
        self,
        tools: Tools,
        where: Where,
        ready: TaskReady,
        position: int,
        trace: str,
        token: str,
        on_decided: Callable[[], None],
        place: Place,
        known: KnownXComs | None = None,
    ) -> None:
        self.where = where
        self.token = token
        self.is_exclusive = ready.exclusive
        self._environment = dict(place.environment)
        self._known = known or {}
        self._position = position
        self._tools = tools
        self._ready = ready
        self._trace = trace
        self._on_decided = on_decided
        self._place = place
        self._started_at = datetime.now(UTC)
        self._child: Turn | Seat | None = None
        self._waiting: asyncio.Future[Any] | None = None
        # In its process; None: it has not got so far.
        self.lasted_s: float | None = None
        self._claim: asyncio.Future[Receipt] | None = None
        self._is_claim_lost = False
        self._is_abandoned = False
        self._is_stopped = False
        # It ended through no fault of its own: the scheduler is to make another at once.
        self.is_given_back = False
        self._check: asyncio.Future[Receipt] | None = None
        self._checks = 0
        self._task: asyncio.Task[None] | None = None
        self._began_at = now_s()
        self._killed_because = ""
        self._log = tools.logs.open(where, token)
        self._answers = Answers(tools, where, ready.run, position, token, self._held_claim)
        self._results = Results(tools, where, ready, token)

    def kill(self, because: str) -> None:
        """End the attempt's child; the attempt is reported as failed for this reason."""
        self._killed_because = self._killed_because or because
        if self._waiting is not None:
            self._waiting.cancel()
        if self._child is not None:
            self._child.kill()

    def abandon(self, because: str = "the worker was stopped") -> None:
        """End it without a report: that is no failure of the task."""
        self._is_abandoned = True
        self.kill(because)

    def give_back(self, grace_s: float) -> None:
        """As `abandon`, but the task may clean up (``on_kill``) for a while."""
        self._is_abandoned = True
        self._killed_because = self._killed_because or "the worker was stopped"
        if self._child is not None:
            self._child.stop(grace_s)
        elif self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Wait until nothing of it runs any more."""
        if self._task is not None:
            await asyncio.wait({self._task})

    @property
    def is_abandoned(self) -> bool:
        return self._is_abandoned

    @property
    def has_begun(self) -> bool:
        """Is there a process at work?"""
        return self._child is not None and self._child.has_begun

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
        if self._waiting is not None:
            self._waiting.cancel()
        if self._child is not None:
            if self.is_exclusive:
                self._child.kill()
            else:
                self._child.stop(self._tools.settings.kill_grace_s, because)

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
        self._task = asyncio.current_task()
        if is_claimed_first:
            await self._place.slot()  # what is claimed has a slot
            if not await self._claim_first():
                return
        try:
            report = await self._outcome()
        except _Abandoned:
            self._end_log(None)
            return
        except Exception as error:  # without a report nobody would ever try again
            if not isinstance(error, MillstreamError):
                log.exception("attempt_failed_inside", task_id=self.where.task_id)
            report = self._failed(type(error).__name__, str(error))
        try:
            if not self._is_claim_lost:
                self._send(report)
                if is_on():
                    await reach_flushed("worker.reported", self._tools.bus.flush)
        finally:
            self._end_log(report)

    def _send(self, report: FinishReport) -> None:
        try:
            try:
                receipt = self._tools.reports.send(report)
            except TooLarge:  # what is only shown to people keeps no result away
                receipt = self._tools.reports.send(without_rendered(report))
        except TooLarge as error:
            receipt = self._tools.reports.send(self._failed("ResultTooLarge", str(error)))
        receipt.add_done_callback(self._reported)
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

    def _end_log(self, report: FinishReport | None) -> None:
        """What is said about the end; nothing of an attempt that is well and printed nothing."""
        if self._is_claim_lost:
            self._log.discard()
            return
        if isinstance(report, FailAttempt) or not self._log.is_empty:
            words = closing_words(report, self._killed_because)
            self._log.note(*words)
        self._log.finish()

    def _reported(self, receipt: asyncio.Future[Receipt]) -> None:
        """A result that the scheduler never takes is a failure that says why."""
        self._on_decided()
        if receipt.cancelled() or receipt.result().reason not in NEVER_TAKEN:
            return
        failed = self._failed("ResultRefused", receipt.result().message)
        self._tools.reports.send(msgspec.structs.replace(failed, id=f"{self.token}/refused"))

    def _failed(self, error_type: str, message: str) -> FailAttempt:
        return self._results.failed(error_type, message, self._started_at)

    # --- the claim

    async def _claim_first(self) -> bool:
        """Wait until the claim is accepted: for exclusive tasks, and for events that may be old. An
        answer that comes late may be true no more: this process, or the scheduler, stood still."""
        asked_at = now_s()
        is_refused = (await self._start_report()).is_refused
        patience_s = self._tools.settings.lease_s / 2
        while not is_refused and self.is_exclusive and now_s() - asked_at > patience_s:
            asked_at = now_s()
            self._checks += 1
            check = self._start_attempt(f"check-{self._checks}")
            is_refused = (await self._tools.reports.send(check)).is_refused
        return not is_refused

    def _held_claim(self) -> asyncio.Future[Receipt]:
        return self._claim or self._start_report()

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
        if self.is_claimed:
            reach("worker.claimed")
        self._on_decided()
        if not claim.cancelled() and claim.result().is_refused:
            self._is_claim_lost = True
            self.stop("another worker has the attempt")

    # --- the run

    async def _outcome(self) -> FinishReport:
        ready, code = self._ready, self._tools.code
        held = code.at_hand(ready.bundle, ready.file) or await self._fetch_code()
        try:
            return await self._outcome_of(held)
        finally:
            code.give_back(held)

    async def _fetch_code(self) -> Code:
        """To make an environment may take minutes: the attempt is claimed, so that its lease is
        kept, and others may have its slot."""
        self._raise_if_stopped()
        self._held_claim()
        async with self._place.away():
            return await self._wait_for(
                self._tools.code.fetch(self._ready.bundle, self._ready.file)
            )

    async def _wait_for(self, what: Awaitable[T]) -> T:
        """For something that comes before its process; whoever ends the attempt ends that."""
        waiting: asyncio.Future[T] = asyncio.ensure_future(what)
        self._waiting = waiting
        try:
            return await waiting
        except asyncio.CancelledError:
            if not self._killed_because:
                raise
            self._raise_if_killed()
            raise
        finally:
            self._waiting = None

    def _raise_if_killed(self) -> None:
        if self._is_abandoned:
            raise _Abandoned
        if self._killed_because:
            raise AttemptKilled(self._killed_because)

    async def _outcome_of(self, code: Code) -> FinishReport:
        ready, tools = self._ready, self._tools
        conf = ready.run.conf if ready.run.conf is not None else await self._answers.conf()
        known = tools.pulls.known(run_key(self.where), self._position)
        known = {**known, **self._known}
        run = Run(self._attempt(conf), code.folder, ready.file, self._environment, known)
        self._raise_if_stopped()
        child: Turn | Seat | None = None
        try:
            child = await self._begin(run, code)
            self._guard(child)
            done = await self._to_its_end(child)
            self.lasted_s = (done.ended_at - done.started_at).total_seconds()
        except ChildDied as error:
            is_guarded = self.is_exclusive and tools.heartbeats.was_lost_since(self._began_at)
            if self._is_abandoned or is_guarded:
                raise _Abandoned from error
            if self._killed_because:
                return self._failed("AttemptKilled", self._killed_because)
            return self._failed("ChildDied", str(error))
        except GivenBack as error:
            self.is_given_back = not self._is_abandoned
            raise _Abandoned from error
        except TimeoutError as error:
            if self._is_abandoned:
                raise _Abandoned from error
            message = f"execution_timeout of {ready.execution_timeout_s:g} s is over"
            if isinstance(error.__cause__, ChildDied):
                grace_s = tools.settings.kill_grace_s
                message += f"; the task was killed, since it did not end within {grace_s:g} s"
            return self._failed("AirflowTaskTimeout", message)
        finally:
            # From here on it is another attempt's: a late refusal of our claim must not kill it.
            self._child = None
            self._answers.close()
            if child is not None:
                self._leave(child)
        if self._is_abandoned and done.outcome.kind == "failed":
            raise _Abandoned  # that is how it was stopped
        return await self._results.of(done)

    @property
    def _shares_loop(self) -> bool:
        """Does it run beside others? What asks for more than that has a child of its own."""
        ready = self._ready
        is_alone = ready.exclusive or ready.isolation == "fresh" or len(ready.resources) > 1
        return ASYNC in ready.resources and isinstance(ready.action, PythonAction) and not is_alone

    def _raise_if_stopped(self) -> None:
        if self._is_stopped:
            raise _Abandoned

    async def _begin(self, run: Run, code: Code) -> Turn | Seat:
        """Returns when a process is at it. Raises :class:`ChildDied`."""
        if self._place.is_behind and self._may_wait_in_line:
            turn = await self._turn_behind(run, code)
            if turn is not None:
                return turn
        if self._place.is_behind:
            await self._wait_for(self._place.slot())
        ready, tools = self._ready, self._tools
        if self._shares_loop:
            seat = await tools.hosts.acquire(ready.bundle, code.python)
            self._child = seat
            self._log.masker = seat.masker
            seat.begin(run, self._answers.answer, self._log.feed)
            return seat
        is_fresh = ready.isolation == "fresh" or bool(self._environment)
        child = await tools.children.acquire(ready.bundle, code.python, fresh=is_fresh)
        self._log.masker = child.masker
        try:
            turn = self._child = child.give(run, self._answers.answer, self._log.feed)
        except ChildDied:
            tools.children.release(child)
            raise
        return turn

    def _guard(self, child: Turn | Seat) -> None:
        """What was asked for before there was a process."""
        if self._killed_because:
            child.kill()
        if self.is_exclusive:
            self._tools.guarding.exclusive(child.pid, True)
            if self._tools.heartbeats.was_lost_since(self._began_at):
                self.abandon(NO_CONTACT)

    def _leave(self, child: Turn | Seat) -> None:
        if self.is_exclusive:
            self._tools.guarding.exclusive(child.pid, False)
        if isinstance(child, Turn):
            self._tools.children.release(child.child)

    async def _turn_behind(self, run: Run, code: Code) -> Turn | None:
        """In the line of a child; None where it does not come to it."""
        child = self._tools.children.behind_others(self._ready.bundle, code.python)
        if child is None:
            return None
        self._log.masker = child.masker
        try:
            turn = self._child = child.give(run, self._answers.answer, self._log.feed)
            await turn.began
        except (Recalled, ChildDied):
            self._child = None
            self._raise_if_killed()
            return None
        except asyncio.CancelledError:
            turn.kill()
            raise
        self._place.begin()
        return turn

    @property
    def _may_wait_in_line(self) -> bool:
        is_alone = self.is_exclusive or self._ready.isolation == "fresh" or self._environment
        return not is_alone and not self._shares_loop

    async def _to_its_end(self, child: Turn | Seat) -> Done:
        """A short attempt needs no claim of its own: its result claims it as well."""
        running = child.done
        limit_s = self._ready.execution_timeout_s
        claiming = asyncio.get_running_loop().call_later(EARLY_S, self._held_claim)
        try:
            if is_on():
                await asyncio.sleep(0)  # the child has it now
                reach("worker.started")
            if limit_s is None:
                return await asyncio.shield(running)
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(running)
        except TimeoutError:
            return await self._time_out(child, running)
        finally:
            claiming.cancel()
            if not running.done():
                child.kill()
                await asyncio.gather(running, return_exceptions=True)

    async def _time_out(self, child: Turn | Seat, running: asyncio.Future[Done]) -> Done:
        """The task sees its time-out as an exception, may clean up, and says itself how that ended;
        else this raises TimeoutError."""
        limit = self._ready.execution_timeout_s
        grace_s = self._tools.settings.kill_grace_s
        child.stop(grace_s, f"execution_timeout of {limit:g} s is over", is_timeout=True)
        try:
            done = await asyncio.shield(running)
        except MillstreamError as error:
            raise TimeoutError from error
        if isinstance(child, Seat) and done.outcome.kind != "failed":
            raise TimeoutError
        return done

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
