"""Exports of the log in files: written, and held against their chain."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec

from millstream.core.errors import MillstreamError
from millstream.verify.rows import Row, canonical, decode

if TYPE_CHECKING:
    from millstream.client.export import ChainHeads, Export

FORMAT = "millstream-audit/1"
_LINE = re.compile(rb'(\{"position":([1-9][0-9]*),[^\r\n]*),"digest":"([0-9a-f]{64})"\}\n')
_PACKED = re.compile(rb'\{"position":[0-9]+,"base64":"([A-Za-z0-9+/=]+)"')
_BUFFER = 1 << 20
_BATCH = 5000


class NotAuthentic(MillstreamError):
    """An export that is not what the log held; the text says where that is seen first."""

    reason = "NOT_AUTHENTIC"


class UnusableFile(MillstreamError):
    """A file that cannot be read or written."""

    reason = "UNUSABLE_FILE"


class Heads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What EXPORT.heads.json holds: the two ends of the chain."""

    format: str
    first_position: int
    last_position: int
    before: str
    digest: str


def heads_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.heads.json")


def write_export(export: Export, path: Path, *, is_parquet: bool) -> Heads:
    """Write an export and its heads. Both have their names when they are whole and right. Raises
    :class:`NotAuthentic` and :class:`UnusableFile`."""
    heads = _heads_of(export.heads)
    check = _Chain(heads, {})
    pieces = _checked(export.pieces(), check)
    part = path.with_name(f"{path.name}.part")
    try:
        if is_parquet:
            _write_parquet(part, pieces, heads)
        else:
            with _opened(part, "wb", is_packed=path.suffix == ".gz") as file:
                for piece in pieces:
                    file.write(piece)
        check.finish()
        heads_path(path).write_bytes(msgspec.json.encode(heads) + b"\n")
        part.replace(path)
    except OSError as error:
        raise UnusableFile(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return heads


def verify_export(path: Path, heads_file: Path | None, anchors: Mapping[int, str]) -> Heads:
    """Hold a file against its heads, and against digests that were kept elsewhere, by position.
    Raises :class:`NotAuthentic` and :class:`UnusableFile`."""
    heads = _read_heads(heads_file or heads_path(path))
    check = _Chain(heads, dict(anchors))
    try:
        if is_parquet(path):
            for row in _parquet_rows(path):
                check.add(row.position, canonical(row), row.digest)
        else:
            with _opened(path, "rb") as file:
                for line in file:
                    check.add_line(line)
    except (OSError, EOFError) as error:
        raise UnusableFile(f"{path} cannot be read: {error}") from error
    check.finish()
    return heads


def is_parquet(path: Path) -> bool:
    return path.suffix == ".parquet"


class _Chain:
    """Goes along the events of an export."""

    def __init__(self, heads: Heads, anchors: dict[int, str]) -> None:
        self._heads = heads
        self._anchors = anchors
        self._position = heads.first_position - 1
        self._digest = bytes.fromhex(heads.before)

    def add_line(self, line: bytes) -> None:
        position, text, digest = _parted(line, self._position)
        self.add(position, text, digest)

    def add(self, position: int, text: bytes, digest: str) -> None:
        wanted = self._position + 1
        if position != wanted or not text.startswith(b'{"position":%d,' % position):
            raise NotAuthentic(f"Position {position} stands where {wanted} should.")
        self._position = position
        self._digest = hashlib.sha256(self._digest + text).digest()
        if self._digest.hex() != digest:
            raise NotAuthentic(f"Position {position}, or the digest before it, was changed.")
        if self._anchors.pop(position, digest) != digest:
            raise NotAuthentic(
                f"Position {position} has another digest than the one that was kept."
            )

    def finish(self) -> None:
        heads = self._heads
        if self._position != heads.last_position:
            raise NotAuthentic(
                f"The export ends at position {self._position}, and not at {heads.last_position}."
            )
        if self._digest.hex() != heads.digest:
            raise NotAuthentic("The last digest is not the one of the heads.")
        if self._anchors:
            position = min(self._anchors)
            raise NotAuthentic(f"Position {position} was kept and is not in the export.")


def _checked(pieces: Iterable[bytes], check: _Chain) -> Iterator[bytes]:
    for piece in pieces:
        for line in piece.splitlines(keepends=True):
            check.add_line(line)
        yield piece


def _parted(line: bytes, position: int) -> tuple[int, bytes, str]:
    """The position, the canonical bytes and the digest of a line."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise NotAuthentic(f"After position {position} comes a line that is no event of a log.")
    packed = _PACKED.fullmatch(found[1])
    try:
        text = base64.b64decode(packed[1], validate=True) if packed else found[1] + b"}"
    except ValueError:
        raise NotAuthentic(f"The line after position {position} was changed.") from None
    return int(found[2]), text, found[3].decode()


def _heads_of(heads: ChainHeads) -> Heads:
    return Heads(
        format=FORMAT,
        first_position=heads.first_position,
        last_position=heads.last_position,
        before=heads.before,
        digest=heads.digest,
    )


def _read_heads(path: Path) -> Heads:
    try:
        heads = msgspec.json.decode(path.read_bytes(), type=Heads)
        is_right = heads.format == FORMAT and len(bytes.fromhex(heads.before)) == 32
    except OSError as error:
        raise UnusableFile(f"The heads of the export cannot be read: {error}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise NotAuthentic(f"{path} is not what an export writes: {error}") from None
    is_genesis = heads.first_position != 1 or heads.before == "0" * 64
    if not is_right or not is_genesis or not 1 <= heads.first_position <= heads.last_position:
        raise NotAuthentic(f"{path} is not what an export writes.")
    return heads


@contextmanager
def _opened(path: Path, mode: str, *, is_packed: bool | None = None) -> Iterator[IO[bytes]]:
    is_packed = path.suffix == ".gz" if is_packed is None else is_packed
    with path.open(mode, buffering=_BUFFER) as plain:
        if is_packed:
            with gzip.open(plain, mode, compresslevel=6) as packed:
                yield cast("IO[bytes]", packed)
        else:
            yield cast("IO[bytes]", plain)


# --- Parquet


def _write_parquet(path: Path, pieces: Iterable[bytes], heads: Heads) -> None:
    pa, pq = _pyarrow()
    schema = _schema(pa).with_metadata({"millstream.heads": msgspec.json.encode(heads)})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for piece in pieces:
            for line in piece.splitlines(keepends=True):
                _, text, digest = _parted(line, 0)
                batch.append(_columns(decode(text), digest))
            if len(batch) >= _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _parquet_rows(path: Path) -> Iterator[Row]:
    pa, pq = _pyarrow()
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for columns in batch.to_pylist():
                    yield _row(columns)
    except (pa.ArrowException, KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAuthentic(f"{path} is not what an export writes: {error}") from error


def _columns(row: Row, digest: str) -> dict[str, Any]:
    columns = msgspec.structs.asdict(row)
    return columns | {"data": bytes(row.data).decode(), "digest": digest}


def _row(columns: dict[str, Any]) -> Row:
    return Row(
        **columns
        | {
            "map_index": tuple(columns["map_index"]),
            "data": msgspec.Raw(columns["data"].encode()),
            "recorded_at": columns["recorded_at"].astimezone(UTC),
        }
    )


def _schema(pa: Any) -> Any:
    types = {
        **dict.fromkeys(("position", "epoch"), pa.int64()),
        "attempt": pa.int32(),
        "map_index": pa.list_(pa.int32()),
        "recorded_at": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([(name, types.get(name, pa.string())) for name in Row.__struct_fields__])


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UnusableFile(
            "Parquet needs pyarrow: pip install 'millstream[parquet]', or export JSON lines."
        ) from error
    return pyarrow, pyarrow.parquet
