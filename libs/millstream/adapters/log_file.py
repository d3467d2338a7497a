"""A log in a file: one event a line, as it is on the stream EVENTS, or in Base64 where its bytes
have line breaks in them, as in an export. A name that ends in .gz is compressed."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from millstream.core.errors import MillstreamError
from millstream.core.wire import exported_line
from millstream.verify.rows import Row, canonical, decode, message

# So many bytes at once, so that a line costs no system call.
_BUFFER = 1 << 20
_PACKED = re.compile(rb'\{"position":[1-9][0-9]*,"base64":')


class UnreadableLog(MillstreamError):
    """A file that is no log, or only a part of one."""

    reason = "UNREADABLE_LOG"


def read_log(path: Path) -> Iterator[Row]:
    """The rows of a file, one after the other. Raises :class:`UnreadableLog`."""
    number = 0
    try:
        with _open(path, "rb") as file:
            for line in file:
                number += 1
                yield _row(line)
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        after = f" after line {number}" if number else ""
        raise UnreadableLog(f"{path} cannot be read{after}: {error}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise UnreadableLog(
            f"Line {number} of {path} is no event of a log: {error}. `millstream verify --dump "
            "FILE` writes such files."
        ) from error
    if not number:
        raise UnreadableLog(f"{path} is empty.")


class _Packed(msgspec.Struct):
    """A line for bytes that would be several."""

    base64: str
    digest: str = ""


_packed_decoder = msgspec.json.Decoder(_Packed)


def _row(line: bytes) -> Row:
    """Raises ``msgspec.MsgspecError`` and ``ValueError``."""
    if not _PACKED.match(line):
        return decode(line)
    packed = _packed_decoder.decode(line)
    row = decode(base64.b64decode(packed.base64, validate=True))
    return msgspec.structs.replace(row, digest=packed.digest)


class LogWriter:
    """Writes rows to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, row: Row) -> None:
        text = message(row)
        if b"\n" in text or b"\r" in text:
            text = exported_line(row.position, canonical(row), bytes.fromhex(row.digest))
        self._file.write(text + b"\n")


@contextmanager
def write_log(path: Path) -> Iterator[LogWriter]:
    """A new file for a log. It has its name when it is whole. Raises :class:`UnreadableLog`."""
    part = path.with_name(f"{path.name}.part")
    try:
        with _open(part, "wb", is_packed=path.suffix == ".gz") as file:
            yield LogWriter(file)
        part.replace(path)
    except OSError as error:
        raise UnreadableLog(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _open(path: Path, mode: str, *, is_packed: bool | None = None) -> Iterator[BinaryIO]:
    is_packed = path.suffix == ".gz" if is_packed is None else is_packed
    with path.open(mode, buffering=_BUFFER) as plain:
        if is_packed:
            with gzip.open(plain, mode, compresslevel=6) as packed:
                yield cast("BinaryIO", packed)
        else:
            yield cast("BinaryIO", plain)
