"""Every page, as its address."""

from __future__ import annotations

from e2e.web.seen_dags import FAILED_RUN, FLAKY, GOOD_RUN, SHOP

_RUN = f"/dags/{SHOP}/runs/{GOOD_RUN}"
_FAILED = f"/dags/{FLAKY}/runs/{FAILED_RUN}"
_TASK = f"{_FAILED}/tasks/fetch"

PAGES = {
    "home": "/",
    "dags": "/dags",
    **{
        f"dag-{tab}": f"/dags/{SHOP}/{tab}"
        for tab in ("grid", "graph", "gantt", "calendar", "runs", "code", "versions", "details")
    },
    "trigger": f"/dags/{SHOP}/trigger",
    "backfill": f"/dags/{SHOP}/backfill",
    **{
        f"run-{tab}": f"{_RUN}/{tab}"
        for tab in ("graph", "grid", "gantt", "events", "xcoms", "details")
    },
    "compare": f"{_RUN}/compare/{GOOD_RUN}",
    **{
        f"task-{tab}": f"{_TASK}/{tab}"
        for tab in ("log", "attempts", "xcoms", "rendered", "why", "events", "details")
    },
    **{
        name: f"/{name}"
        for name in (
            *("assets", "approvals", "pools", "variables", "connections", "workers", "audit"),
            *("access", "import-errors"),
        )
    },
}
