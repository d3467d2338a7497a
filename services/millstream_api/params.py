"""The conf of a run against the rules of its DAG's params, before the run is made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

from millstream.adapters.visibility import everything_visible
from millstream.sdk.schema import Violation, check
from millstream_api.errors import FieldProblem
from millstream_api.hub import Hub, Scope, Watcher
from millstream_api.snapshot import Snapshots

_RULES = """
SELECT v.spec->'params' AS params, v.spec->'param_schemas' AS schemas FROM dag d
JOIN dag_version v ON v.namespace = d.namespace AND v.dag_id = d.dag_id
                  AND v.version = d.latest_version
WHERE d.namespace = $1 AND d.dag_id = $2 AND v.spec->'param_schemas' IS NOT NULL
"""
_VERSIONS = frozenset({"DagVersionSubmitted"})
# DAGs, of which each has a few kilobytes of rules at most.
MOST_KEPT = 2000


class Rules(msgspec.Struct, frozen=True):
    """Of a DAG's params, by their names. One without a default must be in the conf."""

    schemas: Mapping[str, Mapping[str, Any]] = {}
    defaults: Mapping[str, Any] = {}


class ParamRules:
    """The rules of the latest versions, each read once: the hub tells of new versions. Until it
    serves they are read each time."""

    def __init__(self, hub: Hub, snapshots: Snapshots) -> None:
        self._hub = hub
        self._snapshots = snapshots
        self._watcher: Watcher | None = None
        self._kept: OrderedDict[tuple[str, str], Rules] = OrderedDict()
        # What is kept is of this position or later.
        self._heard = 0

    async def check(
        self, namespace: str, dag_id: str, conf: Mapping[str, Any], min_position: int, most_s: float
    ) -> None:
        """Raises :class:`FieldProblem` for a value that breaks a rule, or that is missing, and
        :class:`Unavailable` where the rules of ``min_position`` are not known in time. Of a version
        that was submitted this very moment they are not known yet: then the tasks check."""
        # At least what was submitted here: a trigger often follows at once.
        least = max(min_position, self._snapshots.submitted)
        rules = await self._find((namespace, dag_id), least, most_s)
        check_values(dag_id, conf, rules)

    async def _find(self, key: tuple[str, str], least: int, most_s: float) -> Rules:
        if not self._hub.is_started:
            return (await self._read(key, least, most_s))[0]
        await self._forget_old()
        rules = self._kept.get(key)
        if rules is not None and self._hub.position >= least:
            self._kept.move_to_end(key)
            return rules
        rules, position = await self._read(key, least, most_s)
        await self._forget_old()
        if position >= self._heard:
            self._kept[key] = rules
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return rules

    async def _read(self, key: tuple[str, str], least: int, most_s: float) -> tuple[Rules, int]:
        """The rules, and of which position they are."""
        # What is kept is for every caller; who may trigger the DAG was asked before.
        with everything_visible():
            async with self._snapshots.open(least, most_s) as rows:
                position = await self._snapshots.position_in(rows)
                row = await rows.fetchrow(_RULES, *key)
        if row is None:
            return Rules(), position
        schemas = msgspec.json.decode(row["schemas"], type=dict[str, dict[str, Any]])
        defaults = msgspec.json.decode(row["params"] or "{}", type=dict[str, Any])
        return Rules(schemas, defaults), position

    async def _forget_old(self) -> None:
        """Whatever has a newer version by what the hub has told."""
        if self._watcher is None:
            self._watcher = await self._hub.join(Scope(), _VERSIONS)
            self._heard = self._hub.position
        elif self._watcher.is_lost:
            self._watcher.resume()
            self._kept.clear()
            self._heard = self._hub.position
        for submitted in self._watcher.take_now():
            self._kept.pop((submitted.namespace, submitted.dag_id), None)
            self._heard = submitted.position


def check_values(dag_id: str, conf: Mapping[str, Any], rules: Rules) -> None:
    """Raises :class:`FieldProblem`."""
    for name, schema in rules.schemas.items():
        if name not in conf and name not in rules.defaults:
            raise FieldProblem(
                "conf", f"Param {name!r} of DAG {dag_id!r} has no default; give it in the conf."
            )
        value = conf.get(name, rules.defaults.get(name))
        try:
            check(value, schema)
        except Violation as violation:
            shown = msgspec.json.encode(value).decode()[:100]
            place = "the conf" if name in conf else "its default"
            raise FieldProblem(
                "conf", f"Param {name!r} of DAG {dag_id!r} is {shown} in {place}; {violation}."
            ) from None
