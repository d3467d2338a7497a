"""Tables: pandas, polars and pyarrow, all as an Arrow stream.

Arrow keeps columns, types, indices and categories. It does not keep what pandas allows in a column
of objects: lists come back as arrays, and values of several types in one column are an error.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millstream.sdk.codecs.plain import Unencodable
from millstream.sdk.codecs.times import is_zone

if TYPE_CHECKING:
    from millstream.sdk.codecs.tree import Decoder, Encoder


def _need(library: str, what: str, path: str) -> Any:
    import importlib

    try:
        return importlib.import_module(library)
    except ImportError:
        raise Unencodable(
            path, what, f"which is handed on as Arrow data: install {library} on the workers"
        ) from None


class _Stream:
    """A pyarrow Table as an Arrow stream. Its columns go to the file from where they lie."""

    def __init__(self, table: Any) -> None:
        import pyarrow

        self._table = table
        sink = pyarrow.MockOutputStream()  # counts, and copies nothing
        self._write(sink)
        self.nbytes: int = sink.size()

    def append_to(self, path: str) -> None:
        import pyarrow

        with pyarrow.OSFile(path, "ab") as file:
            self._write(file)

    def data(self) -> memoryview:
        import pyarrow

        sink = pyarrow.BufferOutputStream()
        self._write(sink)
        return memoryview(sink.getvalue())

    def _write(self, sink: Any) -> None:
        import pyarrow

        table = self._table
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            if not table.num_rows:  # an empty batch says the categories too, no batch would not
                empty = [c.chunk(0) if c.num_chunks else pyarrow.array([], c.type) for c in table]
                writer.write_batch(pyarrow.record_batch(empty, schema=table.schema))
            writer.write(table)


def _read_stream(data: memoryview) -> Any:
    import pyarrow

    table = pyarrow.ipc.open_stream(pyarrow.py_buffer(data)).read_all()
    table.validate()  # that the buffers are as long as the columns say
    return table


# --- pandas


def _dataframe(encoder: Encoder, value: Any, path: str) -> Any:
    tree: dict[str, Any] = {"__type__": "pandas.DataFrame", "shape": list(value.shape)}
    objects = [
        index
        for index, kind in enumerate(value.dtypes)
        if kind.kind == "O" and str(kind) == "object"
    ]
    if objects:
        tree["objects"] = objects
    if value.attrs:
        tree["attrs"] = encoder.encode(value.attrs, f"{path}.attrs")
    return {**tree, **_frequency(value), "arrow": encoder.streamed(_arrow(value, path))}


def _frequency(value: Any) -> dict[str, Any]:
    frequency = getattr(value.index, "freqstr", None)
    is_dates = type(value.index).__name__ in ("DatetimeIndex", "TimedeltaIndex")
    return {"freq": frequency} if frequency and is_dates else {}


def _arrow(frame: Any, path: str) -> Any:
    pyarrow = _need("pyarrow", "a pandas value", path)
    if frame.attrs:
        frame = frame.copy(deep=False)
        frame.attrs = {}
    try:
        return _Stream(pyarrow.Table.from_pandas(frame))
    except (ValueError, TypeError, NotImplementedError, OverflowError) as error:
        reason = " ".join(str(part) for part in error.args) or repr(error)
        raise Unencodable(
            path,
            "a pandas DataFrame that Arrow cannot hold",
            f"({reason}): give each column one type and a name of its own",
        ) from error


def _read_dataframe(decoder: Decoder, tree: dict[str, Any]) -> Any:
    import pandas  # noqa: F401 - named in the error where it is missing

    table = _read_stream(decoder.binary(tree["arrow"]))
    frame = _own(table.to_pandas())
    for index in tree.get("objects", ()):
        if str(frame.dtypes.iloc[index]) != "object":
            frame.isetitem(index, frame.iloc[:, index].astype(object))
    if "attrs" in tree:
        frame.attrs = decoder.value(tree["attrs"])
    if "freq" in tree:
        frame.index.freq = tree["freq"]
    return frame


def _own(frame: Any) -> Any:
    """The codes of a category lie in the file still, and pandas would fail to change them."""
    for index, kind in enumerate(frame.dtypes):
        if kind.name == "category":
            frame.isetitem(index, frame.iloc[:, index].copy())
    return frame


def _series(encoder: Encoder, value: Any, path: str) -> Any:
    frame = _dataframe(encoder, value.to_frame("values"), path)
    name = encoder.encode(value.name, f"{path}.name")
    return {**frame, "__type__": "pandas.Series", "shape": list(value.shape), "name": name}


def _read_series(decoder: Decoder, tree: dict[str, Any]) -> Any:
    frame = _read_dataframe(decoder, tree)
    series = frame["values"]
    series.name = decoder.value(tree["name"])
    series.attrs = frame.attrs
    return series


def _timestamp(encoder: Encoder, value: Any, path: str) -> Any:
    zone = {} if value.tzinfo is None else {"tz": encoder.encode(_zone(value), path)}
    tree = {"__type__": "pandas.Timestamp", "text": value.isoformat()}
    return {**tree, "count": int(value.asm8.view("i8")), "unit": value.unit, **zone}


def _zone(value: Any) -> Any:
    """By name, or by offset where it has none."""
    import datetime
    import zoneinfo

    name = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)
    if isinstance(name, str) and is_zone(name):
        return zoneinfo.ZoneInfo(name)
    return datetime.timezone(value.utcoffset())


def _read_timestamp(decoder: Decoder, tree: dict[str, Any]) -> Any:
    import numpy
    import pandas

    made = pandas.Timestamp(numpy.datetime64(tree["count"], tree["unit"]))
    return made.tz_localize("UTC").tz_convert(decoder.value(tree["tz"])) if "tz" in tree else made


def _timedelta(encoder: Encoder, value: Any, path: str) -> Any:
    count = int(value.asm8.view("i8"))
    return {"__type__": "pandas.Timedelta", "count": count, "unit": value.unit}


def _read_timedelta(_: Decoder, tree: dict[str, Any]) -> Any:
    import numpy
    import pandas

    return pandas.Timedelta(numpy.timedelta64(tree["count"], tree["unit"]))


def _missing(name: str) -> Any:
    import pandas

    return getattr(pandas, name)


# --- polars and pyarrow


class _Counter(io.RawIOBase):
    """A file that only grows in number."""

    nbytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.nbytes += size
        return size


class _PolarsFile:
    """A polars DataFrame as an Arrow file, which polars writes in small pieces."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        counter = _Counter()
        frame.write_ipc(counter)
        self.nbytes = counter.nbytes

    def append_to(self, path: str) -> None:
        import polars

        try:
            with open(path, "ab") as file:
                self._frame.write_ipc(file)
        except polars.exceptions.PolarsError as error:
            raise OSError(str(error)) from error

    def data(self) -> memoryview:
        sink = io.BytesIO()
        self._frame.write_ipc(sink)
        return sink.getbuffer()


def _polars_frame(encoder: Encoder, value: Any, path: str) -> Any:
    try:
        part = _PolarsFile(value)
    except Exception as error:  # a column of objects panics
        raise Unencodable(
            path, "a polars DataFrame that Arrow cannot hold", f"({error}): cast its object columns"
        ) from error
    tree = {"__type__": "polars.DataFrame", "shape": list(value.shape)}
    return {**tree, "arrow": encoder.streamed(part)}


def _read_polars_frame(decoder: Decoder, tree: dict[str, Any]) -> Any:
    import polars

    data = io.BytesIO(decoder.binary(tree["arrow"]))
    try:
        return polars.read_ipc(data)
    except polars.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error
    except BaseException as error:  # polars panics, with an exception that nobody would catch
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(str(error)) from None


def _polars_series(encoder: Encoder, value: Any, path: str) -> Any:
    frame = _polars_frame(encoder, value.to_frame(), path)
    return {**frame, "__type__": "polars.Series", "shape": [len(value)]}


def _lazy_frame(encoder: Encoder, value: Any, path: str) -> Any:
    raise Unencodable(path, "a polars LazyFrame", "which is no data yet: hand on its collect()")


def _table(encoder: Encoder, value: Any, path: str) -> Any:
    tree = {"__type__": "pyarrow.Table", "shape": list(value.shape)}
    return {**tree, "arrow": encoder.streamed(_Stream(value))}


def _batch(encoder: Encoder, value: Any, path: str) -> Any:
    import pyarrow

    table = _table(encoder, pyarrow.Table.from_batches([value]), path)
    return {**table, "__type__": "pyarrow.RecordBatch"}


def _read_batch(decoder: Decoder, tree: dict[str, Any]) -> Any:
    import pyarrow

    table = _read_stream(decoder.binary(tree["arrow"]))
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=table.schema)


ENCODERS: dict[str, Callable[[Encoder, Any, str], Any]] = {
    "pandas.DataFrame": _dataframe,
    "pandas.Series": _series,
    "pandas.Timestamp": _timestamp,
    "pandas.Timedelta": _timedelta,
    "pandas.NaTType": lambda *_: {"__type__": "pandas.NaT"},
    "pandas.NAType": lambda *_: {"__type__": "pandas.NA"},
    "polars.DataFrame": _polars_frame,
    "polars.Series": _polars_series,
    "polars.LazyFrame": _lazy_frame,
    "pyarrow.Table": _table,
    "pyarrow.RecordBatch": _batch,
}
DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "pandas.DataFrame": _read_dataframe,
    "pandas.Series": _read_series,
    "pandas.Timestamp": _read_timestamp,
    "pandas.Timedelta": _read_timedelta,
    "pandas.NaT": lambda *_: _missing("NaT"),
    "pandas.NA": lambda *_: _missing("NA"),
    "polars.DataFrame": _read_polars_frame,
    "polars.Series": lambda decoder, tree: _read_polars_frame(decoder, tree).to_series(),
    "pyarrow.Table": lambda decoder, tree: _read_stream(decoder.binary(tree["arrow"])),
    "pyarrow.RecordBatch": _read_batch,
}
