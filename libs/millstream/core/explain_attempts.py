"""Why an attempt has not been claimed, and how it stands with one that was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from millstream.core.callbacks import is_callback
from millstream.core.deferral import InputRequest
from millstream.core.event_parts import Where
from millstream.core.explain_names import MOST_LOOKED_AT, about
from millstream.core.explanation import (
    MOST_NAMED,
    About,
    Blocker,
    Code,
    SeenWorker,
    Surroundings,
    Told,
    instant,
    listed,
    plural,
)
from millstream.core.lanes import ASYNC
from millstream.core.spec import TaskSpec
from millstream.core.state import Instance, Run, State, instance_key, run_key
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskAwaitsInput, TaskDeferred
from millstream.core.waiting import wait_ends

Path = tuple[int, ...]
# Of its lease, so much without a word of the worker is told.
SILENT_PART = 0.5


def attempt(
    state: State, run: Run, number: int, path: Path, now: datetime, around: Surroundings
) -> Iterator[Blocker]:
    """How it stands with an instance that has begun and is not over."""
    found = run.find(run.version.graph.tasks[number].task_id, path)
    assert found is not None, "the caller has found it"
    instance, task = found[1], run.version.graph.tasks[number]
    match instance.status:
        case TaskStatus.QUEUED:
            position = state.ready.get((*run.key, task.task_id, path), instance.position)
            yield from _unclaimed(state, task, instance.attempt, position, around)
        case TaskStatus.RUNNING:
            yield from _silent(instance, around)
            yield Blocker(
                code=Code.RUNNING,
                text=(
                    f"It is running: attempt {instance.attempt} on worker {instance.worker!r}",
                    Told(instance.position, "since"),
                    ".",
                ),
                about=(about(run, number, path, instance),),
            )
        case TaskStatus.UP_FOR_RETRY:
            yield _up_for_retry(task, instance)
        case TaskStatus.UP_FOR_RESCHEDULE:
            yield _up_for_reschedule(instance)
        case TaskStatus.DEFERRED:
            yield from _deferred(state, run, task, path, instance, around)
        case TaskStatus.AWAITING_INPUT:
            yield _awaiting(instance)


def _up_for_retry(task: TaskSpec, instance: Instance) -> Blocker:
    at, most = instance.retry_at, instance.max_tries or task.retries + 1
    return Blocker(
        code=Code.UP_FOR_RETRY,
        text=(
            f"Try {instance.failures} of {most} failed",
            Told(instance.position, "at"),
            Told(instance.position, "why"),
            f". The next try begins at {instant(at)}." if at else ". The next try follows.",
        ),
        advice="To try at once, clear the task.",
        until=at,
    )


def _up_for_reschedule(instance: Instance) -> Blocker:
    at = instance.retry_at
    return Blocker(
        code=Code.UP_FOR_RESCHEDULE,
        text=(
            "What it waits for was not there when it looked last",
            Told(instance.position, "at"),
            f". It looks again at {instant(at)}." if at else ". It looks again later.",
        ),
        until=at,
    )


def _deferred(
    state: State,
    run: Run,
    task: TaskSpec,
    path: Path,
    instance: Instance,
    around: Surroundings,
) -> Iterator[Blocker]:
    waiting = instance.waiting
    pause = waiting.pause if waiting is not None else None
    if waiting is None or not isinstance(pause, TaskDeferred):
        return
    end = wait_ends(pause)
    until = "" if end is None else f", until {instant(end[0])} at most"
    if pause.trigger is None:
        yield Blocker(
            code=Code.DEFERRED_UNTIL,
            text=(
                "It is deferred",
                Told(instance.position, "since"),
                f", and goes on at {instant(end[0])}." if end else ".",
            ),
            until=end[0] if end else None,
        )
        return
    name = pause.trigger.classpath.rpartition(".")[2]
    if waiting.is_trigger_ready:
        position = state.ready.get((*run.key, task.task_id, path), instance.position)
        yield from _unclaimed(state, task, instance.attempt, position, around, name)
        return
    yield from _silent(instance, around)
    where = f" runs on worker {instance.worker!r}" if instance.worker else " waits to run again"
    yield Blocker(
        code=Code.DEFERRED,
        text=(
            f"It is deferred, and waits for its trigger {name}, which{where}",
            Told(instance.position, "since"),
            f"{until}.",
        ),
        until=end[0] if end else None,
    )


def _awaiting(instance: Instance) -> Blocker:
    pause = instance.waiting.pause if instance.waiting is not None else None
    if not isinstance(pause, TaskAwaitsInput):
        return Blocker(code=Code.AWAITING_INPUT, text=("It waits for a person's answer.",))
    asked = pause.request
    until = (
        f". Without an answer {_defaults(asked)} at {instant(pause.timeout_at)}"
        if (pause.timeout_at)
        else ""
    )
    people = ", ".join(user.name or user.id for user in asked.assigned_users[:MOST_NAMED])
    more = len(asked.assigned_users) - MOST_NAMED
    who = f"{people}{f' and {more} more' if more > 0 else ''}" or "anybody"
    return Blocker(
        code=Code.AWAITING_INPUT,
        text=(
            f"It waits for an answer of {who}",
            Told(instance.position, "since"),
            f", to: {asked.subject[:200]!r} ({' | '.join(asked.options)[:200]}){until}.",
        ),
        advice="Answer it.",
        until=pause.timeout_at,
    )


def _defaults(asked: InputRequest) -> str:
    if asked.defaults is None:
        return "it fails"
    return f"{', '.join(asked.defaults)[:100] or 'nothing'} is taken for one"


def _silent(instance: Instance, around: Surroundings) -> Iterator[Blocker]:
    """The worker that holds the claim has not been heard for a while."""
    left_s = around.lease_left_s(instance.token) if instance.token else None
    if left_s is None or left_s > around.lease_s * (1 - SILENT_PART):
        return
    yield Blocker(
        code=Code.WORKER_SILENT,
        text=(
            f"Worker {instance.worker!r}, which has claimed it",
            Told(instance.position, "at"),
            f", has not been heard of for {around.lease_s - left_s:.0f} s. If it stays silent, the "
            f"attempt is lost in {max(left_s, 0):.0f} s, and it begins again on another worker.",
        ),
        advice=f"See whether worker {instance.worker!r} lives and reaches NATS.",
    )


# --- what no worker has claimed


def no_worker(task: TaskSpec, around: Surroundings, queue: str = "") -> Iterator[Blocker]:
    """No worker that is known could ever run it."""
    queue = queue or task.queue
    workers = around.workers
    if workers is None or around.heard_s < around.lease_s:
        return
    serving = [one for one in workers if queue in one.queues]
    if not serving:
        seen = sorted({name for one in workers for name in one.queues})
        others = (
            f"the queues that are served: {', '.join(seen[:MOST_NAMED])}"
            if seen
            else ("no worker is running at all")
        )
        yield Blocker(
            code=Code.NO_WORKER,
            text=(f"No worker serves the queue {queue!r} ({others}).",),
            advice=f"Start a worker with the queue {queue!r} (MILLSTREAM_QUEUES).",
        )
        return
    asked = {name: count for name, count in task.resources.items() if name != ASYNC}
    if any(_could_ever(one, asked) for one in serving):
        return
    wants = ", ".join(f"{count} {name}" for name, count in sorted(asked.items()))
    offers = "; ".join(
        f"{one.name}: "
        + (", ".join(f"{one.resources.get(name, 0)} {name}" for name in sorted(asked)))
        for one in serving[:MOST_NAMED]
    )
    yield Blocker(
        code=Code.NO_WORKER_WITH_RESOURCES,
        text=(f"It asks for {wants}, and no worker of queue {queue!r} offers that ({offers}).",),
        advice="Start a worker that offers it (MILLSTREAM_RESOURCES), or ask for less.",
    )


def _could_ever(worker: SeenWorker, asked: dict[str, int]) -> bool:
    return all(worker.resources.get(name, 0) >= count for name, count in asked.items())


def _unclaimed(
    state: State,
    task: TaskSpec,
    number: int,
    position: int,
    around: Surroundings,
    trigger: str = "",
) -> Iterator[Blocker]:
    """Attempt ``number`` is ready since the event at ``position``; or its trigger is."""
    what = f"its trigger {trigger}" if trigger else f"attempt {number}"
    since = Told(position, "since")
    asks = TaskSpec(task_id=task.task_id, action=task.action, queue=task.queue) if trigger else task
    hopeless = list(no_worker(asks, around))
    for blocker in hopeless:
        code = Code.TRIGGER_NOT_CLAIMED if trigger else blocker.code
        text = (*blocker.text, f" It is ready ({what})", since, ".")
        yield Blocker(code=code, text=text, advice=blocker.advice)
    if hopeless:
        return
    if around.workers is None or (not around.workers and around.heard_s < around.lease_s):
        yield Blocker(
            code=Code.TRIGGER_NOT_CLAIMED if trigger else Code.NOT_CLAIMED,
            text=(f"It is ready ({what})", since, " and no worker has claimed it yet."),
        )
        return
    asked = {name: count for name, count in asks.resources.items() if name != ASYNC}
    able = [one for one in around.workers if task.queue in one.queues and _could_ever(one, asked)]
    yield _busy(state, task, asked, able, (what, since), trigger)


def _busy(
    state: State,
    task: TaskSpec,
    asked: dict[str, int],
    able: Sequence[SeenWorker],
    ready: tuple[str, Told],
    trigger: str,
) -> Blocker:
    what, since = ready
    begun = (f" It is ready ({what})", since, ".")
    names = ", ".join(one.name for one in able[:MOST_NAMED])
    going = [one for one in able if not one.is_stopping]
    if trigger:
        return Blocker(
            code=Code.TRIGGER_NOT_CLAIMED,
            text=(f"Its trigger {trigger} is ready", since, f"; workers of its queue: {names}."),
        )
    if able and not going:
        return Blocker(
            code=Code.WORKERS_STOPPING,
            text=(f"The only workers that could run it are stopping: {names}.", *begun),
            advice="Start another worker.",
        )
    takes_slot = ASYNC not in task.resources
    with_slot = [one for one in going if not takes_slot or _slots_taken(state, one) < one.slots]
    if going and not with_slot:
        held = [where for one in going for where in islice(one.claims(), MOST_NAMED)]
        count = sum(one.slots for one in going)
        return Blocker(
            code=Code.WORKERS_BUSY,
            text=(
                f"All {plural(count, 'slot')} of the workers of queue {task.queue!r} are taken "
                f"({names}): by ",
                *listed(
                    [named for where in held if (named := _claimed(state, where)) is not None],
                    sum(_slots_taken(state, one) for one in going),
                ),
                ".",
                *begun,
            ),
            advice="Wait, or start more workers.",
        )
    free = [one for one in with_slot if _has_free(state, one, asked)]
    if with_slot and asked and not free:
        wants = ", ".join(f"{count} {name}" for name, count in sorted(asked.items()))
        return Blocker(
            code=Code.RESOURCES_BUSY,
            text=(
                f"It asks for {wants}; the workers that offer that ({names}) have not so much "
                f"free.",
                *begun,
            ),
            advice="Wait, or start more workers.",
        )
    return Blocker(
        code=Code.NOT_CLAIMED,
        text=(
            f"It is ready ({what})",
            since,
            f", and nothing keeps {', '.join(one.name for one in free[:MOST_NAMED])} "
            "from claiming it."
            if free
            else " and no worker has claimed it yet.",
        ),
        advice="It begins within a moment; if it does not, see the log of the worker.",
    )


def _claimed(state: State, where: Where) -> About | None:
    run = state.runs.get(run_key(where))
    found = run.find(where.task_id, where.map_index) if run is not None else None
    if run is None or found is None:
        return None
    return about(run, found[0], where.map_index, found[1])


def _running(state: State, where: Where) -> TaskSpec | None:
    """The task of a claim, None for that of a callback or of a trigger, which asks for nothing."""
    run, instance = state.runs.get(run_key(where)), state.instance(instance_key(where))
    if run is None or instance is None or instance.status is not TaskStatus.RUNNING:
        return None
    number = run.version.graph.number.get(where.task_id)
    return None if number is None else run.version.graph.tasks[number]


def _slots_taken(state: State, worker: SeenWorker) -> int:
    taken = 0
    for where in islice(worker.claims(), MOST_LOOKED_AT):
        task = _running(state, where)
        taken += is_callback(where) or (task is not None and ASYNC not in task.resources)
    return taken


def _has_free(state: State, worker: SeenWorker, asked: dict[str, int]) -> bool:
    free = dict(worker.resources)
    for where in islice(worker.claims(), MOST_LOOKED_AT):
        task = _running(state, where)
        for name, count in task.resources.items() if task is not None else ():
            free[name] = free.get(name, 0) - count
    return all(free.get(name, 0) >= count for name, count in asked.items())
