"""The names of streams, subjects and consumers on NATS. What they hold, and who makes them, is in
``streams``; who may use them in ``nats_accounts``."""

from __future__ import annotations

INBOX = "INBOX"
LOGS = "LOGS"
_WORKER = "worker-"


def events_stream(shard: int) -> str:
    return f"EVENTS_{shard}"


def inbox_subject(shard: int, role: str, principal: str) -> str:
    return f"ms.in.{shard}.{role}.{principal}"


def event_subject(shard: int, event_type: str, lane: str = "_") -> str:
    return f"ms.ev.{shard}.{event_type}.{lane}"


def receipt_subject(role: str, principal: str) -> str:
    return f"ms.rcpt.{role}.{principal}"


def lookup_subject(shard: int, what: str) -> str:
    return f"ms.look.{shard}.{what}"


def explain_subject(shard: int) -> str:
    """Where the active scheduler is asked why a task has not run: out of the reach of workers, who
    may ask about one more word only."""
    return lookup_subject(shard, "scheduler.explain")


def states_subject(shard: int) -> str:
    """Where the projector is asked how runs stand; it answers when that has changed."""
    return f"ms.states.{shard}"


def projected_subject(shard: int) -> str:
    """Where the projector says up to which position the read tables are folded."""
    return f"ms.proj.{shard}"


def awaited_subject(shard: int) -> str:
    """Where an api says that somebody waits for the read tables, and for which position. Out of the
    reach of workers, as :func:`explain_subject` is."""
    return lookup_subject(shard, "projector.awaited")


def import_errors_subject() -> str:
    """Where an api tells the others what is wrong with DAG files."""
    return "ms.imports"


def heartbeat_subject(worker: str) -> str:
    return f"ms.hb.{worker}"


def closed_subject(worker: str) -> str:
    """Where a scheduler names claims of a worker's heartbeat that it does not know."""
    return f"ms.closed.{worker}"


def scheduler_consumer(shard: int) -> str:
    return f"scheduler-{shard}"


def lane_subject(shard: int) -> str:
    """Where the relay says which lanes it has made consumers for."""
    return f"ms.lane.{shard}"


def worker_consumer(lane: str) -> str:
    return f"{_WORKER}{lane}"


def worker_lane(consumer: str) -> str:
    """The lane of a consumer, "" for one that is none of a lane's."""
    return consumer.removeprefix(_WORKER) if consumer.startswith(_WORKER) else ""


def trigger_consumer(queue: str) -> str:
    return f"trigger-{queue}"
