"""Which assets a DAG waits for, reads or writes, as data."""

from __future__ import annotations

import msgspec


class AssetRef(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="asset", omit_defaults=True
):
    """One asset, by its name, its URI, or both; an empty one is not known to the DAG."""

    name: str = ""
    uri: str = ""
    group: str = ""


class AliasRef(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="alias", omit_defaults=True
):
    """Whatever assets a task attaches to this alias when it runs."""

    name: str


class AllOf(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="all", omit_defaults=True
):
    """Met when each of the parts is met."""

    parts: tuple[AssetCondition, ...]


class AnyOf(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="any", omit_defaults=True
):
    """Met when one of the parts is met."""

    parts: tuple[AssetCondition, ...]


AssetCondition = AssetRef | AliasRef | AllOf | AnyOf
