"""Positions of the log and instants, as requests name them."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from millstream.client.models import aware
from millstream.core.errors import InvalidArgument
from millstream.rpc.convert import timestamp_from
from millstream.rpc.v1 import history_pb2

# A position of the log, or an instant; None: now.
At = int | datetime | None


def instant_to_proto(name: str, instant: datetime | None) -> Timestamp | None:
    """Raises :class:`InvalidArgument`."""
    if instant is None:
        return None
    try:
        return timestamp_from(aware(instant))
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{name} is {instant}, which is out of range: {error}") from error


def moment_to_proto(at: At) -> history_pb2.Moment | None:
    if at is None:
        return None
    if isinstance(at, datetime):
        return history_pb2.Moment(instant=instant_to_proto("at", at))
    return history_pb2.Moment(position=at)
