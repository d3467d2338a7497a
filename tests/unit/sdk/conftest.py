"""What the SDK tests share: a channel that holds XComs in memory, and attempts of one run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millstream.core.asset_events import AssetEventRecord, AssetEventsQuestion
from millstream.core.event_parts import RunInfo, XCom
from millstream.core.run_states import StatesAnswer, StatesQuestion
from millstream.core.spec import Action
from millstream.core.xcoms import FoundXCom, Place, XComAnswer, XComPull
from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.codecs import in_memory
from millstream.sdk.dag import DAG
from millstream.sdk.execution import run_attempt
from millstream.sdk.load import load_dags
from millstream.sdk.states import decode_question, encode_answer

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


class MemoryChannel:
    """XComs of one run by task id and key, JSON text; those of mapped instances by their path."""

    def __init__(self) -> None:
        self.xcoms: dict[str, dict[str, bytes]] = {}
        self.mapped: dict[str, dict[tuple[int, ...], dict[str, bytes]]] = {}
        self.coded: dict[str, dict[str, XCom]] = {}
        self.blobs: dict[str, bytes] = {}
        self.most = 1000
        self.asked: list[XComPull] = []
        self.asset_events: list[AssetEventRecord] = []
        self.asked_assets: list[AssetEventsQuestion] = []
        self.variables: dict[str, str] = {}
        self.connections: dict[str, str] = {}
        self.states: list[StatesAnswer] = []
        self.questions: list[StatesQuestion] = []

    def find_states(self, question: bytes) -> bytes:
        """The next of ``states``; the last one again and again."""
        self.questions.append(decode_question(question))
        return encode_answer(self.states.pop(0) if len(self.states) > 1 else self.states[0])

    def put(
        self, task_id: str, value: Any, key: str = "return_value", path: tuple[int, ...] = ()
    ) -> None:
        text = msgspec.json.encode(value)
        if path:
            self.mapped.setdefault(task_id, {}).setdefault(path, {})[key] = text
        else:
            self.xcoms.setdefault(task_id, {})[key] = text

    def pull_xcoms(self, pull: XComPull) -> XComAnswer:
        """At most ``most`` of them at a time."""
        self.asked.append(pull)
        found = []
        for number, query in enumerate(pull.queries):
            instances = {
                (): self.xcoms.get(query.task_id, {}),
                **self.mapped.get(query.task_id, {}),
            }
            coded = self.coded.get(query.task_id, {}).get(query.key)
            if coded is not None and pull.after is None and not query.map_index:
                found.append(FoundXCom(number, (), coded))
                continue
            for path in sorted(instances):
                is_under = query.under and path[: len(query.map_index)] == query.map_index
                is_new = pull.after is None or (pull.after.query, pull.after.map_index) < (
                    number,
                    path,
                )
                if (
                    (path == query.map_index or is_under)
                    and query.key in instances[path]
                    and is_new
                ):
                    xcom = XCom(value=msgspec.Raw(instances[path][query.key]))
                    if len(found) == self.most:
                        last = found[-1]
                        return XComAnswer(tuple(found), Place(last.query, last.map_index))
                    found.append(FoundXCom(number, path, xcom))
        return XComAnswer(tuple(found))

    def get_blob(self, key: str) -> bytes:
        return self.blobs[key]

    def put_blob(self, parts: Any) -> str:
        data = b"".join(map(in_memory, parts))
        key = hashlib.sha256(data).hexdigest()
        self.blobs[key] = data
        return key

    def find_asset_events(self, asked: AssetEventsQuestion) -> list[AssetEventRecord]:
        self.asked_assets.append(asked)
        return self.asset_events

    def find_variable(self, key: str) -> str | None:
        return self.variables.get(key)

    def find_connection(self, conn_id: str) -> str | None:
        return self.connections.get(conn_id)

    def set_variable(self, key: str, value: str, description: str) -> None:
        self.variables[key] = value

    def delete_variable(self, key: str) -> bool:
        return self.variables.pop(key, None) is not None


@pytest.fixture
def channel() -> MemoryChannel:
    return MemoryChannel()


@pytest.fixture
def run_info() -> RunInfo:
    return RunInfo(
        run_type="scheduled",
        run_after=NOON,
        logical_date=NOON,
        data_interval_start=NOON,
        data_interval_end=datetime(2024, 3, 1, 12, tzinfo=UTC),
        conf={"size": 3},
    )


@pytest.fixture
def run(channel: MemoryChannel, run_info: RunInfo) -> Callable[..., Outcome]:
    """Runs one task, by its DAG or by a plain action, and keeps what it pushed for the next."""

    def run_one(
        dag: DAG | None, task_id: str, action: Action | None = None, **more: Any
    ) -> Outcome:
        if action is None:
            assert dag is not None
            action = dag.get_task(task_id).action()
        fields: dict[str, Any] = {
            "namespace": "default",
            "dag_id": dag.dag_id if dag else "plain",
            "run_id": "scheduled__2024",
            "task_id": task_id,
            "action": action,
            "run": run_info,
            "do_xcom_push": dag.get_task(task_id).do_xcom_push
            if dag and dag.has_task(task_id)
            else True,
        }
        outcome = run_attempt(Attempt(**{**fields, **more}), dag, channel)
        channel.xcoms[task_id] = dict(outcome.xcoms)
        channel.coded[task_id] = dict(outcome.coded)
        return outcome

    return run_one


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[DAG]]:
    """Writes a DAG file, with the usual imports in line 1, and loads it."""
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))

    def load_source(source: str, name: str = "flow.py") -> list[DAG]:
        file = tmp_path / name
        file.write_text("from millstream import *\n" + source)
        return load_dags(file)

    return load_source
