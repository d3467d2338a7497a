"""What happened to DAGs and runs, in the order of the log: may each event follow those before?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from millstream.verify.attempts import Attempts, describe
from millstream.verify.callbacks import MARK, Callbacks
from millstream.verify.dags import SCHEDULED, Backfill, Dag
from millstream.verify.data import read
from millstream.verify.findings import Findings
from millstream.verify.holders import Holders
from millstream.verify.names import Names
from millstream.verify.places import Places
from millstream.verify.rows import Row
from millstream.verify.runs import Run, RunKey, run_key
from millstream.verify.specs import rules_of

_OF_NAMES = (
    *("VariableSet", "VariableDeleted", "ConnectionSet", "ConnectionDeleted"),
    *("PoolSet", "PoolDeleted"),
)
_OF_ACCESS = (
    *("UserCreated", "UserDeleted", "RoleGranted", "RoleRevoked"),
    *("TokenCreated", "TokenRevoked"),
)
_OF_BACKFILLS = (
    *("BackfillCreated", "BackfillAdvanced", "BackfillPaused", "BackfillUnpaused"),
    *("BackfillCancelled", "BackfillCompleted"),
)
_OF_PEOPLE = (
    # A task may set variables and delete them.
    *("ConnectionSet", "ConnectionDeleted", "PoolSet", "PoolDeleted"),
    *("BackfillCreated", "BackfillPaused", "BackfillUnpaused", "BackfillCancelled"),
    *("EpochStarted", "DagVersionSubmitted", "DagUnpaused"),
    *_OF_ACCESS,
    "SecretsReencrypted",
)
_ENDS = ("RunSucceeded", "RunFailed", "RunQuarantined")


class History:
    """Judges one event after the other. Runs that are over are remembered by a number only."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._places = Places()
        self._attempts = Attempts(findings, self._places)
        self._callbacks = Callbacks()
        self._names = Names(self._places)
        self._holders = Holders()
        self._dags: dict[tuple[str, str], Dag] = {}
        self._runs: dict[RunKey, Run] = {}
        self._over: dict[int, int] = {}
        self._causation = ""
        self._requests: set[int] = set()
        self.types: Counter[str] = Counter()

    def count(self, judged: Counter[str]) -> None:
        """How much was judged of what the types of the events do not tell."""
        judged["requests"] += len(self._requests)
        judged["actors"] += sum(self.types[name] for name in _OF_PEOPLE)

    def add(self, row: Row) -> None:
        self.types[row.type] += 1
        try:
            data = read(row.type, row.data)
        except KeyError:
            self._wrong("rows", row, "this release knows no events of this type; use a newer one")
            return
        except (msgspec.MsgspecError, ValueError) as error:
            self._wrong("rows", row, f"its data cannot be read: {error}")
            return
        if row.causation != self._causation:
            self._causation = row.causation
            if row.actor.startswith("api/"):
                self._check_request(row)
        if row.run_id:
            self._of_run(row, data)
        else:
            self._of_dag(row, data)

    def _wrong(self, check: str, row: Row, what: str) -> None:
        self._findings.add(check, row.position, f"{describe(row)}: {what}.")

    def _check_request(self, row: Row) -> None:
        number = hash(row.causation)
        if number in self._requests:
            self._wrong("requests", row, f"request {row.causation!r} was decided before")
        self._requests.add(number)

    # --- DAGs and names

    def _of_dag(self, row: Row, data: Any) -> None:
        if row.type in _OF_PEOPLE and row.actor.startswith("worker/"):
            self._wrong("actors", row, f"{row.actor!r} may not cause this")
        kind = row.type
        if kind in _OF_NAMES or kind in _OF_ACCESS:
            of = self._names if kind in _OF_NAMES else self._holders
            wrong = of.add(row, data)
            if wrong:
                self._wrong("transitions", row, wrong)
            return
        if kind in ("EpochStarted", "NothingChanged", "AssetUpdated", "SecretsReencrypted"):
            return
        key = (row.namespace, row.dag_id)
        dag = self._dags.get(key)
        if kind == "DagVersionSubmitted":
            self._submitted(row, data)
        elif dag is None:
            self._wrong("transitions", row, "no version of this DAG was submitted")
        elif kind in _OF_BACKFILLS:
            self._of_backfill(row, dag, data)
        elif kind == "DagPaused":
            self._places.paused[key] = None
        elif kind == "DagUnpaused":
            self._places.paused.pop(key, None)
        elif kind == "NextRunPlanned":
            self._planned(row, dag, data)
        elif kind != "OutcomeRemembered":
            self._wrong("transitions", row, "it names no run")

    def _submitted(self, row: Row, data: Any) -> None:
        dag = self._dags.setdefault((row.namespace, row.dag_id), Dag())
        before = max(dag.versions, default=0)
        if data.version != before + 1:
            self._wrong("transitions", row, f"version {data.version} follows version {before}")
        dag.versions[data.version] = rules_of(data.spec, data.version)

    def _planned(self, row: Row, dag: Dag, data: Any) -> None:
        dag.planned = data.next
        if data.next is None or data.last is None:
            return
        if data.next.logical_date <= data.last.logical_date:
            last = data.last.logical_date.isoformat()
            self._wrong("schedule", row, f"the next run is not later than the last one, {last}")

    def _of_backfill(self, row: Row, dag: Dag, data: Any) -> None:
        name = data.backfill_id
        if row.type == "BackfillCreated":
            dag.backfills[name] = Backfill(data.max_active_runs)
            return
        backfill = dag.backfills.get(name)
        if backfill is None:
            self._wrong("transitions", row, f"no backfill {name!r} is under way")
            return
        match row.type:
            case "BackfillAdvanced":
                if data.number != backfill.number + 1:
                    self._wrong(
                        "transitions", row, f"date {data.number} follows date {backfill.number}"
                    )
                backfill.number = data.number
            case "BackfillPaused":
                backfill.is_paused = True
            case "BackfillUnpaused":
                backfill.is_paused = False
            case _:
                del dag.backfills[name]

    # --- runs

    def _of_run(self, row: Row, data: Any) -> None:
        kind = row.type
        if MARK in row.task_id:
            wrong = self._callbacks.check(
                row, getattr(data, "token", ""), kind == "TaskSucceeded" and bool(data.worker)
            )
            if wrong is not None:
                self._wrong(*(wrong[0], row, wrong[1]))
            return
        if kind == "RunCreated":
            self._created(row, data)
            return
        if kind == "RunReopened":
            self._reopened(row, data)
            return
        run = self._runs.get(run_key(row))
        if run is None:
            if hash(run_key(row)) in self._over:
                self._wrong("finished runs", row, "the run is over")
            else:
                self._wrong("transitions", row, "there is no such run")
            return
        if run.recalled and kind != "TasksRecalled":
            self._settle(row, run)
        if not row.task_id:
            self._of_open_run(row, run, data)
        elif kind == "AssetUpdated":
            task = run.instances.find(row.task_id, row.map_index)
            if task is None or task.status != "success":
                self._wrong("transitions", row, "the task has not succeeded")
        elif row.task_id not in run.dag.tasks:
            self._wrong("transitions", row, f"version {run.dag.version} has no such task")
        else:
            self._attempts.add(row, run, data)

    def _created(self, row: Row, data: Any) -> None:
        key = run_key(row)
        if key in self._runs or hash(key) in self._over:
            check = "schedule" if data.run_type == SCHEDULED else "transitions"
            self._wrong(check, row, "there was such a run before")
            return
        dag = self._dags.get(key[:2])
        rules = dag.versions.get(data.version) if dag is not None else None
        if dag is None or rules is None:
            self._wrong("transitions", row, f"the DAG has no version {data.version}")
            return
        if data.run_type == SCHEDULED:
            wrong = dag.schedule_error(data)
            if wrong:
                self._wrong("schedule", row, wrong)
        if data.rerun is not None:
            origin = (*key[:2], data.rerun.run_id)
            if origin not in self._runs and hash(origin) not in self._over:
                self._wrong("transitions", row, "there is no run that it could be made from")
            elif not 0 < data.rerun.position < row.position:
                self._wrong("transitions", row, "it is made from what had not happened yet")
        self._runs[key] = Run(key, rules, data, row.position)

    def _reopened(self, row: Row, data: Any) -> None:
        key = run_key(row)
        dag = self._dags.get(key[:2])
        rules = dag.versions.get(data.version) if dag is not None else None
        if rules is None:
            self._wrong("transitions", row, f"the DAG has no version {data.version}")
            return
        left_as = self._over.pop(hash(key), None)
        if left_as is None:
            what = "the run is not over" if key in self._runs else "there is no such run"
            self._wrong("transitions", row, what)
            return
        run = self._runs[key] = Run(key, rules, data.created, row.position)
        run.recalled = left_as
        run.recall(data.tasks)

    def _settle(self, row: Row, run: Run) -> None:
        """All tasks of a reopened run have been named."""
        run.recalled = 0
        self._findings.add(
            "transitions",
            run.opened_at,
            f"RunReopened in run {row.run_id!r} of DAG {row.dag_id!r}: it goes on with other tasks "
            "than it ended with.",
        )

    def _of_open_run(self, row: Row, run: Run, data: Any) -> None:
        kind = row.type
        if kind == "RunStarted":
            self._started(row, run)
        elif kind in _ENDS:
            self._ended(row, run)
        elif kind == "TasksRecalled":
            run.recall(data.tasks)
        elif kind == "ResultsTakenOver":
            wrong = "the run was made from no other one"
            if run.is_rerun:
                is_queued = run.status == "queued"
                wrong = run.take_over(data.tasks) if is_queued else "the run has started before"
            if wrong:
                self._wrong("transitions", row, wrong)
        elif kind not in ("RunMarked", "DeadlineSet", "DeadlineMissed"):
            self._wrong("transitions", row, "it names no task")

    def _started(self, row: Row, run: Run) -> None:
        if run.status != "queued":
            self._wrong("transitions", row, "the run has started before")
            return
        dag = self._dags[run.key[:2]]
        most, count = dag.places(run.backfill_id), dag.running[run.backfill_id]
        if run.key[:2] in self._places.paused:
            self._wrong("limits", row, "the DAG is paused")
        elif count >= most:
            where = f"backfill {run.backfill_id!r}" if run.backfill_id else "the DAG"
            self._wrong("limits", row, f"{where} may have {most} runs at once and has {count}")
        run.status = "running"
        dag.running[run.backfill_id] += 1

    def _ended(self, row: Row, run: Run) -> None:
        if run.instances.unfinished and row.type != "RunQuarantined":
            count = run.instances.unfinished
            self._wrong("transitions", row, f"{count} of its task instances are not over")
        if run.status == "running":
            running = self._dags[run.key[:2]].running
            running[run.backfill_id] -= 1
            if not running[run.backfill_id]:
                del running[run.backfill_id]
        run.leave(self._places)
        del self._runs[run.key]
        self._over[hash(run.key)] = run.left_as()
