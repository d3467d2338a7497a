"""What must not be read in a task's log: the values to mask, and how they are masked.

A process has one :data:`masker` for what its tasks learn. A worker keeps another one for each of
its children, since the lines pass through the worker, whoever printed them.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 5
LONGEST_REMEMBERED = 100
# Of a line of base64: of MIME, of PEM.
_BASE64_WIDTHS = (76, 64)
_URLSAFE = bytes.maketrans(b"+/", b"-_")

# Airflow's list: a name with one of these in it names a secret.
SENSITIVE_NAMES = (
    "access_key", "access_token", "api_key", "apikey", "auth_header", "authorization", "bearer",
    "connection_string", "dsn", "keyfile_dict", "passphrase", "passwd", "password", "private_key",
    "proxies", "proxy", "secret", "service_account", "service_key", "token", "webhook_url",
)  # fmt: skip


def is_sensitive(name: str) -> bool:
    """Whether a variable or a key of ``extra`` with this name holds a secret, by its name alone."""
    return _is_sensitive(name) if len(name) > LONGEST_REMEMBERED else _remembered(name)


def _is_sensitive(name: str) -> bool:
    plain = re.sub(r"\W+", "_", name.strip().lower())
    return any(word in plain for word in SENSITIVE_NAMES)


_remembered = lru_cache(maxsize=1000)(_is_sensitive)


class Masker:
    """Values of at least :data:`SHORTEST` characters, and ``***`` in their place.

    A pattern of the first bytes of all forms finds where one may begin, and only there the forms
    are compared: with 200 values a megabyte takes a tenth of a second, with a few a hundredth.
    """

    def __init__(self) -> None:
        self._forms: set[bytes] = set()
        self._index: _Index | None = None
        self._hears: Callable[[list[str]], None] | None = None

    def tell(self, hears: Callable[[list[str]], None] | None) -> None:
        """``hears`` is called with values that are new, before anything can be printed."""
        self._hears = hears

    @property
    def longest(self) -> int:
        """The length of the longest form in bytes."""
        return self._indexed.longest if self._forms else 0

    def add(self, values: Iterable[str]) -> None:
        """Mask these from now on, and the forms in which they are often spelt."""
        new = [value for value in values if len(value) >= SHORTEST]
        new = [value for value in new if value.encode("utf-8", "replace") not in self._forms]
        if not new:
            return
        for value in new:
            self._forms.update(_forms(value))
        self._index = None  # made when it is needed: most tasks print little
        if self._hears is not None:
            self._hears(new)

    def mask(self, text: str) -> str:
        """``text`` without the values."""
        if not self._forms:
            return text
        return self.mask_bytes(text.encode("utf-8", "surrogatepass")).decode(
            "utf-8", "surrogatepass"
        )

    def mask_bytes(self, data: bytes) -> bytes:
        """The same for UTF-8."""
        if not self._forms:
            return data
        parts: list[bytes] = []
        end = 0
        for start, stop in self._indexed.find(data):
            parts += (data[end:start], MASK.encode())
            end = stop
        return b"".join((*parts, data[end:])) if parts else data

    def safe_length(self, data: bytes) -> int:
        """How many bytes of ``data`` may be shown before the rest of it comes: what follows may be
        the beginning of a value."""
        return self._indexed.safe_length(data) if self._forms else len(data)

    @property
    def _indexed(self) -> _Index:
        if self._index is None:
            self._index = _Index(self._forms)
        return self._index


class _Index:
    """The forms as they are looked for."""

    def __init__(self, forms: set[bytes]) -> None:
        self._sorted = sorted(forms)
        self._by_start: dict[bytes, list[bytes]] = {}
        for form in sorted(forms, key=len, reverse=True):
            self._by_start.setdefault(form[:SHORTEST], []).append(form)
        # Looked ahead for, so that two values that overlap are both found.
        self._starts = re.compile(b"(?=%s)" % _trie(sorted(self._by_start), 0))
        self.longest = max(map(len, forms))

    def find(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where the forms are, first to last; those that overlap are one."""
        start = end = 0
        for match in self._starts.finditer(data):
            at = match.start()
            found = self._by_start[data[at : at + SHORTEST]]
            form = next((form for form in found if data.startswith(form, at)), None)
            if form is None:
                continue
            if at >= end:
                if end:
                    yield start, end
                start = at
            end = max(end, at + len(form))
        if end:
            yield start, end

    def safe_length(self, data: bytes) -> int:
        length = len(data)
        for at in range(max(length - self.longest + 1, 0), length):
            if length - at >= SHORTEST and data[at : at + SHORTEST] not in self._by_start:
                continue
            tail = data[at:]
            place = bisect_right(self._sorted, tail)
            if place < len(self._sorted) and self._sorted[place].startswith(tail):
                length = at
                break
        for start, end in self.find(data):
            if start < length < end:
                return start
        return length


def _trie(words: list[bytes], depth: int) -> bytes:
    """A pattern for what follows the first ``depth`` bytes of these words of one length, which are
    sorted: as a tree, since a pattern of alternatives is tried one after the other."""
    if depth == SHORTEST:
        return b""
    branches: dict[int, list[bytes]] = {}
    for word in words:
        branches.setdefault(word[depth], []).append(word)
    parts = [re.escape(bytes([c])) + _trie(rest, depth + 1) for c, rest in branches.items()]
    return parts[0] if len(parts) == 1 else b"(?:%s)" % b"|".join(parts)


def _forms(value: str) -> Iterator[bytes]:
    """The value as it is, as it stands in a URL, in JSON, in Python's repr, in hexadecimal digits
    and in base64; of a value of several lines, such as a key, each line."""
    spelt = [value, *_in_urls(value), *value.splitlines()]
    spelt += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    spelt += [repr(value)[1:-1]]
    data = value.encode("utf-8", "replace")
    spelt += [data.hex(), data.hex().upper()]
    for form in spelt:
        if len(form) >= SHORTEST:
            yield form.encode("utf-8", "replace")
    yield from _in_base64(data)


def _in_urls(value: str) -> Iterator[str]:
    for form in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield form
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form)


def _in_base64(data: bytes) -> Iterator[bytes]:
    """Since four characters stand for three bytes, what a value becomes depends on where in a
    longer text it begins (a password after ``user:``): the characters that are of it alone, for
    each of the three places. A long one may stand in lines."""
    wholes = [base64.b64encode(data)]
    for before in range(3):
        bits = (before + len(data)) * 8
        encoded = base64.b64encode(b"\0" * before + data)
        wholes.append(encoded[-(-before * 8 // 6) : bits // 6])
    for width in _BASE64_WIDTHS:
        if len(wholes[0]) > width:
            wholes += [wholes[0][at : at + width] for at in range(0, len(wholes[0]), width)]
    for form in wholes:
        if len(form) >= SHORTEST:
            yield form
            yield form.translate(_URLSAFE)


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
