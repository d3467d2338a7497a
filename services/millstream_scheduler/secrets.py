"""What a command about a variable or a connection leaves in the table of secrets."""

from __future__ import annotations

from typing import assert_never

from millstream.adapters.secret_table import SecretRow
from millstream.core.commands import (
    DeleteConnection,
    DeleteVariable,
    SecretCommand,
    SetConnection,
    SetVariable,
)
from millstream.core.events import ConnectionSet, Event, VariableSet


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
