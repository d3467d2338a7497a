"""``handle``: one command to its end. The loop between ``decide``, ``evolve`` and ``react``."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from millstream.core import gate
from millstream.core.commands import (
    AnyCommand,
    ApiCommand,
    ClearTasks,
    CreateBackfill,
    CreateToken,
    LetIn,
    MarkRun,
    MarkTasks,
    RerunRun,
    SetConnection,
    SetDagPaused,
    SetVariable,
    SubmitDag,
    TriggerRun,
)
from millstream.core.decide import decide
from millstream.core.errors import Refused
from millstream.core.event_parts import Where
from millstream.core.events import (
    AssetUpdated,
    BackfillCreated,
    ConnectionSet,
    DagPaused,
    DagUnpaused,
    DagVersionSubmitted,
    Event,
    Fact,
    NothingChanged,
    RunFailed,
    RunQuarantined,
    RunSucceeded,
    TokenCreated,
    VariableSet,
)
from millstream.core.evolve import fold_legal, is_legal
from millstream.core.quarantine import put_aside, text_of
from millstream.core.react import cut_off, make_ready, react
from millstream.core.receipts import Receipt
from millstream.core.state import Instance, Run, State, instance_key, run_key
from millstream.core.task_events import TaskScheduled, TaskSucceeded


def handle(
    state: State,
    command: AnyCommand,
    actor: str,
    now: datetime,
    epoch: int,
    recalled: Run | None = None,
) -> list[Event]:
    """Decide a command, fold what it leads to into ``state``, and return the events in order.
    ``recalled``: the run that it is about, if that is over.

    Raises :class:`Refused`, and then nothing has changed. A failure of our own code puts the run
    that it is about into quarantine, or pauses the DAG, so that the others go on; a client's
    request on which it fails at once is refused and harms nobody.

    Where more wait and fit than are let in at once, ``state.limits.openings`` is not empty after
    it: it is for :class:`LetIn` to let in the others, and other commands let in nobody meanwhile.
    """
    cause = Cause(command.id, command.trace, actor, now, epoch)
    done: list[Event] = []
    lets_in = not state.limits.openings or isinstance(command, LetIn)
    try:
        begin(state, command, cause, done, recalled)
        settle(state, list(done), cause, done, gate.MOST_AT_ONCE if lets_in else 0)
    except Exception as error:
        if isinstance(error, Refused) and not done:
            raise
        is_asked = isinstance(command, ApiCommand) and not done
        is_aside = not is_asked and _quarantine(state, _about(command, done), error, cause, done)
        if not is_aside and not done:
            raise Refused(
                "INTERNAL", f"Millstream failed on this command: {text_of(error)}"
            ) from error
    return done


def handle_whole(
    state: State,
    command: AnyCommand,
    actor: str,
    now: datetime,
    epoch: int,
    recalled: Run | None = None,
) -> list[Event]:
    """As :func:`handle`, with all let in who fit, however many: for who commits nothing."""
    events = handle(state, command, actor, now, epoch, recalled)
    while state.limits.openings:
        events += handle(state, LetIn(id=command.id), actor, now, epoch)
    return events


class Cause(NamedTuple):
    """What led to an event: the command, who sent it, when, and in which epoch."""

    causation: str
    trace: str
    actor: str
    now: datetime
    epoch: int


def begin(
    state: State,
    command: AnyCommand,
    cause: Cause,
    done: list[Event],
    recalled: Run | None = None,
) -> None:
    """Only what the command itself says, without what follows from it. Raises :class:`Refused`."""
    for fact in decide(state, command, cause.now, recalled):
        _pass_gate(state, [fact], cause, done)


def settle(state: State, events: list[Event], cause: Cause, done: list[Event], most: int) -> None:
    """All that follows from events that are folded already, round by round, and then those that
    waited for room, so many at most."""
    while True:
        while events:
            events = follow(state, events, cause, done)
        first = gate.first(state) if most > 0 else None
        if first is None:
            return
        most -= 1
        events = _let_in(state, *first, cause, done)


_ENDS = (RunSucceeded, RunFailed)


def follow(state: State, events: list[Event], cause: Cause, done: list[Event]) -> list[Event]:
    """One round, as in Airflow: what follows from events that are folded already is judged as
    things stand now, so that the order of these events does not matter; then all of it is folded.
    What a branch cuts off is folded before the rest is judged. Returns the events of this round
    from which more follows.

    What fails here is about the run or the DAG of the event, and not of the command: that one may
    have ended another run, whose place is taken now."""
    first = len(done)
    for event in events:
        if type(event.data) is TaskSucceeded and event.data.choice is not None:
            try:
                _pass_gate(state, list(cut_off(state, event, cause.now)), cause, done)
            except Exception as error:
                _quarantine(state, event.where, error, cause, done)
    events = [*events, *done[first:]]
    facts: dict[tuple[Where, type, int], Fact] = {}
    failed: list[tuple[Where, Exception]] = []
    for event in events:
        try:
            following = list(react(state, event, cause.now))
        except Exception as error:
            failed.append((event.where, error))
            continue
        for fact in following:
            # A task may update one asset twice; all else happens once to what it is about.
            again = len(facts) if isinstance(fact.data, AssetUpdated) else 0
            facts.setdefault((fact.where, type(fact.data), again), fact)
    ordered = list(facts.values())
    if any(type(fact.data) is AssetUpdated for fact in ordered):  # a run ends after its updates
        ordered.sort(key=lambda fact: type(fact.data) in _ENDS)
    before = len(done)
    for where, failure in failed:
        _quarantine(state, where, failure, cause, done)
    if failed:
        _fold_each(state, ordered, cause, done)
    else:
        _fold_all(state, ordered, cause, done)
    return done[before:]


def _fold_all(state: State, facts: list[Fact], cause: Cause, done: list[Event]) -> None:
    first = len(done)
    try:
        _pass_gate(state, facts, cause, done)
    except Exception:
        folded = {(event.where, type(event.data)): None for event in done[first:]}
        left = [fact for fact in facts if (fact.where, type(fact.data)) not in folded]
        _fold_each(state, left, cause, done)


def _fold_each(state: State, facts: list[Fact], cause: Cause, done: list[Event]) -> None:
    """Fold facts of which some are about what fails, or has just been put aside."""
    aside = {run_key(event.where) for event in done if type(event.data) is RunQuarantined}
    for fact in facts:
        if run_key(fact.where) in aside:
            continue
        first = len(done)
        try:
            _pass_gate(state, [fact], cause, done)
        except Exception as error:
            _quarantine(state, fact.where, error, cause, done)
        aside.update(run_key(e.where) for e in done[first:] if type(e.data) is RunQuarantined)


def _pass_gate(state: State, facts: list[Fact], cause: Cause, done: list[Event]) -> None:
    """Fold facts; those that say that a task may run become attempts if there is room for all."""
    begun = [fact for fact in facts if type(fact.data) is TaskScheduled]
    alone = gate.ready_alone(state, begun[0]) if len(begun) == 1 else None
    if alone is not None:  # what is most frequent is said shortly
        done.extend(_fold(state, alone if fact is begun[0] else fact, cause) for fact in facts)
        return
    at_once = bool(begun) and gate.has_room(state, begun)
    for fact in facts:
        if type(fact.data) is TaskScheduled and not gate.is_news(state, fact):
            continue  # it was said of the whole task before, or of each instance
        if at_once and type(fact.data) is TaskScheduled:
            done.extend(_fold(state, ready, cause) for ready in gate.ready_at_once(state, fact))
        else:
            done.append(_fold(state, fact, cause))


def _let_in(
    state: State,
    run: Run,
    number: int,
    instance: Instance,
    path: tuple[int, ...],
    cause: Cause,
    done: list[Event],
) -> list[Event]:
    """One that waited becomes ready. If that fails it is its own run that cannot go on, not the one
    that the command is about. Returns the events from which more may follow."""
    try:
        done.append(_fold(state, make_ready(run, number, instance, path), cause))
    except Exception as error:
        first = len(done)
        _quarantine(state, Where(*run.key), error, cause, done)
        return done[first:]
    return []


def _quarantine(
    state: State, where: Where, error: Exception, cause: Cause, done: list[Event]
) -> bool:
    """Put aside what a failure is about. Is something put aside now? Never raises: what was folded
    before must get into the log."""
    fact = put_aside(state, where, text_of(error))
    try:
        if fact is not None:
            done.append(_fold(state, fact, cause))
    except Exception:
        return False
    return fact is not None


def _fold(state: State, fact: Fact, cause: Cause) -> Event:
    assert is_legal(state, fact.where, fact.data), fact
    run = state.runs.get(run_key(fact.where))
    callback = None if run is not None else state.callbacks.get(instance_key(fact.where))
    event = Event(
        state.position + 1,
        cause.epoch,
        fact.where,
        fact.data,
        cause.actor,
        cause.causation,
        cause.now,
        run.trace if run is not None else cause.trace if callback is None else callback.trace,
    )
    fold_legal(state, event)
    return event


def _about(command: AnyCommand, done: list[Event]) -> Where:
    """The run or the DAG that a command is about."""
    where = done[0].where if done else getattr(command, "where", None)
    if where is None:
        return Where(getattr(command, "namespace", ""), getattr(command, "dag_id", ""))
    return Where(where.namespace, where.dag_id, where.run_id)


def receipt(state: State, command: AnyCommand, events: list[Event]) -> Receipt:
    """The receipt of a command that was handled. Without events: what it wanted was so already."""
    position = events[-1].position if events else state.position
    match command:
        case SubmitDag():
            dag_id = command.spec.dag_id
            version = state.latest(command.namespace, dag_id)
            assert version is not None
            return Receipt(id=command.id, position=position, dag_id=dag_id, version=version.version)
        case TriggerRun() | RerunRun():
            return Receipt(
                id=command.id,
                position=position,
                dag_id=command.dag_id,
                run_id=events[0].where.run_id,
                has_changed=_has_changed(events),
            )
        case CreateBackfill():
            return Receipt(
                id=command.id,
                position=position,
                dag_id=command.dag_id,
                backfill_id=_backfill_of(events[0]),
            )
        case SetDagPaused():
            return Receipt(
                id=command.id,
                position=position,
                dag_id=command.dag_id,
                has_changed=_has_changed(events),
            )
        case SetVariable() | SetConnection():
            return Receipt(id=command.id, position=position, version=_version_of(events[0]))
        case CreateToken():
            return Receipt(id=command.id, position=position, token_id=_token_of(events[0]))
        case ClearTasks() | MarkTasks() | MarkRun():
            return Receipt(
                id=command.id, position=position, dag_id=command.dag_id, run_id=command.run_id
            )
        case _:
            return Receipt(id=command.id, position=position)


def note_unchanged(
    state: State, command: AnyCommand, actor: str, now: datetime, epoch: int, given: Receipt
) -> Event:
    """The event of a request that changed nothing, folded into ``state``. ``given`` is the receipt
    that it would get without."""
    cause = Cause(command.id, command.trace, actor, now, epoch)
    where = Where(getattr(command, "namespace", ""), given.dag_id)
    return _fold(
        state, Fact(where, NothingChanged(run_id=given.run_id, version=given.version)), cause
    )


def repeated_receipt(command_id: str, events: list[Event]) -> Receipt:
    """The receipt of a command that was committed before, from the events that it caused."""
    first = events[0]
    run_id = first.data.run_id if isinstance(first.data, NothingChanged) else first.where.run_id
    return Receipt(
        id=command_id,
        position=events[-1].position,
        dag_id=first.where.dag_id,
        run_id=run_id,
        version=_version_of(first),
        has_changed=_has_changed(events),
        backfill_id=_backfill_of(first),
        token_id=_token_of(first),
    )


def _token_of(event: Event) -> str:
    return event.data.token_id if isinstance(event.data, TokenCreated) else ""


def _backfill_of(event: Event) -> str:
    return event.data.backfill_id if isinstance(event.data, BackfillCreated) else ""


def _has_changed(events: list[Event]) -> bool:
    """Did somebody pause the DAG or let it go on?"""
    asked = (DagPaused(), DagUnpaused())
    return any(event.data in asked for event in events)


def _version_of(event: Event) -> int:
    match event.data:
        case DagVersionSubmitted() | VariableSet() | ConnectionSet() | NothingChanged() as data:
            return data.version
        case _:
            return 0
