"""The versions of a DAG: the latest ready for use, the others as they came until somebody asks.

A DAG that is submitted again and again must not fill the scheduler, and a version that runs hold is
there once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

from millstream.core.graph import Graph
from millstream.core.spec import DagSpec, decode_spec


@dataclass(slots=True, frozen=True, weakref_slot=True)
class DagVersion:
    """One version of a DAG, shared by its runs. ``canonical`` tells equal submissions apart from
    new ones."""

    version: int
    spec: DagSpec
    bundle: str
    graph: Graph
    canonical: bytes

    @staticmethod
    def read(number: int, bundle: str, canonical: bytes) -> DagVersion:
        """Raises :class:`msgspec.MsgspecError` for what is no spec."""
        spec = decode_spec(canonical)
        return DagVersion(number, spec, bundle, Graph(spec), canonical)


class _Packed(NamedTuple):
    bundle: str
    canonical: bytes


class Versions:
    """By number. What is not the latest and in no run takes a tenth of the place."""

    __slots__ = ("_latest", "_packed", "_used")

    def __init__(self) -> None:
        self._latest: DagVersion | None = None
        self._packed: dict[int, _Packed] = {}
        self._used: WeakValueDictionary[int, DagVersion] = WeakValueDictionary()

    def add(self, version: DagVersion) -> None:
        self._packed[version.version] = _Packed(version.bundle, version.canonical)
        self._used[version.version] = version
        if self._latest is None or version.version > self._latest.version:
            self._latest = version

    @property
    def latest(self) -> DagVersion:
        assert self._latest is not None, "a DAG is known by its first version"
        return self._latest

    def __getitem__(self, number: int) -> DagVersion:
        version = self._used.get(number)
        if version is None:
            version = self._used[number] = DagVersion.read(number, *self._packed[number])
        return version

    def get(self, number: int) -> DagVersion | None:
        return self[number] if number in self._packed else None

    def __contains__(self, number: int) -> bool:
        return number in self._packed

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __repr__(self) -> str:
        return f"Versions({list(self._packed)})"

    def __bool__(self) -> bool:
        return bool(self._packed)
