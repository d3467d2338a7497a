"""Commands about assets."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from millstream.core.commands import EmitAssetEvent
from millstream.core.errors import Refused
from millstream.core.event_parts import Where
from millstream.core.events import AssetUpdated, Fact
from millstream.core.state import State


def emit(state: State, command: EmitAssetEvent) -> Iterator[Fact]:
    """An asset that no DAG names is refused: a misspelt name would trigger nothing, silently."""
    found = state.assets.find(command.namespace, command.name, command.uri)
    if found is None:
        known = [name for space, name in state.assets.known if space == command.namespace]
        wanted = command.name or command.uri
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise Refused("ASSET_NOT_FOUND", f"No DAG names the asset {wanted!r}{hint}")
    name, uri = found
    yield Fact(Where(command.namespace, ""), AssetUpdated(name=name, uri=uri, extra=command.extra))
