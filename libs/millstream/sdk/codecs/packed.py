"""A container: a JSON header with the tree, then the binary parts that it numbers.

8 bytes of magic, 8 bytes with the length of the header (little-endian), the header, then the parts,
each beginning at a multiple of 64 bytes, so that arrays can be read where they lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from millstream.sdk.codecs.plain import dump

MAGIC = b"MSXCOM1\n"
ALIGNMENT = 64


class Streamed(Protocol):
    """A binary part that is made when it is written: a table is not copied into memory first."""

    nbytes: int

    def append_to(self, path: str) -> None:
        """Writes it to the end of a file. Raises OSError."""
        ...

    def data(self) -> bytes | memoryview:
        """All of it in memory, for what is small."""
        ...


Buffer = bytes | memoryview
Part = bytes | memoryview | Streamed


def in_memory(part: Part) -> Buffer:
    return part if isinstance(part, bytes | memoryview) else part.data()


def size_of(part: Part) -> int:
    """In bytes."""
    return len(part) if isinstance(part, bytes) else part.nbytes


class _Header(msgspec.Struct):
    value: Any
    sizes: list[int]


_decoder = msgspec.json.Decoder(_Header)


def pack(tree: Any, parts: Sequence[memoryview | Streamed]) -> list[Part]:
    """The parts of the container, in order."""
    header = dump({"value": tree, "sizes": [part.nbytes for part in parts]})
    start = len(MAGIC) + 8 + len(header)
    buffers: list[Part] = [MAGIC, len(header).to_bytes(8, "little"), header]
    buffers.append(bytes(-start % ALIGNMENT))
    for part in parts:
        buffers += [part, bytes(-part.nbytes % ALIGNMENT)]
    return buffers


def unpack(data: bytes | memoryview) -> tuple[Any, list[memoryview]]:
    """The tree and the parts. Raises ValueError for what is no container."""
    view = memoryview(data)
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise ValueError("it does not begin as a container does")
    start = len(MAGIC) + 8
    end = start + int.from_bytes(view[len(MAGIC) : start], "little")
    header = _decoder.decode(view[start:end])
    place = end + -end % ALIGNMENT
    parts = []
    for size in header.sizes:
        if size < 0 or place + size > len(view):
            raise ValueError("it is cut off")
        parts.append(view[place : place + size])
        place += size + -size % ALIGNMENT
    return header.value, parts
