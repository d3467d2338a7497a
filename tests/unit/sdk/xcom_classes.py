"""Classes as people put them into a module beside their DAG file."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import pydantic


@dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        Point.made += 1


Point.made = 0  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Frozen:
    inner: Any
    derived: str = field(init=False, default="d")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: Any = None


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", arbitrary_types_allowed=True)

    count: int = pydantic.Field(alias="n", default=0)
    inner: Any = None
    _seen: int = pydantic.PrivateAttr(default=0)

    @pydantic.field_validator("count")
    @classmethod
    def doubled(cls, value: int) -> int:
        """What would change a value that passed through it twice."""
        return value * 2


class Pair(NamedTuple):
    left: Any
    right: Any = None


class Color(enum.Enum):
    RED = (255, 0, 0)
    BLUE = (0, 0, 255)


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Shout(enum.StrEnum):
    HEY = "hey"


class Opaque:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]
