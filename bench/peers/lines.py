"""What a runner says, line by line; its writer is ``bench.peers.runners.turn``."""

from __future__ import annotations

import msgspec


class Ready(msgspec.Struct, frozen=True, tag_field="kind", tag="ready"):
    """It serves; ``seconds`` after its start."""

    versions: dict[str, str]
    seconds: float


class Measured(msgspec.Struct, frozen=True, tag_field="kind", tag="measured"):
    """One measurement, of the whole workload."""

    workload: str
    seconds: float
    warm_ups: int


class Done(msgspec.Struct, frozen=True, tag_field="kind", tag="done"):
    """All workloads were measured."""


Line = Ready | Measured | Done
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def parse(line: str) -> Line:
    """Raises :class:`ValueError` for what no runner says."""
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a runner's line: {line!r}: {error}") from error
