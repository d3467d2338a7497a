"""Assets: who waits for which, and what was seen of them since.

The state keeps, for each DAG whose schedule names assets, the updates since its last run by them.
An update costs the DAGs that wait for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import assert_never

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition, AssetRef
from millstream.core.event_parts import AssetEmission
from millstream.core.events import AssetUpdated, Event
from millstream.core.spec import DagSpec, TaskSpec
from millstream.core.timetable import AssetOrTimeSchedule, AssetSchedule

DagKey = tuple[str, str]
AssetKey = tuple[str, str]
# Of each asset so many updates are handed to the run that they lead to, the latest.
MOST_KEPT = 1000


@dataclass(slots=True)
class Watch:
    """What a DAG waits for, and the positions of the updates since its last run, by asset."""

    condition: AssetCondition
    seen: dict[AssetKey, list[int]] = field(default_factory=dict)

    def positions(self) -> tuple[int, ...]:
        return tuple(sorted(at for positions in self.seen.values() for at in positions))


@dataclass(slots=True)
class Assets:
    """``known`` has the URI and the group of each asset that a DAG names, by namespace and name,
    and ``names`` its name by its URI; ``members`` and ``aliases`` say which assets were ever
    attached to which alias."""

    known: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    members: dict[tuple[str, str], dict[AssetKey, None]] = field(default_factory=dict)
    aliases: dict[tuple[str, AssetKey], dict[str, None]] = field(default_factory=dict)
    watches: dict[DagKey, Watch] = field(default_factory=dict)
    # By namespace and "name:..", "uri:.." or "alias:..".
    waiting: dict[tuple[str, str], dict[DagKey, None]] = field(default_factory=dict)

    def take_spec(self, namespace: str, spec: DagSpec) -> None:
        """The latest version of a DAG counts. What was seen of an asset that it waited for already
        stays seen."""
        condition = condition_of(spec)
        for ref in refs_of(spec):
            if isinstance(ref, AssetRef) and ref.name and ref.uri:
                self._know(namespace, (ref.name, ref.uri), ref.group)
        key = (namespace, spec.dag_id)
        old = self.watches.pop(key, None)
        if old is not None:
            for topic in _topics(old.condition):
                self.waiting[namespace, topic].pop(key, None)
        if condition is None:
            return
        watch = self.watches[key] = Watch(condition)
        for topic in _topics(condition):
            self.waiting.setdefault((namespace, topic), {})[key] = None
        if old is not None:
            watch.seen = {
                asset: positions
                for asset, positions in old.seen.items()
                if self._names(namespace, condition, asset)
            }

    def _know(self, namespace: str, asset: AssetKey, group: str) -> None:
        name, uri = asset
        self.known[namespace, name] = (uri, group or self.known.get((namespace, name), ("", ""))[1])
        self.names[namespace, uri] = name

    def find(self, namespace: str, name: str, uri: str) -> AssetKey | None:
        """The asset of this name, this URI, or both; None if no DAG names it."""
        name = name or self.names.get((namespace, uri), "")
        found = self.known.get((namespace, name))
        return (name, found[0]) if found and uri in ("", found[0]) else None

    def note(self, event: Event, data: AssetUpdated, paused: Collection[DagKey]) -> None:
        """Fold an update. DAGs that are ``paused`` do not see it, as in Airflow."""
        namespace, asset = event.where.namespace, (data.name, data.uri)
        self._know(namespace, asset, "")
        for alias in data.aliases:
            self.members.setdefault((namespace, alias), {})[asset] = None
            self.aliases.setdefault((namespace, asset), {})[alias] = None
        for key in self.watchers(namespace, data):
            if key in paused:
                continue
            positions = self.watches[key].seen.setdefault(asset, [])
            positions.append(event.position)
            del positions[:-MOST_KEPT]

    def forget(self, key: DagKey) -> None:
        """A run of the DAG has taken over what was seen."""
        watch = self.watches.get(key)
        if watch is not None:
            watch.seen.clear()

    def watchers(self, namespace: str, data: AssetUpdated) -> list[DagKey]:
        """The DAGs that wait for this asset, in the order in which they began to."""
        asset = (data.name, data.uri)
        topics = [f"name:{data.name}", f"uri:{data.uri}"]
        topics += [f"alias:{alias}" for alias in self.aliases.get((namespace, asset), ())]
        keys = {key: None for topic in topics for key in self.waiting.get((namespace, topic), ())}
        return [key for key in keys if self._names(namespace, self.watches[key].condition, asset)]

    def is_met(self, key: DagKey) -> bool:
        """Has the DAG seen what its condition asks for?"""
        watch = self.watches[key]
        return self._is_met(key[0], watch.condition, watch)

    def _is_met(self, namespace: str, condition: AssetCondition, watch: Watch) -> bool:
        match condition:
            case AllOf(parts=parts):
                return all(self._is_met(namespace, part, watch) for part in parts)
            case AnyOf(parts=parts):
                return any(self._is_met(namespace, part, watch) for part in parts)
            case leaf:
                return any(self._names(namespace, leaf, asset) for asset in watch.seen)

    def _names(self, namespace: str, condition: AssetCondition, asset: AssetKey) -> bool:
        match condition:
            case AssetRef(name=name, uri=uri):
                return name in ("", asset[0]) and uri in ("", asset[1])
            case AliasRef(name=name):
                return asset in self.members.get((namespace, name), {})
            case AllOf(parts=parts) | AnyOf(parts=parts):
                return any(self._names(namespace, part, asset) for part in parts)
            case _:
                assert_never(condition)


def condition_of(spec: DagSpec) -> AssetCondition | None:
    """What the DAG's schedule asks of assets, if anything."""
    match spec.schedule:
        case AssetSchedule(condition=condition) | AssetOrTimeSchedule(condition=condition):
            return condition
        case _:
            return None


def leaves_of(condition: AssetCondition) -> Iterator[AssetRef | AliasRef]:
    """The assets and aliases that a condition names."""
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from leaves_of(part)
        case AssetRef() | AliasRef():
            yield condition
        case _:
            assert_never(condition)


def refs_of(spec: DagSpec) -> Iterator[AssetRef | AliasRef]:
    """All assets and aliases that a DAG names."""
    condition = condition_of(spec)
    if condition is not None:
        yield from leaves_of(condition)
    for task in spec.tasks:
        yield from task.inlets
        yield from task.outlets


def _topics(condition: AssetCondition) -> Iterator[str]:
    for leaf in leaves_of(condition):
        match leaf:
            case AliasRef(name=name):
                yield f"alias:{name}"
            case AssetRef(name=name, uri=uri):
                yield f"name:{name}" if name else f"uri:{uri}"
            case _:
                assert_never(leaf)


def updates_of(
    assets: Assets, namespace: str, task: TaskSpec, emitted: tuple[AssetEmission, ...]
) -> list[AssetUpdated]:
    """What the success of a task says about assets: one update for each of its outlets, and for
    each asset and extra that it attached to aliases, whatever the number of these."""
    extras = {(e.name, e.uri): e.extra for e in emitted if not e.alias}
    updates = []
    for ref in task.outlets:
        if isinstance(ref, AssetRef):
            key = (ref.name, ref.uri)
            name, uri = assets.find(namespace, ref.name, ref.uri) or (
                ref.name or ref.uri,
                ref.uri or ref.name,
            )
            extra = extras.get(key) or extras.get((name, uri)) or {}
            updates.append(AssetUpdated(name=name, uri=uri, extra=extra))
    declared = {ref.name for ref in task.outlets if isinstance(ref, AliasRef)}
    attached: list[tuple[AssetKey, dict[str, object], list[str]]] = []
    for one in emitted:
        if one.alias not in declared:
            continue
        asset = (one.name, one.uri)
        same = next((a for k, extra, a in attached if k == asset and extra == one.extra), None)
        if same is None:
            attached.append((asset, one.extra, [one.alias]))
        elif one.alias not in same:
            same.append(one.alias)
    for (name, uri), extra, aliases in attached:
        updates.append(AssetUpdated(name=name, uri=uri, extra=extra, aliases=tuple(aliases)))
    return updates
