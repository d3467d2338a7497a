"""What a command about variables, connections or tokens leaves in the table of secrets."""

from __future__ import annotations

from typing import assert_never

from millstream.adapters.secret_table import SecretRow
from millstream.core.commands import (
    AccessCommand,
    CreateToken,
    DeleteConnection,
    DeleteVariable,
    ReencryptSecrets,
    SecretCommand,
    SetConnection,
    SetVariable,
)
from millstream.core.events import ConnectionSet, Event, TokenCreated, TokenRevoked, VariableSet


def secret_of(command: SecretCommand, event: Event) -> SecretRow:
    """The row, for the transaction of the event to which the command led."""
    data = event.data
    version = data.version if isinstance(data, VariableSet | ConnectionSet) else 0
    match command:
        case SetVariable(namespace=namespace, key=name, sealed=sealed):
            return SecretRow(namespace, "variable", name, version, event.position, sealed)
        case DeleteVariable(namespace=namespace, key=name):
            return SecretRow(namespace, "variable", name, version, event.position, None)
        case SetConnection(namespace=namespace, conn_id=name, sealed=sealed):
            return SecretRow(namespace, "connection", name, version, event.position, sealed)
        case DeleteConnection(namespace=namespace, conn_id=name):
            return SecretRow(namespace, "connection", name, version, event.position, None)
        case _:
            assert_never(command)


def resealed_of(command: ReencryptSecrets) -> list[SecretRow]:
    """The rows of the values that are encrypted otherwise."""
    return [
        SecretRow(one.namespace, one.kind, one.name, 0, one.position, one.sealed, is_same=True)
        for one in command.entries
    ]


def hashes_of(command: AccessCommand, events: list[Event]) -> list[SecretRow]:
    """The rows of the tokens that were made or revoked."""
    rows = []
    for event in events:
        match event.data:
            case TokenCreated(token_id=token_id) if isinstance(command, CreateToken):
                rows.append(SecretRow("", "token", token_id, 1, event.position, command.sealed))
            case TokenRevoked(token_id=token_id):
                rows.append(SecretRow("", "token", token_id, 1, event.position, None))
    return rows
