"""Schedules and asset conditions as messages, there and back."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from google.protobuf.timestamp_pb2 import Timestamp

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition, AssetRef
from millstream.core.errors import InvalidArgument
from millstream.core.timetable import (
    AssetOrTimeSchedule,
    AssetSchedule,
    ContinuousSchedule,
    CronIntervalSchedule,
    CronTriggerSchedule,
    DeltaIntervalSchedule,
    DeltaTriggerSchedule,
    EventsSchedule,
    ListedSchedule,
    NoSchedule,
    OnceSchedule,
    Schedule,
)
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.run_times import RunTimes
from millstream.rpc.convert import MAX_JSON_DEPTH, datetime_from, timestamp_from
from millstream.rpc.v1 import dags_pb2


def schedule_to_proto(schedule: Schedule) -> dags_pb2.Schedule:
    match schedule:
        case CronTriggerSchedule():
            cron = dags_pb2.CronTriggerSchedule(
                crons=schedule.crons,
                timezone=schedule.timezone,
                interval=_delta_to_proto(schedule.interval),
            )
            if isinstance(schedule.run_immediately, bool):
                cron.is_run_immediately = schedule.run_immediately
            else:
                cron.run_immediately_within_s = schedule.run_immediately
            return dags_pb2.Schedule(cron=cron)
        case CronIntervalSchedule(cron=text, timezone=zone):
            interval = dags_pb2.CronIntervalSchedule(cron=text, timezone=zone)
            return dags_pb2.Schedule(cron_interval=interval)
        case DeltaTriggerSchedule(every=every, interval=before):
            delta = dags_pb2.DeltaTriggerSchedule(
                every=_delta_to_proto(every), interval=_delta_to_proto(before)
            )
            return dags_pb2.Schedule(delta=delta)
        case DeltaIntervalSchedule(every=every):
            stretch = dags_pb2.DeltaIntervalSchedule(every=_delta_to_proto(every))
            return dags_pb2.Schedule(delta_interval=stretch)
        case EventsSchedule():
            events = dags_pb2.EventsSchedule(
                events=[timestamp_from(event) for event in schedule.events],  # type: ignore[misc]
                restrict_to_events=schedule.restrict_to_events,
            )
            return dags_pb2.Schedule(events=events)
        case OnceSchedule():
            return dags_pb2.Schedule(once=dags_pb2.OnceSchedule())
        case ContinuousSchedule():
            return dags_pb2.Schedule(continuous=dags_pb2.ContinuousSchedule())
        case NoSchedule():
            return dags_pb2.Schedule(none=dags_pb2.NoSchedule())
        case ListedSchedule(runs=runs):
            listed = dags_pb2.ListedSchedule(runs=map(times_to_proto, runs))
            return dags_pb2.Schedule(listed=listed)
        case AssetSchedule(condition=condition):
            return dags_pb2.Schedule(assets=_condition_to_proto(condition))
        case AssetOrTimeSchedule(time=time, condition=condition):
            both = dags_pb2.AssetOrTimeSchedule(
                time=schedule_to_proto(time), condition=_condition_to_proto(condition)
            )
            return dags_pb2.Schedule(asset_or_time=both)
        case _:
            assert_never(schedule)


def schedule_from_proto(message: dags_pb2.Schedule) -> Schedule:
    """Raises :class:`InvalidArgument` for a schedule without a kind, or with an instant that is
    missing or out of range."""
    match message.WhichOneof("kind"):
        case "cron":
            cron = message.cron
            is_bounded = cron.WhichOneof("run_immediately") == "run_immediately_within_s"
            return CronTriggerSchedule(
                crons=tuple(cron.crons),
                timezone=cron.timezone or "UTC",
                interval=_delta_from_proto(cron.interval),
                run_immediately=(
                    cron.run_immediately_within_s if is_bounded else cron.is_run_immediately
                ),
            )
        case "cron_interval":
            interval = message.cron_interval
            return CronIntervalSchedule(cron=interval.cron, timezone=interval.timezone or "UTC")
        case "delta":
            delta = message.delta
            return DeltaTriggerSchedule(
                every=_delta_from_proto(delta.every), interval=_delta_from_proto(delta.interval)
            )
        case "delta_interval":
            return DeltaIntervalSchedule(every=_delta_from_proto(message.delta_interval.every))
        case "events":
            return EventsSchedule(
                events=tuple(map(_instant_of, message.events.events)),
                restrict_to_events=message.events.restrict_to_events,
            )
        case "once":
            return OnceSchedule()
        case "continuous":
            return ContinuousSchedule()
        case "none":
            return NoSchedule()
        case "listed":
            return ListedSchedule(runs=tuple(map(times_from_proto, message.listed.runs)))
        case "assets":
            return AssetSchedule(condition=_condition_from_proto(message.assets, 1))
        case "asset_or_time":
            time = schedule_from_proto(message.asset_or_time.time)
            if isinstance(time, AssetSchedule | AssetOrTimeSchedule):
                raise InvalidArgument("the time of an asset-or-time schedule is itself of assets")
            condition = _condition_from_proto(message.asset_or_time.condition, 1)
            return AssetOrTimeSchedule(time=time, condition=condition)
        case _:
            raise InvalidArgument("schedule_object has no kind; set cron, delta, events or another")


def asset_to_proto(asset: AssetRef | AliasRef) -> dags_pb2.AssetOrAlias:
    if isinstance(asset, AliasRef):
        return dags_pb2.AssetOrAlias(alias=dags_pb2.AliasRef(name=asset.name))
    return dags_pb2.AssetOrAlias(asset=_asset_to_proto(asset))


def asset_from_proto(message: dags_pb2.AssetOrAlias, task_id: str) -> AssetRef | AliasRef:
    """Raises :class:`InvalidArgument` for one that is neither an asset nor an alias."""
    match message.WhichOneof("kind"):
        case "asset":
            return _asset_from_proto(message.asset)
        case "alias":
            return AliasRef(name=message.alias.name)
        case _:
            raise InvalidArgument(f"Task {task_id!r} has an inlet or outlet that is no asset.")


def _condition_to_proto(condition: AssetCondition) -> dags_pb2.AssetCondition:
    match condition:
        case AssetRef():
            return dags_pb2.AssetCondition(asset=_asset_to_proto(condition))
        case AliasRef(name=name):
            return dags_pb2.AssetCondition(alias=dags_pb2.AliasRef(name=name))
        case AllOf(parts=parts):
            every = dags_pb2.AssetConditions(parts=map(_condition_to_proto, parts))
            return dags_pb2.AssetCondition(all_of=every)
        case AnyOf(parts=parts):
            some = dags_pb2.AssetConditions(parts=map(_condition_to_proto, parts))
            return dags_pb2.AssetCondition(any_of=some)
        case _:
            assert_never(condition)


def _condition_from_proto(message: dags_pb2.AssetCondition, depth: int) -> AssetCondition:
    if depth > MAX_JSON_DEPTH:
        raise InvalidArgument(f"An asset condition is nested deeper than {MAX_JSON_DEPTH} levels.")
    kind = message.WhichOneof("kind")
    match kind:
        case "asset":
            return _asset_from_proto(message.asset)
        case "alias":
            return AliasRef(name=message.alias.name)
        case "all_of" | "any_of":
            conditions = message.all_of if kind == "all_of" else message.any_of
            parts = tuple(_condition_from_proto(part, depth + 1) for part in conditions.parts)
            return AllOf(parts=parts) if kind == "all_of" else AnyOf(parts=parts)
        case _:
            raise InvalidArgument("An asset condition has no kind: set asset, alias, all_of..")


def _asset_to_proto(asset: AssetRef) -> dags_pb2.AssetRef:
    return dags_pb2.AssetRef(name=asset.name, uri=asset.uri, group=asset.group)


def _asset_from_proto(asset: dags_pb2.AssetRef) -> AssetRef:
    return AssetRef(name=asset.name, uri=asset.uri, group=asset.group)


def _delta_to_proto(delta: Delta) -> dags_pb2.Delta:
    return dags_pb2.Delta(seconds=delta.seconds, months=delta.months)


def _delta_from_proto(delta: dags_pb2.Delta) -> Delta:
    return Delta(seconds=delta.seconds, months=delta.months)


def times_to_proto(times: RunTimes) -> dags_pb2.RunTimes:
    return dags_pb2.RunTimes(
        logical_date=timestamp_from(times.logical_date),
        interval_start=timestamp_from(times.interval_start),
        interval_end=timestamp_from(times.interval_end),
        run_after=timestamp_from(times.run_after),
    )


def times_from_proto(message: dags_pb2.RunTimes) -> RunTimes:
    instants = [
        datetime_from(message, name)
        for name in ("logical_date", "interval_start", "interval_end", "run_after")
    ]
    if None in instants:
        raise InvalidArgument("A listed run lacks one of its four instants.")
    return RunTimes(*instants)  # type: ignore[arg-type]


def _instant_of(stamp: Timestamp) -> datetime:
    found = datetime_from(dags_pb2.RunTimes(logical_date=stamp), "logical_date")
    assert found is not None, "it was just set"
    return found
