"""Commands about DAGs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from millstream.core.commands import SetDagPaused, SubmitDag
from millstream.core.dags import Dag
from millstream.core.errors import InvalidDag, Refused
from millstream.core.event_parts import Where
from millstream.core.events import DagPaused, DagUnpaused, DagVersionSubmitted, Fact
from millstream.core.run_queue import plan
from millstream.core.spec import DagSpec, encode_spec
from millstream.core.state import State
from millstream.core.validate import MAX_SPEC_BYTES, check_dag, check_id, needs_bundle


def submit(state: State, command: SubmitDag, now: datetime) -> Iterator[Fact]:
    spec = command.spec
    try:
        check_dag(spec)
    except InvalidDag as error:
        raise Refused("INVALID_DAG", str(error)) from error
    if not command.bundle and needs_bundle(spec):
        raise Refused(
            "INVALID_DAG",
            f"DAG {spec.dag_id!r} has Python tasks or callbacks, so it needs a bundle.",
        )
    problems = check_id("namespace", command.namespace)
    if problems:
        raise Refused("INVALID_ARGUMENT", f"{problems[0]}.")
    canonical = encode_spec(spec)
    if len(canonical) > MAX_SPEC_BYTES:
        raise Refused(
            "INVALID_DAG",
            f"DAG {spec.dag_id!r} takes {len(canonical)} bytes; {MAX_SPEC_BYTES} are allowed.",
        )
    latest = state.latest(command.namespace, spec.dag_id)
    where = Where(command.namespace, spec.dag_id)
    if latest is not None and latest.canonical == canonical and latest.bundle == command.bundle:
        # A release that knew no schedules yet may have left it without a plan.
        dag = state.dags[command.namespace, spec.dag_id]
        if dag.planned is None and dag.last is None:
            yield from plan((command.namespace, spec.dag_id), dag, now)
        return
    yield Fact(
        where,
        DagVersionSubmitted(
            version=latest.version + 1 if latest else 1,
            spec=msgspec.Raw(canonical),
            bundle=command.bundle,
        ),
    )
    if latest is None and _begins_paused(spec, command):
        yield Fact(where, DagPaused(reason="new"))


def _begins_paused(spec: DagSpec, command: SubmitDag) -> bool:
    """A pause protects from what a schedule would start; a DAG without one has nothing to fear."""
    if spec.is_paused_upon_creation is not None:
        return spec.is_paused_upon_creation
    return command.is_paused_if_new and spec.schedule is not None


def set_paused(state: State, command: SetDagPaused) -> Iterator[Fact]:
    where = Where(command.namespace, command.dag_id)
    dag = find_dag(state, command.namespace, command.dag_id)
    if command.is_paused and not dag.is_paused:
        yield Fact(where, DagPaused())
    elif not command.is_paused and dag.is_paused:
        yield Fact(where, DagUnpaused())


def find_dag(state: State, namespace: str, dag_id: str) -> Dag:
    """Raises :class:`Refused`."""
    dag = state.dags.get((namespace, dag_id))
    if dag is None:
        raise Refused(
            "DAG_NOT_FOUND",
            f"DAG {dag_id!r} does not exist. Submit it first: millstream submit FILE",
        )
    return dag
