"""The streams and durable consumers: their names, subjects and settings, and the step that creates
them."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.settings import InvalidSettings, Settings
from millstream.adapters.subjects import (
    INBOX,
    LOGS,
    event_subject,
    events_stream,
    scheduler_consumer,
    trigger_consumer,
    worker_consumer,
)
from millstream.core.lanes import asks

log = structlog.get_logger(__name__)

STREAM_NOT_FOUND = 10059
NOT_CLUSTERED = 10074
NO_MESSAGE = 10037
# What a stream with `discard: new` answers when it is full, or has too much of one sender.
STORE_FAILED = 10077
# Marks an event that the relay published again or late: who would act on it at once makes sure
# first.
LATE_HEADER = b"Ms-Late"
# With a ready event: what tasks before it handed on, as :mod:`millstream.core.known_xcoms` says.
XCOMS_HEADER = b"Ms-Xcoms"
# A message with it takes the earlier ones of its subject away.
ROLL_UP = b"Nats-Rollup: sub\r\n"
_SECOND = 1_000_000_000
INBOX_ACK_WAIT_S = 5
# What a worker took and died with is given to another after this time; one that lives says so.
READY_ACK_WAIT_S = 6
LOG_RETENTION_S = 3 * 86400
MOST_UNACKNOWLEDGED = 50_000
# What one api or worker may have waiting in INBOX. It is told so, or not answered, and sends again.
MOST_OF_A_SENDER = 2000


async def provision(bus: Bus, settings: Settings) -> None:
    """Create the streams INBOX and LOGS and the scheduler's consumer, where they do not exist.

    EVENTS is the relay's to create, since only the log knows its first sequence.
    """
    await asyncio.gather(_ensure_inbox(bus, settings), _ensure_logs(bus, settings))


async def _ensure_inbox(bus: Bus, settings: Settings) -> None:
    await _ensure_stream(
        bus,
        {
            "name": INBOX,
            "subjects": ["ms.in.>"],
            "retention": "workqueue",
            "storage": "file",
            "discard": "new",
            "max_bytes": settings.inbox_max_bytes,
            # Who floods has this much waiting, and the others wait for no more than that.
            "max_msgs_per_subject": MOST_OF_A_SENDER,
            "discard_new_per_subject": True,
            "num_replicas": settings.stream_replicas,
        },
    )
    await _ensure_consumer(
        bus,
        INBOX,
        {
            "durable_name": scheduler_consumer(settings.shard),
            "filter_subject": f"ms.in.{settings.shard}.>",
            "ack_policy": "explicit",
            "ack_wait": INBOX_ACK_WAIT_S * _SECOND,
            "max_ack_pending": MOST_UNACKNOWLEDGED,
            "max_deliver": -1,
        },
    )


async def _ensure_logs(bus: Bus, settings: Settings) -> None:
    await _ensure_stream(
        bus,
        {
            "name": LOGS,
            "subjects": ["ms.log.>"],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "max_bytes": settings.stream_max_bytes,
            "max_age": LOG_RETENTION_S * _SECOND,
            "allow_direct": True,
            # The last message of a log takes the others with it.
            "allow_rollup_hdrs": True,
            "num_replicas": settings.stream_replicas,
        },
    )


async def create_events(bus: Bus, settings: Settings, first_sequence: int) -> None:
    """Create the stream EVENTS so that its sequence can equal the position from ``first_sequence``
    on."""
    shard = settings.shard
    await _ensure_stream(
        bus,
        {
            "name": events_stream(shard),
            "subjects": [f"ms.ev.{shard}.>"],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "max_bytes": settings.stream_max_bytes,
            "max_age": int(settings.event_retention_s * _SECOND),
            "first_seq": first_sequence,
            "allow_atomic": True,
            "allow_direct": True,
            "num_replicas": settings.stream_replicas,
        },
    )


def lane_consumers(lane: str) -> list[tuple[str, str]]:
    """The consumers that a lane needs, each with the type of the events that it is for."""
    consumers = [("TaskReady", worker_consumer(lane))]
    return consumers if asks(lane) else [*consumers, ("TriggerReady", trigger_consumer(lane))]


async def ensure_lane(bus: Bus, shard: int, lane: str) -> None:
    """Create the consumers from which the workers of a lane pull, where they do not exist: of a
    queue's plain lane also the one for its triggers, which ask for nothing."""
    await asyncio.gather(
        *(
            _ensure_consumer(
                bus,
                events_stream(shard),
                {
                    "durable_name": name,
                    "filter_subject": event_subject(shard, event_type, lane),
                    "ack_policy": "explicit",
                    "ack_wait": READY_ACK_WAIT_S * _SECOND,
                    "max_ack_pending": MOST_UNACKNOWLEDGED,
                    "max_deliver": -1,
                    "deliver_policy": "all",
                },
            )
            for event_type, name in lane_consumers(lane)
        )
    )


async def consumer_names(bus: Bus, shard: int) -> set[str]:
    """The names of all consumers of ready events. Raises :class:`JetStreamError` where there is no
    stream."""
    names: set[str] = set()
    offset, total = 0, 1
    while offset < total:
        page = await bus.jetstream(f"CONSUMER.NAMES.{events_stream(shard)}", {"offset": offset})
        found = page.get("consumers") or []
        names.update(found)
        offset, total = offset + len(found), page["total"] if found else 0
    return names


async def lane_waits(bus: Bus, shard: int, lane: str, *, with_pulled: bool) -> bool:
    """Does something wait in a lane? ``with_pulled``: also what was pulled and is not
    acknowledged, such as what was handed back. Raises :class:`JetStreamError` where there is no
    such lane."""
    info = await bus.jetstream(f"CONSUMER.INFO.{events_stream(shard)}.{worker_consumer(lane)}")
    return bool(info["num_pending"] or (with_pulled and info["num_ack_pending"]))


async def remove_lane(bus: Bus, shard: int, lane: str) -> None:
    """Delete the consumer of a lane that nobody needs any more."""
    await bus.jetstream(f"CONSUMER.DELETE.{events_stream(shard)}.{worker_consumer(lane)}")


async def stream_state(bus: Bus, stream: str) -> dict[str, Any] | None:
    """The ``state`` of a stream (``first_seq``, ``last_seq``, ..), or None if there is no such
    stream."""
    try:
        info = await bus.jetstream(f"STREAM.INFO.{stream}")
    except JetStreamError as error:
        if error.err_code == STREAM_NOT_FOUND:
            return None
        raise
    state: dict[str, Any] = info["state"]
    return state


async def stream_identity(bus: Bus, stream: str) -> tuple[str, int]:
    """When a stream was made, which tells it from another of its name, and its last sequence."""
    info = await bus.jetstream(f"STREAM.INFO.{stream}")
    return str(info["created"]), int(info["state"]["last_seq"])


async def _ensure_stream(bus: Bus, config: dict[str, Any]) -> None:
    """Creates the stream, or says in the log where an existing one differs: an operator may have
    tuned it."""
    name = config["name"]
    try:
        info = await bus.jetstream(f"STREAM.INFO.{name}")
    except JetStreamError as error:
        if error.err_code != STREAM_NOT_FOUND:
            raise
        await _put_stream(bus, "CREATE", config)
        log.info("stream_created", stream=name, first_seq=config.get("first_seq", 1))
        return
    for key in ("subjects", "retention", "discard"):
        if info["config"].get(key) != config[key]:
            raise JetStreamError(
                f"STREAM.INFO.{name}",
                0,
                0,
                f"{key} is {info['config'].get(key)!r}, not {config[key]!r}",
            )
    changes: dict[str, Any] = {}
    for key in ("allow_direct", "allow_rollup_hdrs"):
        if config.get(key) and not info["config"].get(key):
            # A stream that an older release made; what an operator has tuned stays.
            changes[key] = True
    replicas, wanted = info["config"].get("num_replicas", 1), config["num_replicas"]
    if replicas < wanted:
        changes["num_replicas"] = wanted
    elif replicas > wanted:  # somebody wanted it safer: that is never undone
        log.warning(
            "stream_has_more_replicas",
            stream=name,
            replicas=replicas,
            hint=f"set MILLSTREAM_STREAM_REPLICAS={replicas}, or lower it in NATS by hand",
        )
    if changes:
        await _put_stream(bus, "UPDATE", info["config"] | changes)
        log.info("stream_updated", stream=name, **changes)


async def _put_stream(bus: Bus, verb: str, config: dict[str, Any]) -> None:
    name, replicas = config["name"], config["num_replicas"]
    try:
        await bus.jetstream(f"STREAM.{verb}.{name}", config)
    except JetStreamError as error:
        if error.err_code != NOT_CLUSTERED:
            raise
        raise InvalidSettings(
            f"MILLSTREAM_STREAM_REPLICAS={replicas}, but NATS is a single server: name a cluster "
            f"of at least {replicas} servers in MILLSTREAM_NATS_URL, or set it to 1."
        ) from error


async def _ensure_consumer(bus: Bus, stream: str, config: dict[str, Any]) -> None:
    name = config["durable_name"]
    await bus.jetstream(
        f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config}
    )
