"""Why a run has not left the queue, and why a DAG does not go on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from millstream.core.dags import Dag
from millstream.core.event_parts import Where
from millstream.core.explain_names import MOST_LOOKED_AT
from millstream.core.explanation import (
    MOST_NAMED,
    About,
    Blocker,
    Code,
    Surroundings,
    Told,
    instant,
    listed,
    plural,
)
from millstream.core.state import Run, State
from millstream.core.statuses import RunStatus


def paused(state: State, run: Run) -> Iterator[Blocker]:
    """The DAG of the run is paused."""
    dag = state.dags.get(run.key[:2])
    if dag is None or not dag.is_paused:
        return
    position, dag_id = dag.paused_position, run.key[1]
    yield Blocker(
        code=Code.DAG_PAUSED,
        text=(
            f"DAG {dag_id!r} is paused",
            Told(position, "since"),
            Told(position, "by"),
            Told(position, "why"),
            ": nothing of it starts, and what runs goes on to its end.",
        ),
        advice=f"Unpause DAG {dag_id!r}.",
        about=(About(where=Where(*run.key[:2]), state="paused", position=position),),
    )


def queued(state: State, run: Run, now: datetime, around: Surroundings) -> Iterator[Blocker]:
    """Why a run has not started, in the order in which that is decided."""
    created, run_id = run.created, run.key[2]
    if around.is_alone:
        yield from _too_early(run, now)
        yield Blocker(
            code=Code.RUN_QUEUED,
            text=(f"Run {run_id!r} is queued", Told(run.position, "since"), "."),
        )
        return
    yield from paused(state, run)
    dag = state.dags[run.key[:2]]
    backfill = dag.backfills.get(created.backfill_id)
    if backfill is not None and backfill.is_paused:
        told = backfill.paused_position
        yield Blocker(
            code=Code.BACKFILL_PAUSED,
            text=(
                f"Backfill {created.backfill_id!r}, which made the run, is paused",
                Told(told, "since"),
                Told(told, "by"),
                ".",
            ),
            advice="Unpause the backfill.",
        )
    early = list(_too_early(run, now))
    yield from early
    yield from _no_place(state, dag, run, now)
    if run_id in dag.startable(now):
        yield Blocker(
            code=Code.RUN_STARTS,
            text=(f"Run {run_id!r} starts at this moment.",),
            positions=(run.position,),
        )


def _too_early(run: Run, now: datetime) -> Iterator[Blocker]:
    created = run.created
    if created.run_after > now and not created.backfill_id:
        yield Blocker(
            code=Code.RUN_AFTER,
            text=(f"Run {run.key[2]!r} is not to start before {instant(created.run_after)}.",),
            until=created.run_after,
            positions=(run.position,),
        )


def _no_place(state: State, dag: Dag, run: Run, now: datetime) -> Iterator[Blocker]:
    """All places for runs are taken, or somebody comes first."""
    backfill_id = run.created.backfill_id
    lane, places = dag.lanes[backfill_id], dag.places(backfill_id)
    home = Where(*run.key)
    what = f"backfill {backfill_id!r}" if backfill_id else f"DAG {run.key[1]!r}"
    ids = [run_id for _, _, run_id in islice(lane.waiting, MOST_LOOKED_AT)]
    before = ids.index(run.key[2]) if run.key[2] in ids else len(ids)
    free = places - lane.running
    is_paused = dag.is_paused or (backfill_id in dag.backfills and not places)
    if free <= 0 and not (is_paused and not lane.running):
        about = tuple(_running(state, dag, run, backfill_id))
        many = "one run" if places == 1 else f"{places} runs"
        yield Blocker(
            code=Code.MAX_ACTIVE_RUNS,
            text=(
                f"Only {many} of {what} may run at a time (max_active_runs), and "
                f"{plural(lane.running, 'run')} {'does' if lane.running == 1 else 'do'}: ",
                *listed(about, lane.running, home),
                ".",
            ),
            advice="Wait for one of these runs, end one, or raise max_active_runs.",
            about=about,
            positions=(run.position,),
        )
    due = bisect_right(lane.waiting, now, key=lambda entry: entry[0])
    before = min(before, due)
    if before and before >= free:
        about = tuple(
            About(
                where=Where(*run.key[:2], run_id),
                state="queued",
                position=state.runs[*run.key[:2], run_id].position,
            )
            for run_id in ids[: min(before, MOST_NAMED)]
        )
        yield Blocker(
            code=Code.RUN_BEHIND_OTHERS,
            text=(
                f"{plural(before, 'queued run')} of {what} "
                f"{'comes' if before == 1 else 'come'} first: ",
                *listed(about, before, home),
                ".",
            ),
            about=about,
            positions=(run.position,),
        )


def _running(state: State, dag: Dag, run: Run, backfill_id: str) -> Iterator[About]:
    named = 0
    for run_id in islice(dag.runs, MOST_LOOKED_AT):
        other = state.runs[*run.key[:2], run_id]
        if other.status is RunStatus.RUNNING and other.created.backfill_id == backfill_id:
            yield About(where=Where(*other.key), state="running", position=other.started_position)
            named += 1
            if named == MOST_NAMED:
                return
