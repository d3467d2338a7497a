"""What the template fields of a task became, as text that may be shown: bounded and masked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from millstream.sdk.masking import MASK, is_sensitive, masker

if TYPE_CHECKING:
    from millstream.sdk.operator import BaseOperator

# Characters of a field, as in Airflow's `max_templated_field_length`.
LONGEST_FIELD = 4096
# Of all fields of an attempt and their names.
MOST_BYTES = 16 * 1024
LONGEST_NAME = 200
CUT = "... (cut)"
# Of a value no more is looked at: what other tasks handed on may be of any size.
MOST_LOOKED_AT = 64 * 1024
_EMPTY = ("", "null", "[]", "{}")
# Of these an empty one is one of those.
_PLAIN = (str, list, tuple, dict)


def take_fields(task: BaseOperator) -> dict[str, str]:
    """The fields that hold something, as they are before the task runs, which may change them.
    They are not masked yet: the task may still learn what is secret."""
    found = {}
    for field in task.template_fields:
        if not field.isprintable() or len(field) > LONGEST_NAME:
            continue
        value = getattr(task, field, None)
        if value is None or (type(value) in _PLAIN and not value):
            continue
        text = _text(field, value)
        if text not in _EMPTY:
            found[field] = text
    return found


def shown_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """What :func:`take_fields` gave, as it may enter the log."""
    shown = {}
    left = MOST_BYTES
    for field, text in fields.items():
        left -= len(field)
        if left < len(CUT):
            break
        shown[field] = _shown(text, left)
        left -= len(shown[field].encode())
    return shown


def _shown(text: str, most_bytes: int) -> str:
    data = text.replace("\0", "\ufffd").encode("utf-8", "replace")
    is_cut = len(text) > MOST_LOOKED_AT
    if is_cut:  # its end may be the beginning of a secret
        data = data[: masker.safe_length(data)]
    masked = masker.mask_bytes(data).decode("utf-8", "replace")
    if not is_cut and len(masked) <= LONGEST_FIELD and len(masked.encode()) <= most_bytes:
        return masked
    kept = masked[: LONGEST_FIELD - len(CUT)].encode()[: most_bytes - len(CUT)]
    return kept.decode("utf-8", "ignore") + CUT


def _text(field: str, value: Any) -> str:
    """At most one character more than is looked at."""
    if value is not None and is_sensitive(field):
        return MASK
    if isinstance(value, str):
        return value[: MOST_LOOKED_AT + 1]
    parts: list[str] = []
    try:
        _spell(value, parts, MOST_LOOKED_AT)
    except Exception:  # the author's own classes may do anything
        return f"<{type(value).__name__}>"
    return "".join(parts)[: MOST_LOOKED_AT + 1]


def _spell(value: Any, parts: list[str], left: int) -> int:
    """Adds ``value`` as JSON; what JSON does not know as its ``str``, and ``***`` for what stands
    under the name of a secret. Stops when more than ``left`` characters were added, and returns how
    many are left."""
    if type(value) is int:
        return _add(str(value), parts, left)
    if value is None or isinstance(value, bool | float | int):
        return _add(json.dumps(value), parts, left)
    if isinstance(value, dict):
        left = _add("{", parts, left)
        for number, (key, inner) in enumerate(value.items()):
            if left < 0:
                return left
            name = str(key)
            left = _add(f"{', ' if number else ''}{_quoted(name)}: ", parts, left)
            left = _spell(MASK if is_sensitive(name) else inner, parts, left)
        return _add("}", parts, left)
    if isinstance(value, list | tuple):
        left = _add("[", parts, left)
        for number, inner in enumerate(value):
            if left < 0:
                return left
            if number:
                left = _add(", ", parts, left)
            left = _spell(inner, parts, left)
        return _add("]", parts, left)
    return _add(_quoted(str(value)), parts, left)


def _add(text: str, parts: list[str], left: int) -> int:
    parts.append(text)
    return left - len(text)


def _quoted(text: str) -> str:
    return encode_basestring(text[: MOST_LOOKED_AT + 1])
