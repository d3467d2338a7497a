"""One seed: a time of faults, a time of healing, and the checks."""

from __future__ import annotations

import asyncio
import hashlib
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import millstream_projector.__main__
import millstream_scheduler.__main__
import millstream_worker.__main__
from millstream.core.commands import ApiCommand, MarkRun, SetDagPaused
from millstream.core.errors import MillstreamError, Refused
from millstream.core.receipts import Receipt
from simulation import checks, epilogue, faults, nats, postgres, workload
from simulation.checks import Violation, require
from simulation.dags import draw_dag
from simulation.loop import SimulatedLoop, Stuck
from simulation.script import Script
from simulation.stage import Stage, api_main, make_directory, replaced

CHAOS_S = (20.0, 60.0, 150.0)
HEALED_WITHIN_S = 900.0
# No schedule makes a run after this second of the simulation.
SCHEDULES_END_S = 10.0
HANGING_S = 60.0
# Whole simulations: see ``play_each``.
KEPT: list[Stage] = []


@dataclass
class Report:
    """What became of a seed. ``fingerprint``: equal for equal histories."""

    seed: str
    error: str = ""
    fingerprint: str = ""
    events: int = 0
    executions: int = 0
    simulated_s: float = 0.0
    steps: int = 0
    faults: list[str] = field(default_factory=list)


def play(seed: str, directory: Path) -> Report:
    """Runs one seed. Never raises for what the system does wrong: the report says it."""
    report = Report(seed)
    loop = SimulatedLoop()
    random = Random(f"millstream/{seed}")
    server = postgres.Server(loop, Random(f"postgres/{seed}"))
    stage = Stage(
        loop=loop,
        random=random,
        directory=make_directory(directory, seed),
        broker=nats.Broker(loop, Random(f"nats/{seed}")),
        postgres=server,
        script=Script(seed, lambda: server.position, planted=f"correct-horse-{seed}-battery"),
    )
    with replaced(stage):
        try:
            loop.run_until_complete(_play(stage, report))
        except (Violation, Stuck) as error:
            report.error = _root_of(stage, str(error))
        except Exception as error:  # a fault of the simulation is told like any other
            report.error = "".join(traceback.format_exception(error))
        finally:
            stage.is_closing = True
            KEPT.append(stage)
    report.events = server.position
    report.executions = len(stage.script.executions)
    report.simulated_s, report.steps = loop.time(), loop.steps
    digest = server.events[-1].digest.hex() if server.events else ""
    report.fingerprint = hashlib.sha256(f"{digest}{loop.steps}".encode()).hexdigest()[:12]
    return report


def _root_of(stage: Stage, error: str) -> str:
    """What does not end has often something in its log that must not be there."""
    if not error.startswith("I20:"):
        return error
    try:
        checks.check_fences(stage)
        checks.check_log(stage)
    except Violation as found:
        return f"{found}; {error}"
    return error


async def _play(stage: Stage, report: Report) -> None:
    random, loop = stage.random, stage.loop
    plan = faults.draw_plan(random)
    chaos_s = random.choice(CHAOS_S)
    _watch_commits(stage)
    for number in (1, 2):
        stage.add(f"scheduler{number}", millstream_scheduler.__main__.main)
        stage.add(f"projector{number}", millstream_projector.__main__.main)
        stage.add(f"api{number}", lambda service: api_main(stage, service))
        stage.add(
            f"worker{number}", millstream_worker.__main__.main, slots=random.choice([1, 2, 4])
        )
    for role in stage.roles.values():
        stage.start(role)
    specs = [draw_dag(random, number) for number in range(random.randint(1, 4))]
    stage.script.dags = {spec.dag_id: spec for spec in specs}
    requests = workload.draw_requests(random, specs, chaos_s, stage.script.planted)
    receipts: dict[str, list[Receipt]] = {}
    stage.has_only_clocks = plan.kinds == ("clock",) and not plan.weathers
    stage.broker.planted = stage.script.planted.encode()
    faults.begin(stage, plan)
    asking = [asyncio.ensure_future(_ask(stage, at, each, receipts)) for at, each in requests]
    breaking = asyncio.ensure_future(faults.go_wrong(stage, plan))
    await asyncio.sleep(chaos_s)
    breaking.cancel()
    report.faults = plan.done
    faults.heal(stage)
    await _until_answered(asking)
    await _end(stage, specs, receipts)
    again = [asyncio.ensure_future(_ask(stage, 0, each, receipts)) for _, each in requests]
    await _until_answered(again)
    await epilogue.settle(stage)
    checks.check_fences(stage)
    checks.check_queues(stage)
    checks.check_log(stage)
    checks.check_receipts(stage, receipts)
    checks.check_limits(stage)
    checks.check_executions(stage)
    checks.check_xcoms(stage)
    checks.check_stream(stage)
    checks.check_folds(stage)
    checks.check_secrets(stage)
    await epilogue.play(stage)
    for trouble in loop.trouble:
        raise trouble


def _watch_commits(stage: Stage) -> None:
    """What must hold at each moment: the stream never knows more than the log."""

    def on_event(subject: str, sequence: int, data: bytes) -> None:
        if subject.startswith("ms.ev."):
            require(4, sequence <= stage.postgres.position, f"the stream is ahead: {sequence}")

    stage.broker.jetstream.on_event = on_event


async def _ask(
    stage: Stage, at_s: float, command: ApiCommand, receipts: dict[str, list[Receipt]]
) -> None:
    """As a client does: again with the same id until there is an answer."""
    await asyncio.sleep(at_s)
    while True:
        try:
            receipt = await stage.request(command)
        except Refused as error:
            receipt = Receipt(id=command.id, reason=error.reason, message=str(error))
        except MillstreamError:
            receipt = None
        if receipt is not None:
            at = f"{receipt.id}: a receipt for {receipt.position}"
            require(3, receipt.position <= stage.postgres.position, at)
            receipts.setdefault(command.id, []).append(receipt)
            return
        await asyncio.sleep(0.5)


async def _until_answered(asking: Sequence[asyncio.Future[Any]]) -> None:
    done, waiting = await asyncio.wait(asking, timeout=HEALED_WITHIN_S)
    require(20, not waiting, f"{len(waiting)} requests got no answer")
    for each in done:
        each.result()


async def _end(stage: Stage, specs: list[Any], receipts: dict[str, list[Receipt]]) -> None:
    """20: when faults end, everything ends. The DAGs that were paused go on first."""
    await _unpause(stage, specs, receipts, "")
    await asyncio.sleep(SCHEDULES_END_S)
    dependent = {spec.dag_id for spec in specs if any(task.depends_on_past for task in spec.tasks)}
    marked, deadline, patience_ends = 0, 0.0, stage.loop.time() + HANGING_S
    last: list[tuple[str, str]] = []
    while True:
        hanging = checks.open_runs(stage)
        if not hanging:
            return
        if hanging != last:
            # There may be many that go one by one.
            last, deadline = hanging, stage.loop.time() + HEALED_WITHIN_S
        require(20, stage.loop.time() < deadline, f"not over: {hanging[:5]}")
        await asyncio.sleep(2)
        if stage.loop.time() > patience_ends:
            patience_ends += HANGING_S
            # Those that failed too often have been paused again.
            await _unpause(stage, specs, receipts, f"-{patience_ends:.0f}")
            # What depends on a past that failed waits for somebody to decide.
            for dag_id, run_id in hanging:
                if dag_id in dependent:
                    marked += 1
                    await _ask(stage, 0, _fail(marked, dag_id, run_id), receipts)


async def _unpause(
    stage: Stage, specs: list[Any], receipts: dict[str, list[Receipt]], again: str
) -> None:
    commands = [
        SetDagPaused(
            id=f"unpause-{spec.dag_id}{again}",
            namespace=workload.NAMESPACE,
            dag_id=spec.dag_id,
            is_paused=False,
        )
        for spec in specs
    ]
    await asyncio.gather(*(_ask(stage, 0, command, receipts) for command in commands))


def _fail(number: int, dag_id: str, run_id: str) -> MarkRun:
    about = {"namespace": workload.NAMESPACE, "dag_id": dag_id, "run_id": run_id}
    return MarkRun(id=f"mark-{number}", **about, state="failed")
