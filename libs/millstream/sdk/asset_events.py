"""What a running task says and asks about assets: ``outlet_events``, ``inlet_events``,
``triggering_asset_events``, and ``Metadata``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pendulum

from millstream.core.asset_events import AssetEventRecord, AssetEventsQuestion
from millstream.core.event_parts import AssetEmission
from millstream.sdk.assets import Asset, AssetAlias, AssetRef, Ref, plain_extra
from millstream.sdk.dates import in_utc
from millstream.sdk.errors import AirflowException

Ask = Callable[[AssetEventsQuestion], list[AssetEventRecord]]


class Metadata:
    """``yield Metadata(asset, {"rows": 3})`` from a Python task: extra facts about an update.
    With ``alias``: attach the asset to it."""

    def __init__(
        self,
        asset: Asset | AssetRef,
        extra: Mapping[str, Any] | None = None,
        alias: AssetAlias | None = None,
    ) -> None:
        if not isinstance(asset, Asset | AssetRef):
            raise TypeError(f"Metadata: asset is {asset!r}; it must be an Asset")
        if alias is not None and not isinstance(alias, AssetAlias):
            raise TypeError(f"Metadata: alias is {alias!r}; it must be an AssetAlias")
        self.asset = asset
        self.extra = plain_extra(extra, f"extra of {asset!r}")
        self.alias = alias


@dataclass(frozen=True)
class AssetEvent:
    """An update of an asset. ``id`` is its position in the log; the source is empty for an update
    from outside; ``source_map_index`` is -1 for a task that is not mapped."""

    id: int
    asset: Asset
    extra: dict[str, Any]
    timestamp: pendulum.DateTime
    source_dag_id: str
    source_task_id: str
    source_run_id: str
    source_map_index: int | tuple[int, ...]
    source_aliases: tuple[AssetAlias, ...]

    @property
    def uri(self) -> str:
        """The asset's URI."""
        return self.asset.uri

    @classmethod
    def of(cls, record: AssetEventRecord) -> AssetEvent:
        path = record.map_index
        return cls(
            id=record.position,
            asset=Asset(record.name, record.uri),
            extra=record.extra,
            timestamp=in_utc(record.recorded_at),
            source_dag_id=record.dag_id,
            source_task_id=record.task_id,
            source_run_id=record.run_id,
            source_map_index=path[0] if len(path) == 1 else path or -1,
            source_aliases=tuple(AssetAlias(name) for name in record.aliases),
        )


@dataclass
class OutletEvent:
    """What the task says about one of its outlets. ``extra`` goes with the update; an alias gets
    its assets by :meth:`add`."""

    key: Ref
    extra: dict[str, Any] = field(default_factory=dict)
    added: list[tuple[Asset | AssetRef, dict[str, Any]]] = field(default_factory=list)

    def add(self, asset: Asset | AssetRef, extra: Mapping[str, Any] | None = None) -> None:
        """This asset was updated, and belongs to the alias."""
        if not isinstance(self.key, AssetAlias):
            raise AirflowException(f"{self.key!r} is no AssetAlias, so nothing can be added to it")
        if not isinstance(asset, Asset):
            raise TypeError(f"add() takes an Asset with a name and a URI, not {asset!r}")
        self.added.append((asset, plain_extra(extra, f"extra of {asset!r}")))


class OutletEvents(Mapping[Any, OutletEvent]):
    """``outlet_events[asset].extra["rows"] = 3`` and ``outlet_events[alias].add(asset)``."""

    def __init__(self, outlets: Sequence[Ref]) -> None:
        self._outlets = list(outlets)
        self._events = {key: OutletEvent(key) for key in outlets}

    def __getitem__(self, key: Any) -> OutletEvent:
        if isinstance(key, int):
            return self._events[self._outlets[key]]
        found = self._events.get(key)
        if found is None:
            known = ", ".join(map(repr, self._events)) or "none"
            raise KeyError(f"{key!r} is not among the task's outlets; they are: {known}")
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def take(self, metadata: Metadata) -> None:
        """What the task yielded."""
        if metadata.alias is not None:
            self[metadata.alias].add(metadata.asset, metadata.extra)
        else:
            self[metadata.asset].extra.update(metadata.extra)

    def emissions(self) -> tuple[AssetEmission, ...]:
        """What of it the outlets alone do not say."""
        said = []
        for key, event in self._events.items():
            if isinstance(key, AssetAlias):
                said += [
                    AssetEmission(name=asset.name, uri=asset.uri, extra=extra, alias=key.name)
                    for asset, extra in event.added
                ]
            elif event.extra:
                extra = plain_extra(event.extra, f"extra of {key!r}")
                said.append(AssetEmission(name=key.name, uri=key.uri, extra=extra))
        return tuple(said)


class AssetEventList(Sequence[AssetEvent]):
    """Updates of one asset or alias, oldest first; asked for when they are first looked at."""

    def __init__(self, ask: Callable[[], list[AssetEventRecord]]) -> None:
        self._ask = ask
        self._events: list[AssetEvent] | None = None

    def _loaded(self) -> list[AssetEvent]:
        if self._events is None:
            self._events = [AssetEvent.of(record) for record in self._ask()]
        return self._events

    def __getitem__(self, index: Any) -> Any:
        return self._loaded()[index]

    def __len__(self) -> int:
        return len(self._loaded())

    def __repr__(self) -> str:
        return repr(self._loaded())


class InletEvents:
    """``inlet_events[asset]``: the latest updates of an inlet, the last one at ``[-1]``. Fewer with
    :meth:`before`, :meth:`after` and :meth:`limit`: ``inlet_events.limit(5)[asset]``."""

    def __init__(self, inlets: Sequence[Ref], ask: Ask, **filters: Any) -> None:
        self._inlets = list(inlets)
        self._ask = ask
        self._filters = filters

    def _with(self, **filters: Any) -> InletEvents:
        return InletEvents(self._inlets, self._ask, **{**self._filters, **filters})

    def after(self, instant: datetime) -> InletEvents:
        """Only updates after this instant."""
        return self._with(after=instant)

    def before(self, instant: datetime) -> InletEvents:
        """Only updates before this instant."""
        return self._with(before=instant)

    def limit(self, most: int) -> InletEvents:
        """Only so many, the latest."""
        return self._with(limit=most)

    def __getitem__(self, key: Any) -> AssetEventList:
        ref = self._inlets[key] if isinstance(key, int) else key
        if ref not in self._inlets:
            known = ", ".join(map(repr, self._inlets)) or "none"
            raise KeyError(f"{key!r} is not among the task's inlets; they are: {known}")
        if isinstance(ref, AssetAlias):
            question = AssetEventsQuestion(alias=ref.name, **self._filters)
        else:
            question = AssetEventsQuestion(name=ref.name, uri=ref.uri, **self._filters)
        return AssetEventList(lambda: self._ask(question))


class TriggeringAssetEvents(Mapping[Asset, list[AssetEvent]]):
    """The updates that led to the run, by asset; empty for a run that something else led to."""

    def __init__(self, ask: Callable[[], list[AssetEventRecord]]) -> None:
        self._ask = ask
        self._found: dict[Asset, list[AssetEvent]] | None = None

    def _loaded(self) -> dict[Asset, list[AssetEvent]]:
        if self._found is None:
            self._found = {}
            for record in self._ask():
                event = AssetEvent.of(record)
                self._found.setdefault(event.asset, []).append(event)
        return self._found

    def __getitem__(self, key: Any) -> list[AssetEvent]:
        found = self._loaded()
        if isinstance(key, AssetAlias):
            return [e for events in found.values() for e in events if key in e.source_aliases]
        if isinstance(key, AssetRef | str):
            names = (key, key) if isinstance(key, str) else (key.name, key.uri)
            for asset, events in found.items():
                if asset.name == names[0] or asset.uri == names[1]:
                    return events
        return found[key]

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def __repr__(self) -> str:
        return repr(self._loaded())
