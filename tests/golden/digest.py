"""The digest of a log and of the state that it folds to; run as a program by the golden tests."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import msgspec

from millstream.core.commands import BeginEpoch
from millstream.core.event_parts import XCom
from millstream.core.evolve import evolve
from millstream.core.spec import EmptyAction, TriggerRule
from millstream.core.state import State
from millstream.core.wire import (
    GENESIS,
    Record,
    canonical_bytes,
    chain_digest,
    to_event,
    to_record,
)
from shard import Shard, dag, task


def read_log(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def log_digest(lines: list[bytes]) -> str:
    digest = GENESIS
    for line in lines:
        digest = chain_digest(digest, line)
    return digest.hex()


def facts(state: State) -> list[object]:
    """What a state must say in every release; a new field of a state is not here."""
    runs = [
        [
            *run.key,
            run.version.version,
            run.status,
            run.unfinished,
            [
                [i.status, i.attempt, i.failures, i.losses, i.token, i.worker, i.retry_at]
                for i in run.instances
            ],
        ]
        for run in state.runs.values()
    ]
    dags = [[*key, *dag.versions] for key, dag in state.dags.items()]
    ready = [[*key, position] for key, position in state.ready.items()]
    return [state.position, state.epoch, state.recorded_at, dags, runs, ready]


def state_digest(lines: list[bytes]) -> str:
    """Of the state after every event, so that a difference in the middle is seen as well."""
    digest = hashlib.sha256()
    state = State()
    for line in lines:
        evolve(state, to_event(msgspec.json.decode(line, type=Record)))
        digest.update(msgspec.json.encode(facts(state)))
    return digest.hexdigest()


def play() -> list[bytes]:
    """The commands of which the logs were made, each by the rules of its time."""
    shard = Shard()
    shard.handle(BeginEpoch(id="epoch/1", holder="golden"))
    shard.submit(
        dag(
            task("extract", retries=2, retry_delay_s=10, retry_multiplier=2),
            task("check", "extract", action=EmptyAction()),
            task("load", "extract", "check"),
            task("alarm", "load", "check", trigger_rule=TriggerRule.ONE_FAILED),
            task("report", "load", "alarm", trigger_rule=TriggerRule.ALL_DONE, queue="small"),
            tags=("golden",),
        )
    )
    shard.trigger(conf={"day": "2026-01-01", "text": "\x00é\U0001f4a5"})
    shard.fail("extract", traceback="Traceback")
    shard.retry("extract")
    shard.start("extract", 2)
    shard.lose("extract", 2)
    xcoms = {"return_value": XCom(value=msgspec.Raw(b'{"rows": 1.0e3}'), size=15)}
    shard.succeed("extract", 3, xcoms=xcoms)
    shard.ready_again("load")
    shard.skip("load")
    shard.submit(dag(task("a"), task("b", "a"), dag_id="other"))
    shard.trigger("r2", dag_id="other")
    shard.trigger("r3", dag_id="other", conf={"big": "x" * 3000})
    shard.succeed("report")
    return [canonical_bytes(to_record(event)) for event in shard.log]


if __name__ == "__main__":
    stored = read_log(Path(sys.argv[1]))
    print(log_digest(stored), state_digest(stored), log_digest(play()))
