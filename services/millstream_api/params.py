"""The conf of a run against the rules of its DAG's params, before the run is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from millstream.sdk.schema import Violation, check
from millstream_api.errors import FieldProblem
from millstream_api.snapshot import Rows

_RULES = """
SELECT v.spec->'params' AS params, v.spec->'param_schemas' AS schemas FROM dag d
JOIN dag_version v ON v.namespace = d.namespace AND v.dag_id = d.dag_id
                  AND v.version = d.latest_version
WHERE d.namespace = $1 AND d.dag_id = $2 AND v.spec->'param_schemas' IS NOT NULL
"""


async def check_conf(rows: Rows, namespace: str, dag_id: str, conf: Mapping[str, Any]) -> None:
    """Raises :class:`FieldProblem` for a value that breaks a rule, or that is missing. Of a version
    that was submitted this very moment the rules are not known yet: then the tasks check."""
    row = await rows.fetchrow(_RULES, namespace, dag_id)
    if row is None:
        return
    schemas = msgspec.json.decode(row["schemas"], type=dict[str, dict[str, Any]])
    defaults = msgspec.json.decode(row["params"] or "{}", type=dict[str, Any])
    check_values(dag_id, conf, schemas, defaults)


def check_values(
    dag_id: str,
    conf: Mapping[str, Any],
    schemas: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
) -> None:
    """``schemas`` and ``defaults`` by the names of the params; one without a default must be in
    ``conf``. Raises :class:`FieldProblem`."""
    for name, schema in schemas.items():
        if name not in conf and name not in defaults:
            raise FieldProblem(
                "conf", f"Param {name!r} of DAG {dag_id!r} has no default; give it in the conf."
            )
        value = conf.get(name, defaults.get(name))
        try:
            check(value, schema)
        except Violation as violation:
            shown = msgspec.json.encode(value).decode()[:100]
            place = "the conf" if name in conf else "its default"
            raise FieldProblem(
                "conf", f"Param {name!r} of DAG {dag_id!r} is {shown} in {place}; {violation}."
            ) from None
