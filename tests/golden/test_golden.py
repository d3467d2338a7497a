"""The bytes of every released event, and a whole log.

A failure here means that old logs would be read differently: never change what is stored, add what
is new.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from golden.digest import log_digest, read_log, state_digest
from millstream.core.events import type_registry
from millstream.core.wire import Record, canonical_bytes, to_event, to_record

HERE = Path(__file__).parent
EVENTS = (HERE / "events.jsonl").read_bytes().splitlines()
# Write a line here when a log of a new release is added; a line is never edited.
LOGS = {
    "log_0.1.0.jsonl": (
        "cc28e81763e73a2125976d8cce905eee1d17f9e0b125967ad5ab5360f78e2346",
        "84a429cf278016c7c3f7c9b2d48a5839154a50e027593e624bd9cf42c1dff964",
    ),
    # From here on a plain success claims with the same event.
    "log_0.1.0_claims.jsonl": (
        "1969266abf8cf610f6b0b5a7666b81ab3a0c80b84adc909f567885a342a1986e",
        "88357dcef74478df2225a554481b14c16d8243f6ec8cf27dbdb64a231a559f83",
    ),
}


@pytest.mark.parametrize("line", EVENTS, ids=lambda line: msgspec.json.decode(line)["type"])
def test_a_stored_event_is_read_and_written_alike(line: bytes) -> None:
    event = to_event(msgspec.json.decode(line, type=Record))
    assert canonical_bytes(to_record(event)) == line


def test_every_event_has_its_bytes() -> None:
    assert {msgspec.json.decode(line)["type"] for line in EVENTS} == set(type_registry)


@pytest.mark.parametrize("name", LOGS)
def test_an_old_log_folds_to_the_same_state(name: str) -> None:
    lines = read_log(HERE / name)
    assert (log_digest(lines), state_digest(lines)) == LOGS[name]


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_fold_is_the_same_with_another_hash_seed(seed: str) -> None:
    name = list(LOGS)[-1]
    done = subprocess.run(
        [sys.executable, "-m", "golden.digest", str(HERE / name)],
        env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert tuple(done.stdout.split()[:2]) == LOGS[name]
    # The same commands lead to the same log as well.
    assert done.stdout.split()[2] == LOGS[name][0]
