"""What a running task may ask of its worker, whichever way the questions take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import msgspec

from millstream.core.asset_events import AssetAnswer, AssetEventRecord, AssetEventsQuestion
from millstream.core.known_xcoms import find_known
from millstream.core.xcoms import XComAnswer, XComPull
from millstream.sdk.attempts import Attempt
from millstream.sdk.codecs import Part
from millstream_worker.blob_files import read_blob_file, write_blob_file
from millstream_worker.frames import (
    Answer,
    AskAssets,
    AskStates,
    Change,
    Fetch,
    Fetched,
    Find,
    Mask,
    Pull,
    Pulled,
    Question,
    Run,
    Store,
    Told,
    ToldAssets,
)

_answer_decoder = msgspec.json.Decoder(XComAnswer)
_asset_decoder = msgspec.json.Decoder(AssetAnswer)


class TaskLine(ABC):
    """A :class:`~millstream.sdk.pulling.TaskChannel` out of questions and answers. All of it raises
    :class:`MillstreamError`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._run: Run | None = None
        self._pulled: set[XComPull] = set()

    def serve(self, run: Run | None) -> None:
        """From now on the questions are this attempt's."""
        self._run = run
        self._pulled.clear()

    @abstractmethod
    def ask(self, question: Question) -> Answer:
        """The answer; raises what it says is wrong."""

    def pull_xcoms(self, pull: XComPull) -> XComAnswer:
        run = self._run
        if run is not None and run.known and _is_own(pull, run.attempt):
            known = find_known(run.known, pull)
            # Who asks again waits for something new.
            if known is not None and pull not in self._pulled:
                self._pulled.add(pull)
                return known
        answer = self.ask(Pull(pull))
        assert isinstance(answer, Pulled)
        return _answer_decoder.decode(answer.answer)

    def get_blob(self, key: str) -> bytes | memoryview:
        answer = self.ask(Fetch(key))
        assert isinstance(answer, Fetched)
        return read_blob_file(answer.path, key, answer.is_yours)

    def put_blob(self, parts: Sequence[Part]) -> str:
        key = self.told(Store(write_blob_file(self._scratch, parts)))
        assert key is not None
        return key

    def find_asset_events(self, asked: AssetEventsQuestion) -> list[AssetEventRecord]:
        answer = self.ask(AskAssets(asked))
        assert isinstance(answer, ToldAssets)
        return list(_asset_decoder.decode(answer.answer).events)

    def find_variable(self, key: str) -> str | None:
        return self.told(Find("variable", key))

    def find_connection(self, conn_id: str) -> str | None:
        return self.told(Find("connection", conn_id))

    def set_variable(self, key: str, value: str, description: str) -> None:
        self.told(Change(key, value, description))

    def delete_variable(self, key: str) -> bool:
        return self.told(Change(key, None)) is not None

    def find_states(self, question: bytes) -> bytes:
        return (self.told(AskStates(question)) or "").encode()

    def told(self, question: Store | Find | Change | Mask | AskStates) -> str | None:
        answer = self.ask(question)
        assert isinstance(answer, Told)
        return answer.value


def _is_own(pull: XComPull, attempt: Attempt) -> bool:
    """Does it ask for what the attempt's own run handed on?"""
    return pull.dag_id in ("", attempt.dag_id) and pull.run_id in ("", attempt.run_id)
