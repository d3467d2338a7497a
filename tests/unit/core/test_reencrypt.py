"""Values that are encrypted with another key: an event, and nothing else in the core."""

from __future__ import annotations

import pytest

from millstream.core.commands import Reencrypted, ReencryptSecrets, SetVariable
from millstream.core.errors import Refused
from millstream.core.wire import canonical_bytes, to_record
from millstream_scheduler.secrets import resealed_of
from shard import Shard, fold, kinds


def entry(position: int = 1) -> Reencrypted:
    return Reencrypted(
        kind="variable", namespace="default", name="k", position=position, sealed="fernet:new:s"
    )


def test_it_is_said_and_changes_no_version() -> None:
    shard = Shard()
    shard.handle(SetVariable(id="v", namespace="default", key="k", sealed="fernet:old:s"))
    command = ReencryptSecrets(id="r", key_id="new", entries=(entry(),))
    events = shard.handle(command)
    assert kinds(events) == ["SecretsReencrypted"]
    assert b"fernet" not in canonical_bytes(to_record(events[0]))
    assert shard.state.variables == {("default", "k"): 1}
    assert fold(shard.log).variables == shard.state.variables
    (row,) = resealed_of(command)
    assert (row.position, row.sealed, row.is_same) == (1, "fernet:new:s", True)


def test_nothing_to_do_is_refused() -> None:
    for command in (
        ReencryptSecrets(id="r", key_id="new", entries=()),
        ReencryptSecrets(id="r", key_id="", entries=(entry(),)),
    ):
        with pytest.raises(Refused):
            Shard().handle(command)
