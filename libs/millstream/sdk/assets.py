"""``Asset``, ``AssetAlias`` and their conditions: what a DAG's tasks read and write, and what a DAG
may wait for instead of a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition
from millstream.core.asset_conditions import AssetRef as SpecRef
from millstream.sdk.errors import AirflowException

if TYPE_CHECKING:
    from millstream.sdk.asset_watcher import AssetWatcher

MAX_LENGTH = 1500


class BaseAsset:
    """Anything that stands for assets in a schedule: combine them with ``&`` and ``|``."""

    def __and__(self, other: BaseAsset) -> AssetAll:
        return AssetAll(self, _checked(other, "&"))

    def __or__(self, other: BaseAsset) -> AssetAny:
        return AssetAny(self, _checked(other, "|"))

    def condition(self) -> AssetCondition:
        """As plain data."""
        raise NotImplementedError


class Asset(BaseAsset):
    """Some data that tasks write and read, known by its name and its URI.

    ``Asset("orders")`` is called so in both; ``Asset("orders", "s3://lake/orders")`` and
    ``Asset(uri="s3://lake/orders")`` are usual as well. ``extra``: JSON values for people to look
    at. Two assets of one name and URI are the same. Names and passwords in a URI are dropped.
    ``watchers`` update the asset when their triggers fire, for the DAGs that are scheduled by it.
    """

    def __init__(
        self,
        name: str | None = None,
        uri: str | None = None,
        *,
        group: str = "asset",
        extra: Mapping[str, Any] | None = None,
        watchers: Sequence[AssetWatcher] = (),
    ) -> None:
        if name is None and uri is None:
            raise TypeError("Asset() needs a name or a uri")
        self.uri = _clean(_name("uri", name if uri is None else uri))
        self.name = _name("name", self.uri if name is None else name)
        self.group = _name("group", group)
        self.extra = plain_extra(extra, f"extra of asset {self.name!r}")
        self.watchers = list(watchers)
        for watcher in self.watchers:
            if not hasattr(watcher, "trigger"):
                raise TypeError(f"asset {self.name!r}: {watcher!r} is no AssetWatcher")

    @staticmethod
    def ref(*, name: str | None = None, uri: str | None = None) -> AssetRef:
        """The asset that another DAG defines under this name, or under this URI."""
        return AssetRef(name=name, uri=uri)

    def condition(self) -> SpecRef:
        """As plain data."""
        return SpecRef(name=self.name, uri=self.uri, group=self.group)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asset) and (self.name, self.uri) == (other.name, other.uri)

    def __hash__(self) -> int:
        return hash((self.name, self.uri))

    def __repr__(self) -> str:
        return f"Asset(name={self.name!r}, uri={self.uri!r})"


Dataset = Asset


class AssetRef(BaseAsset):
    """An asset that another DAG defines, by its name or its URI alone."""

    def __init__(self, *, name: str | None = None, uri: str | None = None) -> None:
        if (name is None) == (uri is None):
            raise TypeError("Asset.ref() needs a name or a uri, and not both")
        self.name = "" if name is None else _name("name", name)
        self.uri = "" if uri is None else _clean(_name("uri", uri))

    def condition(self) -> SpecRef:
        """As plain data."""
        return SpecRef(name=self.name, uri=self.uri)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetRef) and (self.name, self.uri) == (other.name, other.uri)

    def __hash__(self) -> int:
        return hash((self.name, self.uri))

    def __repr__(self) -> str:
        return f"Asset.ref(name={self.name!r}, uri={self.uri!r})"


class AssetAlias(BaseAsset):
    """A name for assets that are known only when a task runs: the task attaches them with
    ``outlet_events[alias].add(asset)``."""

    def __init__(self, name: str, *, group: str = "asset") -> None:
        self.name = _name("name", name)
        self.group = _name("group", group)

    def condition(self) -> AliasRef:
        """As plain data."""
        return AliasRef(name=self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetAlias) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"AssetAlias({self.name!r})"


class _Several(BaseAsset):
    def __init__(self, *parts: BaseAsset) -> None:
        if not parts:
            raise TypeError(f"{type(self).__name__}() needs at least one asset")
        self.parts: list[BaseAsset] = []
        for part in parts:
            _checked(part, type(self).__name__)
            self.parts += part.parts if type(part) is type(self) else [part]

    def _conditions(self) -> tuple[AssetCondition, ...]:
        return tuple(part.condition() for part in self.parts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"


class AssetAll(_Several):
    """Each of them."""

    def condition(self) -> AllOf:
        """As plain data."""
        return AllOf(parts=self._conditions())


class AssetAny(_Several):
    """One of them."""

    def condition(self) -> AnyOf:
        """As plain data."""
        return AnyOf(parts=self._conditions())


def schedule_condition(value: object) -> AssetCondition | None:
    """The condition that a schedule of assets means: a list means each of them. None: it is no
    schedule of assets."""
    if isinstance(value, BaseAsset):
        return value.condition()
    if isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
        if parts and all(isinstance(part, BaseAsset) for part in parts):
            if isinstance(value, set | frozenset):
                parts.sort(key=repr)
            return AssetAll(*parts).condition()
    return None


def watched_assets(schedule: object) -> list[Asset]:
    """The assets with watchers in a schedule, each once."""
    if isinstance(schedule, Asset):
        return [schedule] if schedule.watchers else []
    parts: Any = getattr(schedule, "parts", None) or getattr(schedule, "assets", None)
    if parts is None and isinstance(schedule, list | tuple | set | frozenset):
        parts = schedule
    if isinstance(parts, BaseAsset):
        return watched_assets(parts)
    found = {asset: None for part in parts or () for asset in watched_assets(part)}
    return list(found)


Ref = Asset | AssetRef | AssetAlias


def asset_list(name: str, value: object, owner: str) -> list[Ref]:
    """What is given as ``inlets`` or ``outlets``: one asset, or a list of them."""
    if value is None:
        return []
    items = [value] if isinstance(value, BaseAsset) else value
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise TypeError(f"{name} of {owner} is {value!r}; it must be a list of assets")
    found = list(items)
    for item in found:
        if not isinstance(item, Asset | AssetRef | AssetAlias):
            raise TypeError(
                f"{name} of {owner} holds {item!r}; only Asset, Asset.ref() and AssetAlias are "
                f"allowed"
            )
    return found


def plain_extra(extra: object, what: str) -> dict[str, Any]:
    """``extra`` as it arrives: through JSON."""
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise TypeError(f"{what} is {extra!r}; it must be a dict")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(extra), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise AirflowException(
            f"{what} is no JSON ({error}); use str, number, list, dict"
        ) from None
    return plain


def _checked(value: object, where: str) -> BaseAsset:
    if not isinstance(value, BaseAsset):
        raise TypeError(f"{where}: {value!r} is no asset")
    return value


def _name(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} of an asset is {value!r}; it must be a str")
    if not value.strip() or len(value) > MAX_LENGTH or not value.isprintable():
        raise ValueError(
            f"{what} of an asset is {value[:60]!r}; 1 to {MAX_LENGTH} printable characters are "
            f"allowed, and not only spaces"
        )
    return value


def _clean(uri: str) -> str:
    """Without a user and a password: URIs are shown and stored everywhere."""
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise ValueError(f"uri of an asset is {uri!r}: {error}") from None
    if parts.scheme == "airflow":
        raise ValueError(f"uri of an asset is {uri!r}; the scheme 'airflow' is reserved")
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
