"""Commands about DAGs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from millstream.core.commands import SubmitDag
from millstream.core.errors import InvalidDag, Refused
from millstream.core.events import DagVersionSubmitted, Fact, Where
from millstream.core.spec import PythonAction, encode_spec
from millstream.core.state import State
from millstream.core.validate import MAX_SPEC_BYTES, check_dag, check_id


def submit(state: State, command: SubmitDag) -> Iterator[Fact]:
    spec = command.spec
    try:
        check_dag(spec)
    except InvalidDag as error:
        raise Refused("INVALID_DAG", str(error)) from error
    if not command.bundle and any(isinstance(task.action, PythonAction) for task in spec.tasks):
        raise Refused("INVALID_DAG", f"DAG {spec.dag_id!r} has Python tasks, so it needs a bundle.")
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
    if latest is not None and latest.canonical == canonical and latest.bundle == command.bundle:
        return
    yield Fact(
        Where(command.namespace, spec.dag_id),
        DagVersionSubmitted(
            version=latest.version + 1 if latest else 1,
            spec=msgspec.Raw(canonical),
            bundle=command.bundle,
        ),
    )
