"""Updates of assets from the read tables."""

from __future__ import annotations

import msgspec

from millstream.adapters.lookup import AssetQuestion
from millstream.adapters.postgres import Connection
from millstream.core.asset_events import AssetAnswer, AssetEventRecord

MOST_EVENTS = 1000

_OF_RUN = """
SELECT e.* FROM dag_run r
CROSS JOIN LATERAL json_array_elements_text(r.asset_events) AS a(position)
JOIN asset_event e ON e.position = a.position::bigint
WHERE r.namespace = $1 AND r.dag_id = $2 AND r.run_id = $3
ORDER BY e.position DESC LIMIT $4
"""
_OF_ASSET = """
SELECT * FROM asset_event
WHERE namespace = $1 AND ($2 = '' OR name = $2) AND ($3 = '' OR uri = $3)
  AND ($4 = '' OR aliases::jsonb ? $4)
  AND ($5::timestamptz IS NULL OR recorded_at > $5)
  AND ($6::timestamptz IS NULL OR recorded_at < $6)
ORDER BY position DESC LIMIT $7
"""


async def find_asset_events(
    connection: Connection, question: AssetQuestion, most_bytes: int
) -> AssetAnswer:
    """The latest ones, oldest first, of about ``most_bytes``."""
    asked = question.asked
    most = max(0, min(asked.limit, MOST_EVENTS))
    if question.is_of_run:
        rows = await connection.fetch(
            _OF_RUN, question.namespace, question.dag_id, question.run_id, MOST_EVENTS
        )
    elif "\0" in asked.name + asked.uri + asked.alias:
        rows = []
    else:
        rows = await connection.fetch(
            _OF_ASSET,
            question.namespace,
            asked.name,
            asked.uri,
            asked.alias,
            asked.after,
            asked.before,
            most,
        )
    found: list[AssetEventRecord] = []
    total = 0
    for row in rows:
        total += len(row["extra"]) + 300
        if found and total > most_bytes:
            break
        found.append(
            AssetEventRecord(
                position=row["position"],
                name=row["name"],
                uri=row["uri"],
                extra=msgspec.json.decode(row["extra"]),
                aliases=tuple(msgspec.json.decode(row["aliases"])),
                dag_id=row["dag_id"],
                run_id=row["run_id"],
                task_id=row["task_id"],
                map_index=tuple(row["map_index"]),
                recorded_at=row["recorded_at"],
            )
        )
    return AssetAnswer(events=tuple(reversed(found)))
