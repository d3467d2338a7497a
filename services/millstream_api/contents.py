"""What a request says, as a digest: so that the same id with something else in it is known for
another request, however long ago the first one was.

A field that the protocol marks with ``debug_redact`` is a secret. Of such a value only a keyed
digest goes into that of the request, which nobody without the key can try values against.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

# More than that are not tried, and would not fit a command.
MOST_MACS = 16
Mac = Callable[[str], str]

_call: ContextVar[tuple[str, Message] | None] = ContextVar("call", default=None)


@contextmanager
def calling(method: str, request: Message) -> Iterator[None]:
    """What is sent within is sent because of this request."""
    token = _call.set((method, request))
    try:
        yield
    finally:
        _call.reset(token)


def contents_of_call(macs: Sequence[Mac]) -> str:
    """The digests of the request that is being answered, one for each key where it holds a secret,
    that of the key in use first, with spaces between; "" where the caller gave no id."""
    call = _call.get()
    if call is None or not getattr(call[1], "request_id", ""):
        return ""
    method, request = call
    if not (_may_hold_secret(request.DESCRIPTOR) and _has_secret(request)):
        return _digest(method, request)
    return " ".join(_digest(method, _without_secrets(request, mac)) for mac in macs[:MOST_MACS])


def _digest(method: str, request: Message) -> str:
    said = type(request)()
    said.CopyFrom(request)
    for field in ("request_id", "min_position"):
        if field in said.DESCRIPTOR.fields_by_name:
            said.ClearField(field)
    data = said.SerializeToString(deterministic=True)
    return hashlib.sha256(method.encode() + b"\0" + data).hexdigest()


@cache
def _may_hold_secret(kind: Descriptor) -> bool:
    """Is there a secret field in this message or in any part of it? Few requests have one, and to
    look through each takes longer than its digest."""
    known, parts = {kind.full_name}, [kind]
    for part in parts:  # which grows meanwhile
        for field in part.fields:
            if field.GetOptions().debug_redact:
                return True
            inner = field.message_type
            if inner is not None and inner.full_name not in known:
                known.add(inner.full_name)
                parts.append(inner)
    return False


def _has_secret(message: Any) -> bool:
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            return True
        if field.message_type is not None and not field.is_repeated and _has_secret(value):
            return True
    return False


def _without_secrets(message: Any, mac: Mac) -> Any:
    changed = type(message)()
    changed.CopyFrom(message)
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            setattr(changed, field.name, mac(value))
        elif field.message_type is not None and not field.is_repeated:
            getattr(changed, field.name).CopyFrom(_without_secrets(value, mac))
    return changed
