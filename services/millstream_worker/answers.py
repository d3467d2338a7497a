"""What a running task asks for: XComs, blobs, variables, the state of other runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from millstream.adapters.failpoints import reach
from millstream.adapters.lookup import (
    AssetQuestion,
    ConfAnswer,
    ConfQuestion,
    XComQuestion,
    encode_question,
)
from millstream.adapters.subjects import lookup_subject
from millstream.core.asset_events import AssetEventsQuestion
from millstream.core.commands import Claim
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.event_parts import RunInfo, Where
from millstream.core.receipts import Receipt
from millstream.core.xcoms import XComPull
from millstream_worker.ask_states import find_states
from millstream_worker.frames import (
    Answer,
    AskAssets,
    AskStates,
    Change,
    Fetch,
    Fetched,
    Find,
    Pull,
    Pulled,
    Question,
    Store,
    Told,
    ToldAssets,
)
from millstream_worker.tools import Tools

log = structlog.get_logger(__name__)

LOOKUP_TIMEOUT_S = 2.0
# For so long the projector may be away before a task fails for it. Not in tries: that nobody
# listens is known at once.
LOOKUP_PATIENCE_S = 60.0
LOOKUP_PAUSE_S = 0.2

_conf_decoder = msgspec.json.Decoder(ConfAnswer)


class Answers:
    """Answers to one attempt, as of ``position``, that of its ready event. ``claim`` makes the
    attempt's claim, if there is none yet, and gives its receipt."""

    def __init__(
        self,
        tools: Tools,
        where: Where,
        run: RunInfo,
        position: int,
        token: str,
        claim: Callable[[], asyncio.Future[Receipt]],
    ) -> None:
        self._tools = tools
        self._where = where
        self._run = run
        self._position = position
        self._token = token
        self._claim = claim
        self._changes = 0
        self._pulled: set[XComPull] = set()
        self._copies: list[str] = []
        self._is_over = False

    def close(self) -> None:
        """The attempt is over: copies of blobs that it did not come to read are removed."""
        self._is_over = True
        for path in self._copies:
            Path(path).unlink(missing_ok=True)
        self._copies.clear()

    async def conf(self) -> dict[str, Any]:
        where = self._where
        question = ConfQuestion(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            position=self._position,
        )
        answer = _conf_decoder.decode(await self._look_up("conf", encode_question(question)))
        conf: dict[str, Any] = msgspec.json.decode(answer.conf)
        return conf

    async def answer(self, question: Question) -> Answer:
        """What the task asks for; it must get an answer whatever happens, or it waits for ever."""
        try:
            return await self._answer(question)
        except Exception as error:
            log.exception("answer_failed_inside", task_id=self._where.task_id)
            said = f"the worker failed on this: {type(error).__name__}: {error}"
            match question:
                case Pull():
                    return Pulled(msgspec.Raw(b"null"), said)
                case Fetch():
                    return Fetched("", error=said)
                case AskAssets():
                    return ToldAssets(msgspec.Raw(b"null"), said)
                case _:
                    return Told(error=said)

    async def _answer(self, question: Question) -> Answer:
        match question:
            case Pull(pull):
                try:
                    return Pulled(msgspec.Raw(await self._pull(pull)))
                except MillstreamError as error:
                    names = ", ".join(dict.fromkeys(query.task_id for query in pull.queries))
                    return Pulled(
                        msgspec.Raw(b"null"), f"the XComs of {names} could not be read: {error}"
                    )
            case Fetch(key):
                try:
                    path, is_new = await self._tools.blobs.get_file(key, self._tools.scratch)
                    if is_new:
                        self._copies.append(path)
                    if self._is_over:
                        self.close()
                    return Fetched(path, is_new)
                except MillstreamError as error:
                    return Fetched("", error=f"an XCom could not be read: {error}")
            case Store(name):
                try:
                    return Told(await self._store(name))
                except MillstreamError as error:
                    return Told(error=f"an XCom could not be stored: {error}")
            case AskAssets(asked):
                try:
                    return ToldAssets(msgspec.Raw(await self._asset_events(asked)))
                except MillstreamError as error:
                    return ToldAssets(
                        msgspec.Raw(b"null"), f"updates of assets could not be read: {error}"
                    )
            case Find():
                return await self._tools.secrets.find(
                    question, self._where.namespace, self._look_up
                )
            case Change():
                return await self._change(question)
            case AskStates(question=data):
                tools = self._tools
                try:
                    found = await find_states(tools.bus, tools.shard, self._where.namespace, data)
                    return Told(found.decode())
                except msgspec.MsgspecError as error:
                    return Told(error=str(error))
            case _:
                return Told()

    async def _store(self, name: str) -> str:
        path = self._tools.scratch / Path(name).name
        try:
            key = await self._tools.blobs.put_file(path)
            reach("worker.uploaded")
            return key
        finally:
            path.unlink(missing_ok=True)

    async def _asset_events(self, asked: AssetEventsQuestion) -> bytes:
        where = self._where
        question = AssetQuestion(
            namespace=where.namespace,
            dag_id=where.dag_id,
            run_id=where.run_id,
            asked=asked,
            position=self._position,
        )
        return await self._look_up("assets", encode_question(question))

    async def _change(self, change: Change) -> Told:
        """Only the attempt that runs may change something, so its claim comes first."""
        if (await self._claim()).is_refused:
            return Told(error="another worker has the attempt")
        self._changes += 1
        command_id = f"{self._token}/variable/{self._changes}"
        held = Claim(where=self._where, worker=self._tools.worker, token=self._token)
        return await self._tools.secrets.change(change, held, command_id)

    async def _pull(self, pull: XComPull) -> bytes:
        where, run = self._where, self._run
        is_dated = pull.include_prior_dates and pull.run_id in ("", where.run_id)
        question = XComQuestion(
            namespace=where.namespace,
            dag_id=pull.dag_id or where.dag_id,
            run_id=pull.run_id or where.run_id,
            pull=pull,
            position=self._position,
            until=(run.logical_date or run.run_after) if is_dated else None,
        )
        is_repeated = pull in self._pulled
        self._pulled.add(pull)
        if is_dated or is_repeated:
            # Who asks again waits for something new.
            return await self._look_up("xcom", encode_question(question))
        return await self._tools.pulls.get(
            (question.namespace, question.dag_id, question.run_id, pull),
            self._position,
            lambda: self._look_up("xcom", encode_question(question)),
        )

    async def _look_up(self, what: str, question: bytes) -> bytes:
        """Ask the projector, patiently: it may be restarting."""
        subject = lookup_subject(self._tools.shard, what)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOOKUP_PATIENCE_S
        while True:
            try:
                return await self._tools.bus.ask(subject, question, LOOKUP_TIMEOUT_S)
            except Unavailable:
                if loop.time() > deadline:
                    raise
            await asyncio.sleep(LOOKUP_PAUSE_S)
