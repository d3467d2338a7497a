"""Lines of requirements, as pip and uv write them."""

from __future__ import annotations

import re

# What means the same wherever it stands.
_ANYWHERE = re.compile(
    r"(#.*|--hash\b.*|--(extra-)?index-url\b.*|-i\b.*|--pre\b.*"
    r"|[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*"
    r"([<>=!~(;\\#].*|@\s*(https?|git\+https?|git\+ssh)://.*)?)?"
)


def is_anywhere(line: str) -> bool:
    """Does the line mean the same wherever it stands? Not so one that names a file beside it."""
    return _ANYWHERE.fullmatch(line.strip()) is not None
