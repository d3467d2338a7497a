"""The page folds events to states as the core does: both are held against one file, which this
writes when it is run as a script, and ``tests/live/states.test.ts`` of the page reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from millstream.core.statuses import next_status
from millstream.core.wire import Record, to_event
from millstream_api.past_rows import STATE_OF

ROOT = Path(__file__).parents[3]
STATES = ROOT / "services/millstream_web/page/tests/live/states.json"
# Of these the data decides: each way that they may be, whatever else they say.
VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "TaskFailed": ({"retry_at": "2026-01-02T03:04:05Z"}, {"retry_at": None}),
    "TaskLost": ({"is_final": True}, {"is_final": False}),
    "TaskMarked": ({"state": "success"}, {"state": "failed"}, {"state": "skipped"}),
}


def cases() -> Iterator[dict[str, Any]]:
    """For each type of event: what of its data decides, and the state in which it leaves its task
    or its run; None where it is not about that."""
    seen: set[str] = set()
    for line in (ROOT / "tests/golden/events.jsonl").read_bytes().splitlines():
        record, stored = msgspec.json.decode(line, type=Record), msgspec.json.decode(line)
        if record.type in seen:
            continue
        seen.add(record.type)
        for data in VARIANTS.get(record.type, ({},)):
            full = msgspec.Raw(msgspec.json.encode({**stored["data"], **data}))
            status = next_status(to_event(msgspec.structs.replace(record, data=full)).data)
            run = STATE_OF.get(record.type)
            yield {
                "type": record.type,
                "data": data,
                "task": status and f"TASK_STATE_{status.upper()}",
                "run": run and f"RUN_STATE_{run.upper()}",
            }


def written() -> str:
    lines = ",\n".join(json.dumps(case) for case in cases())
    return f"[\n{lines}\n]\n"


def test_the_page_has_the_table_of_the_core() -> None:
    assert STATES.read_text() == written(), f"Run python {Path(__file__).relative_to(ROOT)}"


if __name__ == "__main__":
    STATES.write_text(written())
