"""Page tokens and page sizes. A token is opaque to clients: where one list goes on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from google.protobuf.message import Message

from millstream_api.errors import FieldProblem

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000
# A page also ends here, well below the 4 MiB that a client takes by default.
PAGE_BYTES = 2 * 1024 * 1024

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def page_size(wanted: int) -> int:
    """0 is the default; more than the largest page is the largest page."""
    if wanted < 0:
        raise FieldProblem("page_size", f"page_size is {wanted}; it must be 0 or more.")
    return min(wanted or DEFAULT_PAGE, LARGEST_PAGE)


def encode_token(scope: tuple[str, ...], after: object) -> str:
    """``scope`` names the list and its filters: a token is good for that list alone."""
    return base64.urlsafe_b64encode(msgspec.json.encode([scope, after])).decode().rstrip("=")


def decode_token(scope: tuple[str, ...], token: str, kind: type[T]) -> T | None:
    """After what the page begins, None for the first page. Raises :class:`FieldProblem`."""
    if not token:
        return None
    try:
        raw = base64.b64decode(
            token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
        )
        found, after = msgspec.json.decode(raw, type=tuple[tuple[str, ...], kind])  # type: ignore[valid-type]
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_token() from None
    if found != scope:
        raise _bad_token()
    return after


def _bad_token() -> FieldProblem:
    return FieldProblem(
        "page_token",
        "page_token is not valid here: use the next_page_token of the same list, or none.",
    )


def fill_page(items: Sequence[T], convert: Callable[[T], M], most: int) -> tuple[list[M], bool]:
    """The messages of the first items, up to ``most`` and up to the bytes of a page, at least one.

    Also says whether there are more items.
    """
    page: list[M] = []
    size = 0
    for item in items[:most]:
        message = convert(item)
        size += message.ByteSize()
        if page and size > PAGE_BYTES:
            break
        page.append(message)
    return page, len(page) < len(items)
