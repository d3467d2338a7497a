"""Every value that is handed on comes back as it was, by way of a file as by memory; and whatever
somebody stored in place of a value is an error that says so."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import pickle
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from millstream.sdk.codecs import decode, encode, readable
from millstream.sdk.codecs.tree import _DECODERS
from millstream.sdk.errors import XComDecodingError
from millstream_worker import blob_files
from millstream_worker.blob_files import empty_scratch, read_blob_file, write_blob_file

Through = Callable[[Any], Any]

often = settings(deadline=None, max_examples=60)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Through:
    """The way of a value: encoded, written to a file, read as a mapping, decoded."""
    scratch = empty_scratch(tmp_path_factory.mktemp("codecs") / "a scratch")

    def pass_on(value: Any) -> Any:
        encoded = encode(value)
        data = encoded.data()
        assert encoded.size == len(data)
        name = write_blob_file(scratch, encoded.parts)
        assert (scratch / name).read_bytes() == data
        key = hashlib.sha256(data).hexdigest()
        before, blob_files.LEAST_MAPPED_BYTES = blob_files.LEAST_MAPPED_BYTES, 1
        try:
            read = read_blob_file(str(scratch / name), key, True)
        finally:
            blob_files.LEAST_MAPPED_BYTES = before
        assert isinstance(read, memoryview)
        assert not any(scratch.iterdir())
        readable(encoded.codec, data)
        return decode(encoded.codec, read)

    return pass_on


# --- the standard library


@often
@given(st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [Decimal(text) for text in ("-0", "0E-50", "-0.000", "sNaN", "-NaN", "NaN123", "-Infinity")]
))  # fmt: skip
def test_decimals(through: Through, value: Decimal) -> None:
    assert through(value).as_tuple() == value.as_tuple()


@often
@given(
    st.datetimes(timezones=st.none() | st.timezones(), allow_imaginary=True),
    st.sampled_from([0, 1]),
)
def test_datetimes_of_any_zone_and_fold(through: Through, value: dt.datetime, fold: int) -> None:
    value = value.replace(fold=fold)
    back = through(value)
    assert type(back) is dt.datetime
    assert (back.replace(tzinfo=None), back.fold) == (value.replace(tzinfo=None), fold)
    assert back.utcoffset() == value.utcoffset()
    assert getattr(back.tzinfo, "key", None) == getattr(value.tzinfo, "key", None)


@often
@given(
    st.timedeltas()
    | st.dates()
    | st.times()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.binary(max_size=100)
    | st.binary(max_size=100).map(bytearray)
    | st.uuids()
)
def test_other_values(through: Through, value: Any) -> None:
    back = through(value)
    assert type(back) is type(value)
    assert back == value


@often
@given(st.floats())
def test_floats_keep_every_bit_but_that_of_a_nan(through: Through, value: float) -> None:
    back = through([value])[0]
    assert repr(back) == repr(value)


# --- numpy

DTYPES = (
    hnp.scalar_dtypes()
    | hnp.datetime64_dtypes()
    | hnp.timedelta64_dtypes()
    | hnp.array_dtypes()
    | hnp.nested_dtypes()
)


@often
@given(
    hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)),
    st.sampled_from(["C", "F", "reversed", "strided", "transposed"]),
)
def test_arrays_of_any_type_and_order(through: Through, value: Any, how: str) -> None:
    if value.ndim:
        if how == "F":
            value = np.asfortranarray(value)
        elif how == "reversed":
            value = value[::-1]
        elif how == "strided":
            value = value[..., ::2]
        elif how == "transposed":
            value = value.T
    back = through({"a": (value, 1)})["a"][0]
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert back.tobytes() == value.tobytes()
    assert back.flags.writeable


# --- pandas

ROWS = 4
MISSING = st.none()


def column(values: st.SearchStrategy[Any], dtype: Any = None) -> st.SearchStrategy[Any]:
    rows = st.lists(values, min_size=ROWS, max_size=ROWS)
    return rows.map(lambda items: pd.Series(items, dtype=dtype))


TIMES = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
COLUMNS = st.one_of(
    column(st.integers(-(2**63), 2**63 - 1), "int64"),
    column(st.integers(0, 255), "uint8"),
    column(st.floats(width=32), "float32"),
    column(st.floats(), "float64"),
    column(st.booleans(), "bool"),
    column(st.integers(-(2**31), 2**31 - 1) | MISSING, "Int32"),
    column(st.booleans() | MISSING, "boolean"),
    column(TEXTS | MISSING, "str"),
    column(TEXTS | MISSING, "string"),
    column(st.sampled_from("abc") | MISSING, pd.CategoricalDtype(list("abcd"), ordered=True)),
    column(TIMES | MISSING, "datetime64[us]"),
    column(TIMES, "datetime64[ns]"),
    column(TIMES.map(lambda time: time.replace(tzinfo=dt.UTC)), "datetime64[us, UTC]").map(
        lambda series: series.dt.tz_convert("America/New_York")
    ),
    column(st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999)) | MISSING, "timedelta64[us]"),
    column(st.binary(max_size=4) | MISSING, "object"),
    column(st.integers(0, 10**6).map(Decimal), "object"),
)
INDEXES = st.sampled_from(
    [
        pd.RangeIndex(ROWS),
        pd.RangeIndex(10, 10 + 2 * ROWS, 2, name="n"),
        pd.Index(list("wxyz"), name="letters"),
        pd.Index([1.5, 2.5, 2.5, float("nan")]),
        pd.date_range("2024-03-30", periods=ROWS, freq="D", tz="Europe/Paris"),
        pd.DatetimeIndex(["2024-01-01", "2020-01-01", "2024-01-01", "1999-09-09"]),
        pd.timedelta_range("1h", periods=ROWS, freq="2h"),
        pd.CategoricalIndex(list("abab")),
        pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
        pd.period_range("2024-01", periods=ROWS, freq="M"),
    ]
)


@often
@given(st.dictionaries(TEXTS.filter(bool), COLUMNS, max_size=4), INDEXES)
def test_pandas_frames(through: Through, columns: dict[str, Any], index: Any) -> None:
    frame = pd.DataFrame({name: each.array for name, each in columns.items()}, index=index)
    back = through([frame])[0]
    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    for number in range(frame.shape[1]):  # it is the task's own
        back.iloc[0, number] = back.iloc[-1, number]


@often
@given(COLUMNS, INDEXES, st.none() | TEXTS | st.integers() | st.tuples(TEXTS, st.integers()))
def test_pandas_series(through: Through, column: Any, index: Any, name: Any) -> None:
    series = pd.Series(column.array, index=index, name=name)
    pd.testing.assert_series_equal(through(series), series)


# --- pyarrow and polars

ARROW = st.one_of(
    st.tuples(st.just(pa.int8()), st.integers(-128, 127)),
    st.tuples(st.just(pa.float64()), st.floats(allow_nan=False)),
    st.tuples(st.just(pa.string()), TEXTS),
    st.tuples(st.just(pa.large_binary()), st.binary(max_size=5)),
    st.tuples(st.just(pa.list_(pa.int32())), st.lists(st.integers(0, 9), max_size=3)),
    st.tuples(st.just(pa.struct({"a": pa.string()})), st.fixed_dictionaries({"a": TEXTS})),
    st.tuples(st.just(pa.timestamp("ns", "Asia/Kathmandu")), st.integers(0, 2**60)),
    st.tuples(st.just(pa.decimal128(30, 3)), st.integers(0, 10**9).map(Decimal)),
    st.tuples(st.just(pa.dictionary(pa.int8(), pa.string())), st.sampled_from("ab")),
)


@often
@given(
    st.lists(ARROW.flatmap(lambda pair: st.tuples(st.just(pair[0]), st.lists(
        st.none() | st.just(pair[1]), min_size=3, max_size=3))), max_size=4),
    st.integers(0, 3),
)  # fmt: skip
def test_pyarrow_tables(through: Through, columns: list[Any], start: int) -> None:
    arrays = [pa.array(values, kind) for kind, values in columns]
    table = pa.table(arrays, [f"c{n}" for n in range(len(arrays))]).slice(start)
    table = table.replace_schema_metadata({b"who": b"me"})
    back = through(table)
    assert back.equals(table, check_metadata=True)
    back.validate(full=True)


POLARS = st.one_of(
    st.tuples(st.just(pl.Int16), st.integers(-(2**15), 2**15 - 1)),
    st.tuples(st.just(pl.Float32), st.floats(width=32, allow_nan=False)),
    st.tuples(st.just(pl.String), TEXTS),
    st.tuples(st.just(pl.Binary), st.binary(max_size=5)),
    st.tuples(st.just(pl.Date), st.dates()),
    st.tuples(st.just(pl.Duration("us")), st.timedeltas(dt.timedelta(-999), dt.timedelta(999))),
    st.tuples(st.just(pl.Datetime("us", "UTC")), TIMES.map(lambda t: t.replace(tzinfo=dt.UTC))),
    st.tuples(st.just(pl.List(pl.Int64)), st.lists(st.integers(0, 9), max_size=3)),
    st.tuples(st.just(pl.Struct({"a": pl.String})), st.fixed_dictionaries({"a": TEXTS})),
    st.tuples(st.just(pl.Categorical()), st.sampled_from("ab")),
    st.tuples(st.just(pl.Enum(["a", "b"])), st.sampled_from("ab")),
    st.tuples(st.just(pl.Boolean), st.booleans()),
)


@often
@given(
    st.lists(POLARS.flatmap(lambda pair: st.tuples(st.just(pair[0]), st.lists(
        st.none() | st.just(pair[1]), min_size=3, max_size=3))), max_size=4),
)  # fmt: skip
def test_polars_frames(through: Through, columns: list[Any]) -> None:
    frame = pl.DataFrame(
        [pl.Series(f"c{n}", values, kind) for n, (kind, values) in enumerate(columns)]
    )
    back = through((frame, 1))[0]
    assert back.schema == frame.schema
    assert back.equals(frame, null_equal=True)


# --- what is no value


def outcome(codec: str, data: bytes) -> None:
    """A value, or the one error."""
    for read in (decode, readable):
        try:
            read(codec, data)
        except XComDecodingError:
            pass


WHOLE = [
    encode(value)
    for value in (
        {"a": np.arange(5000.0), "b": b"x" * 20_000},
        [pd.DataFrame({"x": np.arange(3000), "y": ["a"] * 3000})],
        pa.table({"x": list(range(5000)), "t": ["x"] * 5000}),
        (dt.date(2024, 1, 1), Decimal(1), {1, 2}, b"abc"),
    )
]


@often
@given(st.sampled_from(WHOLE), st.data())
def test_a_head_with_wrong_bytes(whole: Any, data: st.DataObject) -> None:
    """Of the bytes that say what is there; those of numbers may be any."""
    spoilt = bytearray(whole.data())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(spoilt), 400) - 1))
        spoilt[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(spoilt)))
    outcome(whole.codec, bytes(spoilt[: cut if data.draw(st.booleans()) else None]))


@often
@given(st.text(max_size=20), st.binary(max_size=200))
def test_a_codec_and_bytes_of_any_kind(codec: str, data: bytes) -> None:
    for form in (codec, f"typed:{codec}", f"packed:{codec}"):
        outcome(form, data)


def typed(tree: Any) -> tuple[str, bytes]:
    return "typed:x", msgspec.json.encode(tree)


MANY = 10**14


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        ("", b"{"),
        ("", b"[" * 100_000 + b"]" * 100_000),
        ("typed:x", b"[" * 100_000 + b"]" * 100_000),
        ("typed:x", b'{"__type__":"tuple","items":[' * 400 + b"]}" * 400),
        typed({"__type__": ["list"]}),
        typed({"__type__": {"a": 1}}),
        typed({"__type__": None, "a": 1}),
        typed({"__type__": "os.system", "value": "true"}),
        typed({"__type__": "numpy.ndarray", "dtype": "O", "shape": [MANY], "items": []}),
        typed({"__type__": "numpy.ndarray", "dtype": "O", "shape": [10**9], "items": []}),
        typed({"__type__": "numpy.ndarray", "dtype": "f8", "shape": [MANY], "order": "C",
               "data": {"base64": ""}}),
        typed({"__type__": "numpy.ndarray", "dtype": "O8", "shape": [1], "order": "C",
               "data": {"base64": "AAAAAAAAAAA="}}),
        typed({"__type__": "numpy.ndarray", "dtype": [["a", "|O"]], "shape": [1], "order": "C",
               "data": {"base64": "AAAAAAAAAAA="}}),
        typed({"__type__": "pandas.DataFrame", "arrow": {"base64": "AAAA"}}),
        typed({"__type__": "polars.DataFrame", "arrow": {"base64": "QVJST1cxAAD/////"}}),
        typed({"__type__": "pyarrow.Table", "arrow": {"part": 3}}),
        typed({"__type__": "bytes", "data": {"base64": 5}}),
        typed({"__type__": "timedelta", "days": MANY, "seconds": 0, "microseconds": 0}),
        typed({"__type__": "zoneinfo", "name": "../../../../etc/passwd"}),
        typed({"__type__": "dataclass", "class": "subprocess:Popen", "fields": {"args": "true"}}),
        typed({"__type__": "enum", "class": "os:system", "name": "true"}),
        ("packed:x", b"MSXCOM1\n" + (2**63).to_bytes(8, "little") + b"{}"),
        ("packed:x", b"MSXCOM1\n" + (27).to_bytes(8, "little") + b'{"value":1,"sizes":[-1000]}'),
        ("packed:x", b"MSXCOM1\n" + (29).to_bytes(8, "little") + b'{"value":1,"sizes":[9000000]}'),
    ],
)  # fmt: skip
def test_documents_that_mean_harm(codec: str, data: bytes) -> None:
    with pytest.raises(XComDecodingError):
        decode(codec, data)


def test_a_pickle_is_not_read_unless_the_worker_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = tmp_path / "run"

    class Harm:
        def __reduce__(self) -> Any:
            return Path.touch, (proof,)

    text = base64.b64encode(pickle.dumps(Harm())).decode()
    document = typed({"__type__": "pickle", "class": "x", "pickle": {"base64": text}})
    monkeypatch.delenv("MILLSTREAM_XCOM_PICKLE", raising=False)
    with pytest.raises(XComDecodingError, match="reads no pickles"):
        decode(*document)
    readable(*document)
    assert not proof.exists()
    monkeypatch.setenv("MILLSTREAM_XCOM_PICKLE", "1")
    decode(*document)
    assert proof.exists()


@often
@given(
    st.sampled_from(sorted(_DECODERS)), st.sampled_from(["subprocess", "antigravity", "idlelib"])
)
def test_no_document_makes_a_process_import_what_nobody_chose(kind: str, module: str) -> None:
    before = set(sys.modules)
    document = typed({"__type__": kind, "class": f"{module}:x", "fields": {}, "set": []})
    outcome(*document)
    assert not {name for name in set(sys.modules) - before if name.startswith(module)}
