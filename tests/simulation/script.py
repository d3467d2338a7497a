"""What tasks and triggers do: drawn from the seed and from what an attempt is of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from millstream.core.asset_conditions import AliasRef, AssetRef
from millstream.core.asset_events import AssetEventsQuestion
from millstream.core.deferral import InputRequest, TriggerCall
from millstream.core.event_parts import AssetEmission, Choice, Where
from millstream.core.reports import RunRequest
from millstream.core.run_states import StatesQuestion
from millstream.core.spec import CallbackAction, DagSpec, TaskSpec
from millstream.core.xcoms import XComPull, XComQuery
from millstream.sdk.attempts import Attempt, Firing, Outcome, Pause
from millstream.sdk.states import encode_question
from millstream_worker.frames import (
    AskAssets,
    AskStates,
    Change,
    Fetch,
    Fetched,
    Find,
    Pull,
    Pulled,
    Told,
)
from simulation.clock import wall
from simulation.loop import Life, Process

DURATIONS_S = (0.0, 0.001, 0.002, 0.01, 0.2, 1.0, 5.0)
VARIABLE = "password"
LONGEST_WAIT_S = 40.0
TRIGGER = TriggerCall(classpath="simulated.Trigger")

Ask = Callable[[Any], Awaitable[Any]]


@dataclass
class Execution:
    """One time that user code ran, as the world outside saw it. Times are of the simulation."""

    where: Where
    worker: Process
    began_s: float
    position: int
    ended_s: float = -1.0
    outcome: str = ""
    # Its processes stood still for a while.
    was_paused: bool = False

    @property
    def is_over(self) -> bool:
        return self.ended_s >= 0 or self.worker.life is Life.DEAD


@dataclass
class PulledXCom:
    """What a task asked of another one's XCom, and what it was told when the log was at
    ``position``."""

    where: Where
    parent: str
    began: int
    position: int
    answer: bytes


@dataclass
class Script:
    """What tasks do. ``dags`` has what was submitted last; ``executions`` is what happened.
    ``is_calm``: nothing hangs and nothing dies any more. ``planted``: what nobody may read but
    the tasks."""

    seed: str
    position: Callable[[], int]
    dags: dict[str, DagSpec] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    is_calm: bool = False
    pulled: list[PulledXCom] = field(default_factory=list)
    planted: str = ""
    secrets_found: int = 0
    damaged: list[str] = field(default_factory=list)

    def random(self, attempt: Attempt) -> Random:
        about = (attempt.dag_id, attempt.run_id, attempt.task_id, attempt.map_index)
        return Random(f"{self.seed}/{about}/{attempt.attempt}")

    def spec(self, attempt: Attempt) -> TaskSpec | None:
        dag = self.dags.get(attempt.dag_id)
        tasks = dag.tasks if dag is not None else ()
        return next((task for task in tasks if task.task_id == attempt.task_id), None)

    # --- tasks

    async def work(
        self, attempt: Attempt, ask: Ask, say: Callable[[bytes], None], die: Callable[[], None]
    ) -> Outcome:
        """What the code of an attempt does."""
        random = self.random(attempt)
        fate = random.random()
        await asyncio.sleep(random.choice(DURATIONS_S) * random.uniform(0.5, 1.5))
        if isinstance(attempt.action, CallbackAction):
            return Outcome(kind="failed" if fate < 0.05 else "success", message="drawn")
        spec = self.spec(attempt)
        if spec is not None:
            for parent in spec.upstream[:2]:
                if random.random() < 0.5 and not await self._pull(attempt, ask, parent):
                    return Outcome(kind="failed", error_type="OSError", message="no XCom")
            await self._ask_around(attempt, spec, random, ask, say)
        if not self.is_calm:
            if fate < 0.02:
                await asyncio.sleep(random.uniform(30, 400))
            elif fate < 0.05:
                die()
                await asyncio.sleep(1)
        return make_outcome(random, spec, attempt, self.dags)

    async def _ask_around(
        self,
        attempt: Attempt,
        spec: TaskSpec,
        random: Random,
        ask: Ask,
        say: Callable[[bytes], None],
    ) -> None:
        """Variables, updates of assets, how other runs stand."""
        roll = random.random()
        if roll < 0.03 and self.planted:
            told = await ask(Find("variable", VARIABLE))
            assert isinstance(told, Told)
            if told.value:
                self.secrets_found += 1
                say(b"the password is " + told.value.encode() + b"\n")
        elif roll < 0.045:
            await ask(Change("counter", str(attempt.attempt)))
        elif roll < 0.07 and attempt.run.run_type == "asset_triggered":
            await ask(AskAssets(AssetEventsQuestion()))
        elif roll < 0.12 and spec.operator == "Sensor":
            dates = (attempt.run.run_after,)
            question = StatesQuestion(dag_id="dag0", logical_dates=dates, wait_s=1.0)
            await ask(AskStates(encode_question(question)))

    async def _pull(self, attempt: Attempt, ask: Ask, parent: str) -> bool:
        query = XComQuery(task_id=parent, key="return_value", under=True)
        began = self.position()
        told = await ask(Pull(XComPull(queries=(query,))))
        assert isinstance(told, Pulled)
        if told.error:
            return False
        answer = bytes(told.answer)
        self.pulled.append(PulledXCom(where_of(attempt), parent, began, self.position(), answer))
        for found in (msgspec.json.decode(answer) or {}).get("found", ())[:1]:
            key = found["xcom"].get("blob", "")
            if key:
                fetched = await ask(Fetch(key))
                assert isinstance(fetched, Fetched)
                if fetched.error:
                    return False
                with open(fetched.path, "rb") as file:  # noqa: ASYNC230 - there is no other time
                    if hash_of(file.read()) != key:
                        self.damaged.append(key)
        return True

    # --- triggers

    async def watch(self, where: Where) -> Firing:
        """What a trigger does."""
        random = Random(f"{self.seed}/trigger/{where}")
        fate = random.random()
        await asyncio.sleep(random.choice([0.0, 0.01, 0.5, 5.0, 20.0]))
        if fate < 0.05 and not self.is_calm:
            await asyncio.Event().wait()
        cause = "event"
        if fate > 0.8:
            cause = random.choice(["success", "failed", "skipped", "error"])
        payload = b'{"n":%d}' % random.randrange(9)
        return Firing(cause=cause, payload=payload, message="drawn")  # type: ignore[arg-type]


def hash_of(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def where_of(attempt: Attempt) -> Where:
    return Where(
        attempt.namespace,
        attempt.dag_id,
        attempt.run_id,
        attempt.task_id,
        attempt.map_index,
        attempt.attempt,
    )


def make_outcome(
    random: Random, spec: TaskSpec | None, attempt: Attempt, dags: dict[str, DagSpec]
) -> Outcome:
    """How an attempt ends: mostly well."""
    roll = random.random()
    operator = spec.operator if spec is not None else ""
    if attempt.resume is not None and attempt.resume.cause in ("timeout", "failed", "error"):
        return Outcome(kind="failed", error_type="TaskDeferralTimeout", message="drawn")
    if roll < 0.10:
        delay_s = random.choice([None, None, 0.5, 3.0])
        return Outcome(
            kind="failed",
            error_type="ValueError",
            message="drawn",
            may_retry=random.random() < 0.8,
            retry_delay_s=delay_s,
        )
    if roll < 0.14:
        return Outcome(kind="skipped", message="drawn")
    if roll < 0.30 and operator == "Sensor":
        return Outcome(kind="rescheduled", until=wall() + timedelta(seconds=random.uniform(0.1, 9)))
    pause = _pause(random, operator)
    if pause is not None and (attempt.resume is None or roll < 0.2):
        return Outcome(kind="deferred", pause=pause)
    value: Any = list(range(random.randrange(4)))
    if random.random() < 0.05:
        value = ["large"] * 30
    return Outcome(
        kind="success",
        xcoms={"return_value": msgspec.json.encode(value)},
        choice=_choice(random, spec, attempt, dags) if roll < 0.8 else None,
        assets=_updates(random, spec),
        runs=_runs(random, operator, attempt, dags),
    )


def _pause(random: Random, operator: str) -> Pause | None:
    timeout_s = random.choice([5.0, LONGEST_WAIT_S])
    match operator:
        case "Defer":
            return Pause(method="go_on", trigger=TRIGGER, timeout_s=timeout_s)
        case "Sleep":
            wake_at = wall() + timedelta(seconds=random.uniform(0, 9))
            return Pause(method="go_on", wake_at=wake_at, payload=b"1")
        case "Ask":
            defaults = random.choice([None, ("no",)])
            request = InputRequest(subject="?", options=("yes", "no"), defaults=defaults)
            return Pause(method="go_on", request=request, timeout_s=timeout_s)
    return None


def _choice(
    random: Random, spec: TaskSpec | None, attempt: Attempt, dags: dict[str, DagSpec]
) -> Choice | None:
    if spec is None or spec.operator not in ("Branch", "Short"):
        return None
    if spec.operator == "Short":
        return Choice(skip=random.choice(["direct", "all"]))
    below = [t.task_id for t in dags[attempt.dag_id].tasks if spec.task_id in t.upstream]
    return Choice(follow=tuple(name for name in below if random.random() < 0.5))


def _updates(random: Random, spec: TaskSpec | None) -> tuple[AssetEmission, ...]:
    found = []
    for outlet in spec.outlets if spec is not None else ():
        if random.random() < 0.5:
            continue
        if isinstance(outlet, AssetRef):
            found.append(AssetEmission(name=outlet.name, uri=outlet.uri, extra={"n": 1}))
        elif isinstance(outlet, AliasRef):
            found.append(AssetEmission(name="z", uri="sim://z", alias=outlet.name))
    return tuple(found)


def _runs(
    random: Random, operator: str, attempt: Attempt, dags: dict[str, DagSpec]
) -> tuple[RunRequest, ...]:
    """Only of DAGs that come later, so that no two start each other for ever."""
    later = [name for name in dags if name > attempt.dag_id]
    if operator != "Trigger" or not later:
        return ()
    return (
        RunRequest(
            dag_id=random.choice(later),
            run_id=random.choice(["", "asked"]),
            reset=random.random() < 0.4,
            skip_when_already_exists=random.random() < 0.5,
            fail_when_dag_is_paused=random.random() < 0.2,
        ),
    )
