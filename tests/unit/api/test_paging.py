"""Page tokens and pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.errors import InvalidArgument
from millstream.rpc.v1 import runs_pb2
from millstream_api.paging import (
    LARGEST_PAGE,
    PAGE_BYTES,
    decode_token,
    encode_token,
    fill_page,
    page_size,
)

SCOPE = ("xcoms", "default", "etl", "r1")
Place = tuple[str, list[int], str]


@given(st.tuples(st.text(), st.lists(st.integers(0, 2**31)), st.text()))
def test_a_token_says_where_to_go_on(place: Place) -> None:
    try:
        token = encode_token(SCOPE, place)
    except UnicodeEncodeError:
        return  # lone surrogates: no row holds them
    assert token.isascii()
    assert decode_token(SCOPE, token, tuple[str, list[int], str]) == place


@given(st.text(min_size=1))
def test_garbage_is_the_callers_fault(token: str) -> None:
    with pytest.raises(InvalidArgument, match="page_token"):
        decode_token(SCOPE, token, int)


def test_a_token_is_good_for_its_own_list_only() -> None:
    token = encode_token(("runs", "default", "etl"), 7)
    for scope in (("runs", "default", "other"), ("runs", "default", "etl", "failed"), ("dags",)):
        with pytest.raises(InvalidArgument):
            decode_token(scope, token, int)


def test_no_token_is_the_first_page() -> None:
    assert decode_token(SCOPE, "", int) is None


def test_page_sizes() -> None:
    assert [page_size(n) for n in (0, 1, 999, 5000)] == [100, 1, 999, LARGEST_PAGE]
    with pytest.raises(InvalidArgument):
        page_size(-1)


@given(st.integers(0, 10), st.integers(1, 10))
def test_pages_hold_all_items_once(count: int, most: int) -> None:
    left = list(range(count))
    seen: list[str] = []
    while True:
        page, is_more = fill_page(left[: most + 1], lambda n: runs_pb2.XCom(key=str(n)), most)
        seen += [xcom.key for xcom in page]
        left = left[len(page) :]
        assert is_more == bool(left)
        if not is_more:
            break
    assert seen == [str(n) for n in range(count)]


def test_a_page_of_large_items_ends_early_and_never_is_empty() -> None:
    large = "x" * (PAGE_BYTES // 2)
    page, is_more = fill_page([1, 2, 3], lambda n: runs_pb2.XCom(value_json=large), 10)
    assert (len(page), is_more) == (1, True)
    page, is_more = fill_page([1], lambda n: runs_pb2.XCom(value_json=large * 4), 10)
    assert (len(page), is_more) == (1, False)
