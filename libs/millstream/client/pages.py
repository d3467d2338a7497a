"""Lists that come a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

PAGE_SIZE = 1000

T = TypeVar("T")


def pages(page: Callable[[str, int], tuple[list[T], str]], limit: int | None) -> Iterator[T]:
    """The items of all pages, or the first ``limit``. ``page`` takes a token and a size, and gives
    items and the next token."""
    token = ""
    left = limit
    while left is None or left > 0:
        items, token = page(token, PAGE_SIZE if left is None else min(left, PAGE_SIZE))
        yield from items
        if left is not None:
            left -= len(items)
        if not token:
            return
