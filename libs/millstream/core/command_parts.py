"""What all commands are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
# Without NUL, which a column of type text cannot hold.
Label = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^[^\x00]*$")]


class Command(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=True
):
    """``id`` makes a command idempotent for ever: the same id gets the same receipt. ``principal``:
    for whom an api asks; what a worker says of that counts for nothing. ``contents`` are digests of
    the request that it is made from, with spaces between: it is the same request if any of them is
    the first one of then."""

    id: Label
    trace: Label = ""
    principal: Label = ""
    contents: Label = ""
