"""What is JSON already: None, bool, int, finite float, str, list and dict with str or int keys.

Subclasses (``numpy.float64``, ``StrEnum``) count as what they extend, and an int as a dict key
becomes a str, both as in Airflow. NUL characters, which Postgres has not, are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class WrittenAsList(Sequence[Any]):
    """A sequence that is handed on as a list of its items."""


class NotPlain(Exception):
    """A value that is not JSON."""


class Unencodable(Exception):
    """A value that cannot be handed on: ``what`` it is, at which ``path`` in the whole, and what to
    do about it."""

    def __init__(self, path: str, what: str, advice: str) -> None:
        self.path, self.what, self.advice = path, what, advice


def plain_json(value: Any) -> bytes:
    """The JSON text. Raises NotPlain or Unencodable."""
    return dump(_plain(value))


def dump(tree: Any) -> bytes:
    """A tree of JSON values as text."""
    return _encode(tree).encode()


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        if "\0" in value:
            raise NotPlain
        return value
    if kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if math.isfinite(value):
            return value
        raise NotPlain
    if kind is dict:
        return {_key(key): _plain(item) for key, item in value.items()}
    if kind is list:
        return [_plain(item) for item in value]
    return _plain_subclass(value)


def _key(key: Any) -> str:
    if type(key) is str and "\0" not in key:
        return key
    raise NotPlain


def _plain_subclass(value: Any) -> Any:
    if isinstance(value, str):
        return _plain(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _plain(float(value))
    if isinstance(value, WrittenAsList):
        return [_plain(item) for item in value]
    raise NotPlain
