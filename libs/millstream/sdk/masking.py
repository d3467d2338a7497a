"""What must not be read in a task's log: the values to mask, and how they are masked.

A process has one :data:`masker` for what its tasks learn. A worker keeps another one for each of
its children, since the lines pass through the worker, whoever printed them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 5

# Airflow's list: a name with one of these in it names a secret.
SENSITIVE_NAMES = (
    "access_key", "access_token", "api_key", "apikey", "auth_header", "authorization", "bearer",
    "connection_string", "dsn", "keyfile_dict", "passphrase", "passwd", "password", "private_key",
    "proxies", "proxy", "secret", "service_account", "service_key", "token", "webhook_url",
)  # fmt: skip


def is_sensitive(name: str) -> bool:
    """Whether a variable or a key of ``extra`` with this name holds a secret, by its name alone."""
    plain = re.sub(r"\W+", "_", name.strip().lower())
    return any(word in plain for word in SENSITIVE_NAMES)


class Masker:
    """Values of at least :data:`SHORTEST` characters, and ``***`` in their place."""

    def __init__(self) -> None:
        self._forms: dict[bytes, None] = {}
        self._pattern: re.Pattern[bytes] | None = None
        self._hears: Callable[[list[str]], None] | None = None

    def tell(self, hears: Callable[[list[str]], None] | None) -> None:
        """``hears`` is called with values that are new, before anything can be printed."""
        self._hears = hears

    @property
    def longest(self) -> int:
        """The length of the longest value in bytes."""
        return max(map(len, self._forms), default=0)

    def add(self, values: Iterable[str]) -> None:
        """Mask these from now on, and the forms in which they are often spelt."""
        new = [value for value in values if value.encode("utf-8", "replace") not in self._forms]
        new = [value for value in new if len(value) >= SHORTEST]
        if not new:
            return
        for value in new:
            for form in _forms(value):
                self._forms[form.encode("utf-8", "replace")] = None
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))
        if self._hears is not None:
            self._hears(new)

    def mask(self, text: str) -> str:
        """``text`` without the values."""
        if self._pattern is None:
            return text
        return self.mask_bytes(text.encode("utf-8", "surrogatepass")).decode(
            "utf-8", "surrogatepass"
        )

    def mask_bytes(self, data: bytes) -> bytes:
        """The same for UTF-8."""
        if self._pattern is None:
            return data
        return self._pattern.sub(MASK.encode(), data)


def _forms(value: str) -> Iterator[str]:
    """The value as it is, as it stands in a URL, in JSON, in Python's repr, and in base64; of a
    value of several lines, such as a key, each line."""
    yield value
    spelt = [quote(value, safe=""), quote(value), quote_plus(value)]
    spelt += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    spelt += [repr(value)[1:-1], base64.b64encode(value.encode("utf-8", "replace")).decode()]
    spelt += value.splitlines()
    for form in spelt:
        if len(form) >= SHORTEST:
            yield form


masker = Masker()


def redacted(value: Any) -> Any:
    """``value`` as JSON, with ``***`` for whatever stands under the name of a secret."""
    match value:
        case Mapping():
            return {
                key: MASK if is_sensitive(str(key)) else redacted(inner)
                for key, inner in value.items()
            }
        case list() | tuple():
            return [redacted(inner) for inner in value]
        case _:
            return value


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Keeps a value out of the logs of this process's tasks from now on, as Airflow's function of
    this name. With ``name``, only if that is the name of a secret; of a dict, what it holds under
    names of secrets. A text of less than five characters is not masked."""
    masker.add(list(_texts(secret, name is None or is_sensitive(name))))


def _texts(secret: Any, is_secret: bool) -> Iterator[str]:
    """The texts to mask; in a dict its keys decide, unless all of it lies under a secret's name."""
    match secret:
        case str():
            if is_secret:
                yield secret
        case Mapping():
            for key, value in secret.items():
                yield from _inside(value, is_sensitive(str(key)))
        case list() | tuple() | set() | frozenset():
            for value in secret:
                yield from _texts(value, is_secret)


def _inside(value: Any, is_secret: bool) -> Iterator[str]:
    if is_secret and isinstance(value, Mapping):
        for inner in value.values():
            yield from _inside(inner, True)
    else:
        yield from _texts(value, is_secret)
