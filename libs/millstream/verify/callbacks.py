"""Callbacks: attempts of something that is no task and outlives its run."""

from __future__ import annotations

from millstream.verify.rows import Row

MARK = "@"
_STATUS = {
    "TaskReady": "queued",
    "TaskStarted": "running",
    "TaskLost": "lost",
    "TaskSucceeded": "over",
    "TaskFailed": "over",
    "TaskSkipped": "over",
}
Key = tuple[str, str, str, str, tuple[int, ...]]


class Callbacks:
    """Those that are not over, each with its attempt, its status and the token of its claim."""

    def __init__(self) -> None:
        self._open: dict[Key, tuple[int, str, str]] = {}
        self._over: set[int] = set()

    def check(self, row: Row, token: str, claims: bool) -> tuple[str, str] | None:
        """The check that an event of a callback breaks, and how; then takes it as it is.
        ``claims``: it is a result that claims the attempt as well."""
        key = (row.namespace, row.dag_id, row.run_id, row.task_id, row.map_index)
        attempt, status, claim = self._open.get(key, (0, "", ""))
        if not status and hash(key) in self._over:
            status = "over"
        is_first = claims and status == "queued"
        if is_first:  # as if there were a claim before it
            status, claim = "running", token
        wrong = self._wrong(row, token, attempt, status, claim)
        if wrong is None and claims and not is_first:
            wrong = "open attempts", f"its attempt {attempt} is claimed already"
        after = _STATUS.get(row.type)
        if after == "over":
            self._open.pop(key, None)
            self._over.add(hash(key))
        elif after is not None:
            self._open[key] = (row.attempt, after, token if after == "running" else "")
        return wrong

    def _wrong(
        self, row: Row, token: str, attempt: int, status: str, claim: str
    ) -> tuple[str, str] | None:
        if row.type not in _STATUS:
            return "transitions", f"{row.type} is no event of a callback"
        if row.type == "TaskReady":
            if status == "over":
                return "transitions", "it is over"
            if status == "running":
                return "open attempts", f"its attempt {attempt} is open"
            if row.attempt != attempt + (status != "queued"):
                return "attempts", f"attempt {row.attempt} follows attempt {attempt}"
            return None
        if row.type == "TaskStarted":
            if status == "running":
                return "open attempts", f"its attempt {attempt} is claimed already"
            if status != "queued" or row.attempt != attempt:
                return "transitions", f"attempt {row.attempt} was not ready"
            return None
        if status == "over" or row.attempt < attempt or status == "lost":
            return "results", f"its attempt {row.attempt} has a result already"
        if status != "running" or row.attempt != attempt:
            return "tokens", f"nobody has claimed its attempt {row.attempt}"
        if row.type != "TaskLost" and token != claim:
            return "tokens", f"the result has the token {token!r} and the claim {claim!r}"
        return None
