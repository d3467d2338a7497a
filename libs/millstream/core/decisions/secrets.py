"""Commands about variables and connections: their names and versions. Values are not the core's."""

from __future__ import annotations

from collections.abc import Iterator

from millstream.core.commands import (
    Claim,
    DeleteConnection,
    DeleteVariable,
    ReencryptSecrets,
    SetConnection,
    SetVariable,
)
from millstream.core.errors import Refused
from millstream.core.event_parts import Where
from millstream.core.events import (
    ConnectionDeleted,
    ConnectionSet,
    Fact,
    SecretsReencrypted,
    VariableDeleted,
    VariableSet,
)
from millstream.core.state import State, run_key
from millstream.core.statuses import TaskStatus
from millstream.core.validate import check_id

LONGEST_NAME = 250


def set_variable(state: State, command: SetVariable) -> Iterator[Fact]:
    namespace, key = command.namespace, command.key
    _check(namespace, "the key of a variable", key)
    _check_claim(state, namespace, command.claim)
    version = state.variables.get((namespace, key), 0) + 1
    data = VariableSet(key=key, version=version, description=command.description)
    yield Fact(Where(namespace, ""), data)


def delete_variable(state: State, command: DeleteVariable) -> Iterator[Fact]:
    namespace, key = command.namespace, command.key
    _check_claim(state, namespace, command.claim)
    if (namespace, key) not in state.variables:
        raise Refused("VARIABLE_NOT_FOUND", f"There is no variable {key!r}.")
    yield Fact(Where(namespace, ""), VariableDeleted(key=key))


def set_connection(state: State, command: SetConnection) -> Iterator[Fact]:
    namespace, conn_id = command.namespace, command.conn_id
    _check(namespace, "a conn_id", conn_id)
    version = state.connections.get((namespace, conn_id), 0) + 1
    if command.is_new and version > 1:
        raise Refused("CONNECTION_EXISTS", f"Connection {conn_id!r} exists already.")
    data = ConnectionSet(conn_id=conn_id, version=version, description=command.description)
    yield Fact(Where(namespace, ""), data)


def delete_connection(state: State, command: DeleteConnection) -> Iterator[Fact]:
    namespace, conn_id = command.namespace, command.conn_id
    if (namespace, conn_id) not in state.connections:
        raise Refused("CONNECTION_NOT_FOUND", f"There is no connection {conn_id!r}.")
    yield Fact(Where(namespace, ""), ConnectionDeleted(conn_id=conn_id))


def reencrypt(state: State, command: ReencryptSecrets) -> Iterator[Fact]:
    """What was set since is left alone, which the table knows and not the state."""
    if not command.key_id or len(command.key_id) > LONGEST_NAME or not command.entries:
        raise Refused("INVALID_ARGUMENT", "Name a key, and what is encrypted with it now.")
    data = SecretsReencrypted(key_id=command.key_id, count=len(command.entries))
    yield Fact(Where("", ""), data)


def check_name(what: str, name: str) -> str:
    """What is wrong with the name of a variable or a connection; "" if nothing is."""
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip():
        return (
            f"{what} has 1 to {LONGEST_NAME} printable characters and no blank at an end; it is "
            f"{name[:LONGEST_NAME]!r}"
        )
    return ""


def _check(namespace: str, what: str, name: str) -> None:
    problem = next(iter(check_id("namespace", namespace)), "") or check_name(what, name)
    if problem:
        raise Refused("INVALID_ARGUMENT", f"{problem[0].upper()}{problem[1:]}.")


def _check_claim(state: State, namespace: str, claim: Claim | None) -> None:
    """A task may change something as long as its attempt is the one that runs."""
    if claim is None:
        return
    run = state.runs.get(run_key(claim.where))
    found = run.find(claim.where.task_id, claim.where.map_index) if run else None
    if (
        found is None
        or claim.where.namespace != namespace
        or found[1].status is not TaskStatus.RUNNING
        or found[1].attempt != claim.where.attempt
        or (found[1].token, found[1].worker) != (claim.token, claim.worker)
    ):
        raise Refused("NOT_CLAIMED", "The attempt that asks for this is not the one that runs.")
