"""What is tried when everything is over and well: messages that are rubbish, a stream that has lost
its end, a Postgres that was restored from an older backup."""

from __future__ import annotations

import asyncio
from typing import Any

from millstream.core.commands import SetPool
from simulation import faults
from simulation.checks import Violation, check_stream, open_runs, require
from simulation.stage import Stage
from simulation.workload import NAMESPACE

CALM_S = 8.0
SETTLED_WITHIN_S = 900.0
POISON_DELAYS_S = 1.0
REFUSED_WITHIN_S = 6.0


async def play(stage: Stage) -> None:
    """Some seeds try this, some that, since each takes a while."""
    match stage.random.randrange(6):
        case 0:
            await poison(stage)
        case 1:
            await relay_again(stage)
        case 2:
            await restore(stage)


async def poison(stage: Stage) -> None:
    """25: what nobody can read delays the others by less than a second."""
    for subject in faults.POISONED:
        for data in faults.POISONS:
            stage.broker.receive(None, subject, data, "", b"")
    began = stage.loop.time()
    command = SetPool(id="after-poison", namespace=NAMESPACE, name="after", slots=1)
    receipt = await stage.request(command)
    waited_s = stage.loop.time() - began
    require(25, receipt is not None and waited_s < POISON_DELAYS_S, f"it took {waited_s:.3f} s")


async def relay_again(stage: Stage) -> None:
    """5: the end of the stream is relayed once more, and nothing changes but the stream."""
    position, runs = stage.postgres.position, len(stage.script.executions)
    at_work = open_runs(stage)
    stage.broker.stop()
    stage.broker.jetstream.lose_tail("EVENTS_0", 40)
    stage.broker.start()
    await settle(stage)
    check_stream(stage)
    # The schedule may go on meanwhile.
    known = {(each.record.dag_id, each.record.run_id) for each in stage.postgres.events[:position]}
    # What was asked for once more may go on.
    known.difference_update(at_work)
    news = [each.record for each in stage.postgres.events[position:]]
    known.difference_update(_asked_for(news, known))
    begun = [one.where for one in stage.script.executions[runs:]]
    again = [str(where) for where in begun if (where.dag_id, where.run_id) in known]
    require(5, not again, f"it ran once more: {again[:2]}")
    more = [r.position for r in news if r.run_id and (r.dag_id, r.run_id) in known]
    require(5, not more, f"events that nobody asked for: {more[:3]}")


def _asked_for(news: list[Any], known: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The runs that a task of another run, of one that is not known, has asked to run again."""
    asked: set[tuple[str, str]] = set()
    theirs: set[str] = set()
    for record in news:
        run = (record.dag_id, record.run_id)
        if run not in known or run in asked:
            theirs.add(record.causation)
        elif record.type == "RunReopened" and record.causation in theirs:
            asked.add(run)
    return asked


async def restore(stage: Stage) -> None:
    """31: a Postgres that is older than its stream is refused, and both positions are named."""
    for role in stage.roles.values():
        if not role.name.startswith("scheduler"):
            continue
        assert role.process is not None
        stage.is_closing = True  # nobody starts it again
        stage.kill(role)
    position, older = stage.postgres.position, max(stage.postgres.position - 3, 1)
    del stage.postgres.events[older:]
    stage.start(stage.roles["scheduler1"])
    await asyncio.sleep(REFUSED_WITHIN_S)
    grown = stage.postgres.position != older
    require(31, not grown, f"after {older} of {position} events the log grew")
    said = [each.error for each in stage.ended if each.name.startswith("scheduler1#")][-1:]
    names_both = said and str(older) in said[0] and str(position) in said[0]
    require(31, names_both and "STORE_BEHIND" in said[0], f"{older} of {position}: {said}")


async def settle(stage: Stage) -> None:
    """Until the stream and the read tables have everything, for a while."""
    deadline = stage.loop.time() + SETTLED_WITHIN_S
    calm_since, last = stage.loop.time(), -1
    while stage.loop.time() < deadline:
        position = stage.postgres.position
        stream = stage.broker.jetstream.streams.get("EVENTS_0")
        is_even = (
            stream is not None
            and stream.last == position
            and stage.postgres.tables.checkpoint.position == position
        )
        if position != last or not is_even:
            calm_since, last = stage.loop.time(), position
        elif stage.loop.time() - calm_since > CALM_S:
            return
        await asyncio.sleep(0.5)
    stream = stage.broker.jetstream.streams.get("EVENTS_0")
    raise Violation(
        f"I20: log {stage.postgres.position}, stream {stream and stream.last}, "
        f"tables {stage.postgres.tables.checkpoint.position}"
    )
