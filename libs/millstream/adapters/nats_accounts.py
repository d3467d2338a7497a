"""Who may do what on NATS: a user for each process, and accounts that keep workers apart.

The services are in the account CORE, with what each needs. Each worker is in an account of its own:
subject permissions alone do not keep a client from a forbidden subject, since the server itself
writes to the reply subject that a request names. Between accounts only what is exported and
imported here passes, and a reply subject of one account means nothing in another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from millstream.adapters.log_lines import worker_log_subjects
from millstream.adapters.subjects import (
    INBOX,
    LOGS,
    closed_subject,
    event_subject,
    events_stream,
    explain_subject,
    heartbeat_subject,
    import_errors_subject,
    inbox_subject,
    lane_subject,
    lookup_subject,
    projected_subject,
    receipt_subject,
    scheduler_consumer,
    states_subject,
    trigger_consumer,
    worker_consumer,
)
from millstream.core.access_state import ACCESS_TYPES
from millstream.core.lanes import asks

Role = Literal["admin", "scheduler", "projector", "api", "worker"]

# The server's own answers to whoever asked from another account.
_ANSWERS = ("_INBOX.>", "_R_.>")


class NatsUser(msgspec.Struct, frozen=True, kw_only=True):
    """A process: ``name`` is its ``MILLSTREAM_INSTANCE``, a user's name has its role before that.

    ``lanes``: from which a worker may take tasks, such as its queues; empty for all.
    ``processes``: how many an api has behind its port: NAME-1, NAME-2, .., which log in alike.
    """

    role: Role
    name: str
    password: str
    lanes: tuple[str, ...] = ()
    processes: int = 1

    @property
    def instances(self) -> list[str]:
        """The names under which it speaks."""
        if self.processes == 1:
            return [self.name]
        return [f"{self.name}-{number}" for number in range(1, self.processes + 1)]

    @property
    def login(self) -> str:
        """The user's name on NATS."""
        return self.name if self.role == "admin" else f"{self.role}-{self.name}"


def accounts(users: Sequence[NatsUser], shard: int = 0) -> dict[str, Any]:
    """The section ``accounts`` of the configuration of a NATS server."""
    workers = [user for user in users if user.role == "worker"]
    names = [_account(worker) for worker in workers]
    exports: list[dict[str, Any]] = [
        {"service": subject, "response_type": kind, "accounts": names}
        for subject, kind in _services(shard, "*")
    ]
    exports += [{"stream": subject, "accounts": names} for subject in _streams(shard, "*")]
    core = {
        "jetstream": "enabled",
        "users": [_entry(user, shard) for user in users if user.role != "worker"],
        "exports": exports,
        "imports": [
            {"stream": {"account": _account(worker), "subject": heartbeat_subject(worker.name)}}
            for worker in workers
        ],
    }
    return {"CORE": core} | {_account(worker): _own(worker, shard) for worker in workers}


def _account(worker: NatsUser) -> str:
    return f"WORKER_{worker.name}"


def _own(worker: NatsUser, shard: int) -> dict[str, Any]:
    """The account of a worker, into which its own subjects are imported."""
    services = [name for name, _ in _services(shard, worker.name)]
    imports: list[dict[str, Any]] = [
        {"service": {"account": "CORE", "subject": name}} for name in services
    ]
    imports += [
        {"stream": {"account": "CORE", "subject": name}} for name in _streams(shard, worker.name)
    ]
    return {
        "users": [_entry(worker, shard)],
        "exports": [{"stream": heartbeat_subject(worker.name), "accounts": ["CORE"]}],
        "imports": imports,
    }


def accounts_text(users: Sequence[NatsUser], shard: int = 0) -> str:
    """`accounts` as text of the configuration file, which takes JSON."""
    return f"accounts: {json.dumps(accounts(users, shard), indent=2)}\n"


def _services(shard: int, worker: str) -> list[tuple[str, str]]:
    """What a worker asks of the account CORE, and whether one answer comes or many."""
    events = events_stream(shard)
    one = (
        inbox_subject(shard, "worker", worker),
        lookup_subject(shard, "*"),
        states_subject(shard),
        worker_log_subjects(shard, worker),
        f"$JS.ACK.{events}.>",
        f"$JS.API.CONSUMER.INFO.{events}.*",
        f"$JS.API.CONSUMER.NAMES.{events}",
        "$JS.API.INFO",
    )
    many = f"$JS.API.CONSUMER.MSG.NEXT.{events}.*"
    return [*((subject, "singleton") for subject in one), (many, "stream")]


def _streams(shard: int, worker: str) -> tuple[str, ...]:
    """What a worker hears of the account CORE."""
    return (
        receipt_subject("worker", worker),
        closed_subject(worker),
        lane_subject(shard),
        event_subject(shard, "TaskStopped", "*"),
    )


def _entry(user: NatsUser, shard: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"user": user.login, "password": user.password}
    if user.role != "admin":
        publish, subscribe = _PERMISSIONS[user.role](user, shard)
        inbox = f"_INBOX.{user.login}.>"
        entry["permissions"] = {"publish": publish, "subscribe": [inbox, *subscribe]}
    return entry


def _scheduler(user: NatsUser, shard: int) -> tuple[list[str], list[str]]:
    """It makes streams and consumers, and is the only one that writes events."""
    publish = [
        event_subject(shard, "*", ">"),
        receipt_subject("*", "*"),
        closed_subject("*"),
        lane_subject(shard),
        "$JS.API.>",
        f"$JS.ACK.{INBOX}.>",
        *_ANSWERS,
    ]
    return publish, [heartbeat_subject("*"), lookup_subject(shard, ">"), explain_subject(shard)]


def _projector(user: NatsUser, shard: int) -> tuple[list[str], list[str]]:
    publish = [*_reading(shard), projected_subject(shard), *_ANSWERS]
    return publish, [lookup_subject(shard, ">"), states_subject(shard)]


def _api(user: NatsUser, shard: int) -> tuple[list[str], list[str]]:
    publish = [
        *_reading(shard),
        *(inbox_subject(shard, "api", name) for name in user.instances),
        lookup_subject(shard, ">"),
        f"$JS.API.STREAM.INFO.{LOGS}",
        f"$JS.API.DIRECT.GET.{LOGS}",
        f"$JS.API.CONSUMER.INFO.{INBOX}.{scheduler_consumer(shard)}",
        explain_subject(shard),
        import_errors_subject(),
    ]
    hears = [receipt_subject("api", name) for name in user.instances]
    hears += [projected_subject(shard), heartbeat_subject("*")]
    hears += [event_subject(shard, kind) for kind in ACCESS_TYPES]
    return publish, [*hears, import_errors_subject(), f"ms.log.{shard}.>"]


def _worker(user: NatsUser, shard: int) -> tuple[list[str], list[str]]:
    events = events_stream(shard)
    pulls = [
        consumer
        for lane in user.lanes
        for consumer in (
            worker_consumer(lane),
            *(() if asks(lane) else (trigger_consumer(lane),)),
        )
    ] or ["*"]
    publish = [
        inbox_subject(shard, "worker", user.name),
        heartbeat_subject(user.name),
        worker_log_subjects(shard, user.name),
        lookup_subject(shard, "*"),
        states_subject(shard),
        *(f"$JS.API.CONSUMER.MSG.NEXT.{events}.{consumer}" for consumer in pulls),
        *(f"$JS.ACK.{events}.{consumer}.>" for consumer in pulls),
        f"$JS.API.CONSUMER.INFO.{events}.*",
        f"$JS.API.CONSUMER.NAMES.{events}",
        "$JS.API.INFO",
    ]
    return publish, list(_streams(shard, user.name))


def _reading(shard: int) -> list[str]:
    """What following the events takes."""
    events = events_stream(shard)
    return [
        f"$JS.API.STREAM.INFO.{events}",
        f"$JS.API.STREAM.MSG.GET.{events}",
        f"$JS.API.CONSUMER.CREATE.{events}",
        f"$JS.API.CONSUMER.MSG.NEXT.{events}.*",
        "$JS.API.INFO",
    ]


_PERMISSIONS = {
    "scheduler": _scheduler,
    "projector": _projector,
    "api": _api,
    "worker": _worker,
}
