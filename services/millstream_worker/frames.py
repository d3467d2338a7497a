"""What passes between the worker and a child: frames of four bytes of length and JSON."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from millstream.core.asset_events import AssetEventsQuestion
from millstream.core.deferral import TriggerCall
from millstream.core.event_parts import Where
from millstream.core.known_xcoms import KnownXComs
from millstream.core.xcoms import XComPull
from millstream.sdk.attempts import Attempt, Firing, Outcome

LENGTH = struct.Struct("!I")
MAX_FRAME_BYTES = 2**31


class Run(msgspec.Struct, frozen=True, tag_field="kind", tag="run"):
    """Run an attempt. ``bundle_dir`` is the unpacked bundle and ``file`` the DAG file in it; both
    are empty for an attempt that needs none. ``environment`` is set in the process before the file
    is loaded, and meant for one that runs nothing else; ``known`` need not be asked for."""

    attempt: Attempt
    bundle_dir: str
    file: str
    environment: dict[str, str] = {}
    known: KnownXComs = {}


class Stop(msgspec.Struct, frozen=True):
    """Why SIGTERM comes: in the file ``<pid>-stop`` of the scratch directory. ``is_timeout``:
    the task's time is over, which it sees as such."""

    why: str
    is_timeout: bool = False


class Pulled(msgspec.Struct, frozen=True, tag_field="kind", tag="pulled"):
    """The answer to `Pull`: an `XComAnswer`, or ``error`` where nothing could be found out."""

    answer: msgspec.Raw
    error: str = ""


class Fetched(msgspec.Struct, frozen=True, tag_field="kind", tag="fetched"):
    """The answer to `Fetch`: a file that holds the blob; with ``is_yours`` the reader removes
    it."""

    path: str
    is_yours: bool = False
    error: str = ""


class Pull(msgspec.Struct, frozen=True, tag_field="kind", tag="pull"):
    """The task wants XComs."""

    pull: XComPull


class Fetch(msgspec.Struct, frozen=True, tag_field="kind", tag="fetch"):
    """The task wants a blob."""

    key: str


class Store(msgspec.Struct, frozen=True, tag_field="kind", tag="store"):
    """This file of the scratch directory shall become a blob; the answer tells its key."""

    name: str


class AskAssets(msgspec.Struct, frozen=True, tag_field="kind", tag="ask_assets"):
    """The task wants updates of assets."""

    asked: AssetEventsQuestion


class ToldAssets(msgspec.Struct, frozen=True, tag_field="kind", tag="told_assets"):
    """The answer to `AskAssets`: an `AssetAnswer`, or ``error``."""

    answer: msgspec.Raw
    error: str = ""


class Find(msgspec.Struct, frozen=True, tag_field="kind", tag="find"):
    """The task wants a variable or a connection."""

    what: Literal["variable", "connection"]
    name: str


class Change(msgspec.Struct, frozen=True, tag_field="kind", tag="change"):
    """The task sets a variable, or deletes it: ``value`` None."""

    key: str
    value: str | None
    description: str = ""


class Mask(msgspec.Struct, frozen=True, tag_field="kind", tag="mask"):
    """These must not be read in the task's log, from the answer on."""

    values: list[str]


class Told(msgspec.Struct, frozen=True, tag_field="kind", tag="told"):
    """The answer to `Store`, `Find`, `Change` and `Mask`. ``value``: what was found, or the key;
    None if nothing was there. ``error``: why it could not be done."""

    value: str | None = None
    error: str = ""


class AskStates(msgspec.Struct, frozen=True, tag_field="kind", tag="ask_states"):
    """The task asks how runs and tasks of a DAG stand; ``question`` is as in ``sdk.states``.
    Answered by `Told`."""

    question: bytes


Question = Pull | Fetch | Store | AskAssets | AskStates | Find | Change | Mask
Answer = Pulled | Fetched | ToldAssets | Told


class RunTrigger(msgspec.Struct, frozen=True, tag_field="kind", tag="run_trigger"):
    """Run a trigger until it fires. After ``timeout_at`` nobody waits for it any more."""

    token: str
    where: Where
    trigger: TriggerCall
    bundle_dir: str
    file: str
    timeout_at: datetime | None = None


class CancelTrigger(msgspec.Struct, frozen=True, tag_field="kind", tag="cancel_trigger"):
    """Nobody waits for it any more. ``is_killed``: somebody ended the task."""

    token: str
    is_killed: bool = False


class Fired(msgspec.Struct, frozen=True, tag_field="kind", tag="fired"):
    """A trigger is over. ``firing`` None: it was cancelled, or nobody waits for it any more."""

    token: str
    firing: Firing | None


class Said(msgspec.Struct, frozen=True, tag_field="kind", tag="said"):
    """A line for the log of a trigger's task."""

    token: str
    text: str


class Asked(msgspec.Struct, frozen=True, tag_field="kind", tag="asked"):
    """A question of a trigger or of an async task. The answer bears the same number."""

    number: int
    token: str
    question: Question


class Answered(msgspec.Struct, frozen=True, tag_field="kind", tag="answered"):
    """The answer to `Asked`."""

    number: int
    answer: Answer


class RunTask(msgspec.Struct, frozen=True, tag_field="kind", tag="run_task"):
    """Run an attempt of an async task beside others."""

    token: str
    run: Run


class StopTask(msgspec.Struct, frozen=True, tag_field="kind", tag="stop_task"):
    """End it: with ``on_kill`` and a cancellation, and after ``grace_s`` in any case. ``why`` is
    what its error says; ``is_timeout``: its ``execution_timeout`` is over."""

    token: str
    why: str
    is_timeout: bool = False
    grace_s: float = 0.0


class Printed(msgspec.Struct, frozen=True, tag_field="kind", tag="printed"):
    """An async task wrote this to ``stdout`` or ``stderr``."""

    token: str
    source: str
    data: bytes


class Imported(msgspec.Struct, frozen=True, tag_field="kind", tag="imported"):
    """The process has imported what every attempt needs, and begins what it is given at once."""


class Done(msgspec.Struct, frozen=True, tag_field="kind", tag="done"):
    """The attempt is over. ``spent``: why the process can run no other one; ``memory``: what it
    holds now, in bytes (0: not measured)."""

    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    spent: str = ""
    memory: int = 0


class Ended(msgspec.Struct, frozen=True, tag_field="kind", tag="ended"):
    """An async task is over."""

    token: str
    done: Done


ToChild = Run | Answer | RunTrigger | CancelTrigger | Answered | RunTask | StopTask
FromChild = Question | Imported | Done | Fired | Said | Asked | Printed | Ended

_encoder = msgspec.json.Encoder()
to_child_decoder: msgspec.json.Decoder[ToChild] = msgspec.json.Decoder(ToChild)
from_child_decoder: msgspec.json.Decoder[FromChild] = msgspec.json.Decoder(FromChild)


def encode_frame(message: ToChild | FromChild) -> bytes:
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[LENGTH.size : end])
            del self._buffer[:end]
            yield body
