"""Every value that may be handed on comes back as it was."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import pathlib
import sys
import uuid
import zoneinfo
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pendulum
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from millstream.sdk.codecs import Encoded, decode, encode, readable
from millstream.sdk.codecs.packed import ALIGNMENT, MAGIC
from millstream.sdk.codecs.plain import Unencodable
from millstream.sdk.codecs.scope import scope_of
from millstream.sdk.codecs.tree import _DECODERS
from millstream.sdk.errors import XComDecodingError
from millstream.sdk.xcom import encode_xcom

HERE = pathlib.Path(__file__)
sys.path.insert(0, str(HERE.parent))
import xcom_classes as own  # noqa: E402 - as a module beside a DAG file

ZONES = ["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu"]


@pytest.fixture(autouse=True, scope="module")
def bundle() -> Iterator[None]:
    with scope_of(str(HERE), str(HERE.parent)):
        yield


TYPE_NAMES = sorted(_DECODERS)


def data_of(encoded: Encoded) -> bytes:
    return encoded.data()


def through(value: Any) -> Any:
    encoded = encode(value)
    assert encoded.size == len(data_of(encoded))
    return decode(encoded.codec, data_of(encoded))


def facts(value: Any) -> Any:
    """The types and parts of a value, all the way down, so that equal facts are equal values."""
    kind = type(value).__name__
    if isinstance(value, set | frozenset):
        return kind, sorted(map(repr, value))
    if isinstance(value, dict):
        return kind, [(facts(key), facts(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return kind, [facts(item) for item in value]
    if isinstance(value, own.Model):
        return kind, facts(dict(value.__dict__)), sorted(value.model_fields_set)
    if isinstance(value, msgspec.Struct):
        return kind, facts(msgspec.structs.asdict(value))
    if dataclasses.is_dataclass(value):
        return kind, [facts(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return kind, repr(value)


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal types, all the way down; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dt.datetime | dt.time):
        return one == other and str(one) == str(other) and one.fold == other.fold
    return bool(one == other)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
KEYS = TEXTS | st.just("__type__")
ZONED = st.sampled_from(ZONES).map(zoneinfo.ZoneInfo) | st.integers(-1439, 1439).map(
    lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)) if minutes else dt.UTC
)
DATETIMES = st.datetimes(timezones=st.none() | ZONED, allow_imaginary=True)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
LEAVES = (
    PLAIN
    | st.floats()
    | DATETIMES
    | st.dates()
    | st.times(timezones=st.none() | ZONED.filter(lambda zone: zone.utcoffset(None) is not None))
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.binary(max_size=40)
    | st.binary(max_size=40).map(bytearray)
    | st.uuids()
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from([*own.Color, own.Rights.READ | own.Rights.WRITE, own.Rights(0)])
    | TEXTS.map(lambda text: pathlib.Path("a", text))
    | st.frozensets(st.integers() | TEXTS)
    | st.sets(st.binary(max_size=4) | st.dates())
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(st.dates() | st.tuples(st.integers()), inner, max_size=3)
        | st.builds(own.Point, x=inner, tags=st.lists(inner, max_size=2))
        | st.builds(own.Frozen, inner)
        | st.builds(own.Row, name=TEXTS, value=inner)
        | st.builds(own.Pair, inner, inner)
        | st.builds(own.Model, n=st.integers(), inner=inner)
    ),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=400)
def test_what_goes_in_comes_out(value: Any) -> None:
    assert facts(through(value)) == facts(value)


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_is_written_as_json(value: Any) -> None:
    encoded = encode(value)
    assert encoded.codec == ""
    assert same(
        msgspec.json.decode(data_of(encoded)), msgspec.json.decode(msgspec.json.encode(value))
    )


@given(DATETIMES)
def test_datetimes(value: dt.datetime) -> None:
    assert same(through(value), value)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize(
    "text", ["2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-06-01T00:00:00.000001"]
)
def test_pendulum_comes_back_as_pendulum(text: str, zone: str, fold: int) -> None:
    plain = dt.datetime.fromisoformat(text)
    value = pendulum.instance(plain.replace(fold=fold), tz=zone)
    back = through({"at": value})["at"]
    assert type(back) is pendulum.DateTime
    assert back.isoformat() == value.isoformat()
    assert back.timezone_name == value.timezone_name


@pytest.mark.parametrize(
    "value",
    [
        pendulum.naive(2024, 1, 2, 3, 4, 5, 6),
        pendulum.datetime(2024, 1, 1, tz=pendulum.FixedTimezone(3600)),
        pendulum.date(2024, 2, 29),
        pendulum.time(1, 2, 3, 4),
        pendulum.duration(years=1, months=2, weeks=3, days=4, hours=5, microseconds=6),
        pendulum.timezone("Europe/Paris"),
        zoneinfo.ZoneInfo("Asia/Tokyo"),
        dt.timezone(dt.timedelta(seconds=-3601)),
    ],
)
def test_other_times(value: Any) -> None:
    back = through(value)
    assert type(back) is type(value)
    assert back == value
    assert repr(back) == repr(value)


class TestNumpy:
    @given(hnp.arrays(hnp.array_dtypes() | hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0)))
    def test_arrays(self, value: np.ndarray[Any, Any]) -> None:
        back = through([value])[0]
        assert type(back) is np.ndarray
        assert (back.dtype, back.shape) == (value.dtype, value.shape)
        assert back.tobytes() == value.tobytes()
        assert back.flags.writeable

    @given(hnp.scalar_dtypes().flatmap(lambda dtype: hnp.arrays(dtype, ())))
    def test_scalars(self, value: np.ndarray[Any, Any]) -> None:
        """float64 and str are what they extend, as in Airflow."""
        scalar = value[()]
        back = through(scalar)
        if isinstance(scalar, float | str):
            assert same(back, type(back)(scalar))
        elif not isinstance(scalar, bytes):
            assert type(back) is type(scalar)
            assert np.asarray(back).astype(value.dtype).tobytes() == value.tobytes()

    def test_orders_objects_and_parts_of_arrays(self) -> None:
        grid = np.arange(12).reshape(3, 4)
        for value in (np.asfortranarray(grid), grid[:, ::2], grid[::-1]):
            back = through(value)
            assert np.array_equal(back, value)
        assert np.asfortranarray(grid).flags.f_contiguous
        mixed = np.array([1, "a", None, dt.date(2024, 1, 1)], dtype=object)
        assert through(mixed).tolist() == mixed.tolist()

    def test_a_masked_array_is_refused(self) -> None:
        with pytest.raises(Unencodable):
            encode(np.ma.masked_array([1, 2], [True, False]))


FRAME = pd.DataFrame(
    {
        "ints": [1, 2, 3],
        "floats": [0.5, float("nan"), -1.0],
        "texts": ["a", None, "ü"],
        "times": pd.date_range("2024-01-01", periods=3, freq="D", tz="Europe/Paris"),
        "kinds": pd.Categorical(["x", "y", "x"]),
        "maybe": pd.array([1, None, 3], dtype="Int64"),
        "objects": pd.Series([Decimal("1.5"), None, Decimal(2)], dtype=object),
    }
)


class TestFrames:
    @pytest.mark.parametrize(
        "frame",
        [
            FRAME,
            FRAME.set_index("times"),
            FRAME.set_index(["texts", "ints"]),
            FRAME.iloc[:0],
            pd.DataFrame(),
            pd.DataFrame(np.arange(6).reshape(2, 3)),
            pd.DataFrame({("a", 1): [1], ("a", 2): [2]}),
            pd.DataFrame({"x": [1.0] * 4}, index=pd.date_range("2024", periods=4, freq="h")),
        ],
    )
    def test_pandas_frames(self, frame: pd.DataFrame) -> None:
        back = through({"frame": frame})["frame"]
        pd.testing.assert_frame_equal(back, frame)

    @pytest.mark.parametrize("name", [None, "s", 3, ("a", "b")])
    def test_pandas_series(self, name: Any) -> None:
        series = pd.Series([1.0, 2.0], index=["a", "b"], name=name)
        pd.testing.assert_series_equal(through(series), series)

    def test_attrs_are_kept(self) -> None:
        frame = pd.DataFrame({"a": [1]})
        frame.attrs = {"made": dt.date(2024, 1, 1)}
        assert through(frame).attrs == frame.attrs

    @pytest.mark.parametrize(
        "value",
        [
            pd.Timestamp("2024-01-01T00:00:00.123456789"),
            pd.Timestamp("2024-10-27T02:30", tz="UTC").tz_convert("Europe/Paris"),
            pd.Timestamp("2024-01-01", tz="+05:30"),
            pd.Timedelta(5, "ns"),
            pd.NaT,
            pd.NA,
        ],
    )
    def test_pandas_scalars(self, value: Any) -> None:
        back = through([value])[0]
        assert type(back) is type(value)
        assert repr(back) == repr(value)

    @given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(), TEXTS, st.booleans())))
    @settings(max_examples=30)
    def test_frames_of_any_content(self, rows: list[Any]) -> None:
        columns = list(zip(*rows, strict=True)) or [[], [], [], []]
        frame = pd.DataFrame(dict(zip("abcd", map(list, columns), strict=True)))
        pd.testing.assert_frame_equal(through(frame), frame)
        table = pl.DataFrame(dict(zip("abcd", map(list, columns), strict=True)), strict=False)
        assert through(table).equals(table)

    def test_a_column_of_several_types_is_refused_by_name(self) -> None:
        with pytest.raises(Unencodable) as refused:
            encode({"f": pd.DataFrame({"mixed": [1, "a", b"b"]})})
        assert refused.value.path == "['f']"
        assert "mixed" in refused.value.advice

    def test_polars(self) -> None:
        frame = pl.DataFrame({"a": [1, None], "b": [["x"], []], "c": [dt.date(2024, 1, 1), None]})
        assert through(frame).equals(frame)
        assert through(frame["b"]).equals(frame["b"])
        with pytest.raises(Unencodable) as refused:
            encode(frame.lazy())
        assert "collect()" in refused.value.advice

    def test_pyarrow(self) -> None:
        table = pa.table({"a": [1, None], "b": [{"x": 1}, None]}).replace_schema_metadata(
            {"k": "v"}
        )
        assert through(table).equals(table, check_metadata=True)
        batch = table.to_batches()[0]
        assert through(batch).equals(batch)
        empty = pa.RecordBatch.from_pylist([], schema=table.schema)
        assert through(empty).equals(empty)


class TestPacked:
    def test_a_large_array_travels_as_it_is(self) -> None:
        value = {"a": np.arange(100_000.0), "note": "x", "b": np.ones(100_000, "u1")}
        encoded = encode(value)
        assert encoded.codec == "packed:dict"
        data = data_of(encoded)
        assert data.startswith(MAGIC)
        assert value["a"].tobytes() in data
        assert data.index(value["a"].tobytes()) % ALIGNMENT == 0
        assert len(data) < value["a"].nbytes + value["b"].nbytes + 1000
        back = decode(encoded.codec, data)
        assert np.array_equal(back["a"], value["a"])
        assert np.array_equal(back["b"], value["b"])

    @given(st.lists(st.binary(max_size=50_000), max_size=5))
    @settings(max_examples=20)
    def test_bytes_of_any_size(self, values: list[bytes]) -> None:
        assert through(values) == values

    def test_what_is_cut_off_is_damaged(self) -> None:
        data = data_of(encode(b"x" * 100_000))
        for cut in (data[:-1000], data[:20], b"", b"rubbish" * 9):
            with pytest.raises(XComDecodingError, match="damaged"):
                decode("packed:bytes", cut)

    @given(
        st.recursive(
            st.none() | st.integers() | TEXTS | st.just("xcom_classes:Point"),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.fixed_dictionaries(
                    {"__type__": st.sampled_from(TYPE_NAMES)},
                    optional=dict.fromkeys(
                        (
                            "value",
                            "items",
                            "data",
                            "class",
                            "fields",
                            "name",
                            "zone",
                            "shape",
                            "dtype",
                            "days",
                            "offset_s",
                            "arrow",
                            "count",
                        ),
                        inner,
                    ),
                )
            ),
        )
    )
    @settings(max_examples=200)
    def test_whatever_is_stored_is_a_value_or_an_error_that_says_so(self, tree: Any) -> None:
        for read in (decode, readable):
            try:
                read("typed:x", msgspec.json.encode(tree))
            except XComDecodingError:
                pass

    def test_a_codec_of_a_newer_release_is_named(self) -> None:
        with pytest.raises(XComDecodingError, match="'later:x', which this release"):
            decode("later:x", b"1")
        with pytest.raises(XComDecodingError, match="'tensor', which this release"):
            decode("typed:tensor", b'{"__type__":"tensor"}')


class TestClasses:
    def test_no_code_of_a_dataclass_is_run(self) -> None:
        point = own.Point(1.0)
        made = own.Point.made  # type: ignore[attr-defined]
        assert through(point) == point
        assert own.Point.made == made  # type: ignore[attr-defined]

    def test_models_keep_what_was_set_and_more(self) -> None:
        model = own.Model(n=2, other=dt.date(2024, 1, 1))
        model._seen = 3
        back = through(model)
        assert back == model
        assert (back.count, back._seen, back.other) == (4, 3, dt.date(2024, 1, 1))
        assert back.model_fields_set == model.model_fields_set

    def test_a_str_enum_is_a_str_as_in_airflow(self) -> None:
        assert same(through(own.Shout.HEY), "hey")

    def test_the_dag_files_own_classes_have_no_module_name(self) -> None:
        @dataclasses.dataclass
        class Local:
            x: int

        with pytest.raises(Unencodable) as refused:
            encode(Local(1))
        assert "made inside a function" in refused.value.advice
        encoded = encode(InDagFile(3))
        assert b'"class":"@test_codecs.py:InDagFile"' in data_of(encoded)
        assert through(InDagFile(3)) == InDagFile(3)
        with (
            scope_of(str(HERE.parent / "other.py"), str(HERE.parent)),
            pytest.raises(XComDecodingError, match="'InDagFile' of the DAG file"),
        ):
            decode(encoded.codec, data_of(encoded))

    def test_a_class_from_elsewhere_is_refused_both_ways(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
    ) -> None:
        encoded = encode(own.Point(1.0))
        with scope_of(str(tmp_path / "dag.py"), str(tmp_path)):
            with pytest.raises(Unencodable) as refused:
                encode(own.Point(1.0))
            assert "MILLSTREAM_XCOM_CLASSES=xcom_classes" in refused.value.advice
            with pytest.raises(XComDecodingError, match="MILLSTREAM_XCOM_CLASSES=xcom_classes"):
                decode(encoded.codec, data_of(encoded))
            monkeypatch.setenv("MILLSTREAM_XCOM_CLASSES", "other,xcom_*")
            assert through(own.Point(1.0)) == own.Point(1.0)

    @pytest.mark.parametrize(
        ("tree", "message"),
        [
            ({"__type__": "dataclass", "class": "os:system"}, "neither in the DAG's bundle"),
            ({"__type__": "dataclass", "class": "antigravity:x"}, "neither in the DAG's bundle"),
            ({"__type__": "dataclass", "class": "xcom_classes:Gone"}, "is not there"),
            ({"__type__": "dataclass", "class": "xcom_classes:msgspec"}, "is not there"),
            ({"__type__": "dataclass", "class": "xcom_classes:Opaque"}, "is no dataclass any more"),
            (
                {"__type__": "enum", "class": "xcom_classes:Color", "name": "GREEN"},
                "no member 'GREEN'",
            ),
            (
                {"__type__": "dataclass", "class": "xcom_classes:Point", "fields": {"z": 1}},
                "it has no field 'z'",
            ),
            (
                {"__type__": "dataclass", "class": "xcom_classes:Point", "fields": {"y": 1}},
                "its field 'x' has no default",
            ),
            ({"__type__": "struct", "class": "xcom_classes:Row", "fields": {}}, "name"),
            ({"__type__": "namedtuple", "class": "xcom_classes:Pair", "fields": {}}, "'left'"),
        ],
    )
    def test_data_that_names_what_is_not_there(self, tree: dict[str, Any], message: str) -> None:
        before = set(sys.modules)
        with pytest.raises(XComDecodingError, match=message):
            decode("typed:x", msgspec.json.encode(tree))
        assert "antigravity" not in set(sys.modules) - before

    def test_in_a_local_run_every_module_counts_that_is_not_installed(
        self, tmp_path: pathlib.Path
    ) -> None:
        with scope_of(str(tmp_path / "flow.py"), ""):
            assert through(own.Point(1.0)) == own.Point(1.0)
            for installed in ("msgspec:Struct", "http:HTTPStatus"):
                tree = {"__type__": "enum", "class": installed, "name": "OK"}
                with pytest.raises(XComDecodingError, match="neither in the DAG's bundle"):
                    decode("typed:x", msgspec.json.encode(tree))

    def test_a_field_that_is_new_gets_its_default(self) -> None:
        tree = {"__type__": "dataclass", "class": "xcom_classes:Point", "fields": {"x": 1}}
        assert decode("typed:x", msgspec.json.encode(tree)) == own.Point(1)


@dataclasses.dataclass
class InDagFile:
    x: int


class TestPickles:
    def test_without_leave_there_are_none(self) -> None:
        with pytest.raises(Unencodable) as refused:
            encode([own.Opaque(1)])
        assert (refused.value.path, refused.value.what) == ("[0]", "a xcom_classes.Opaque")
        assert "MILLSTREAM_XCOM_PICKLE=1" in refused.value.advice

    def test_with_leave_any_object_comes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MILLSTREAM_XCOM_PICKLE", "1")
        value = {"model": own.Opaque([1, 2]), "at": dt.date(2024, 1, 1)}
        encoded = encode(value)
        assert through(value) == value
        monkeypatch.setenv("MILLSTREAM_XCOM_PICKLE", "")
        with pytest.raises(XComDecodingError, match=r"a pickled xcom_classes\.Opaque"):
            decode(encoded.codec, data_of(encoded))
        shown = readable(encoded.codec, data_of(encoded))
        assert shown["model"] == {"__type__": "pickle", "class": "xcom_classes.Opaque"}

    def test_what_cannot_be_pickled_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MILLSTREAM_XCOM_PICKLE", "1")
        with pytest.raises(Unencodable) as refused:
            encode(x for x in [1])
        assert "cannot be pickled" in refused.value.advice


class TestReadable:
    @given(VALUES)
    @settings(max_examples=50)
    def test_every_value_can_be_shown(self, value: Any) -> None:
        encoded = encode(value)
        with scope_of("", ""):
            readable(encoded.codec, data_of(encoded))

    def test_what_people_see(self) -> None:
        value = {
            "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
            "price": Decimal("1.50"),
            "id": uuid.UUID(int=7),
            "point": own.Point(1.0),
            "array": np.arange(3),
            "frame": FRAME,
        }
        encoded = encode(value)
        with scope_of("", ""):
            shown = readable(encoded.codec, data_of(encoded))
        assert shown["at"] == value["at"]
        assert (shown["price"], shown["id"]) == (value["price"], value["id"])
        assert shown["point"]["fields"] == {"x": 1.0, "y": 0.0, "tags": []}
        assert shown["array"]["shape"] == [3]
        assert shown["frame"]["__type__"] == "pandas.DataFrame"
        assert "arrow" not in shown["frame"]


@pytest.mark.parametrize(
    ("value", "codec", "length"),
    [
        ([1, 2], "", 2),
        ({"a": 1}, "", 1),
        ("ab", "", -1),
        ((1, 2, 3), "typed:tuple", 3),
        ({"a": dt.date(2024, 1, 1)}, "typed:dict", 1),
        ([b""], "typed:list", 1),
        (dt.date(2024, 1, 1), "typed:date", -1),
        ({0: 1}, "", 1),
        (own.Point(1.0), "typed:Point", -1),
        (b"x" * 50_000, "packed:bytes", -1),
    ],
)
def test_the_codec_names_the_type_and_lists_are_counted(
    value: Any, codec: str, length: int
) -> None:
    encoded = encode_xcom(value, "t")
    assert (encoded.codec, encoded.length) == (codec, length)
