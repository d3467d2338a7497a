"""A stack where nobody gets in without a token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from integration.running_stack import ForkedStack, RunningStack, bash, bash_dag
from millstream.client import Client, Target
from millstream.client.target import from_environment


@contextmanager
def locked_stack(
    folder: Path, more: Mapping[str, str] | None = None, make: type[RunningStack] = ForkedStack
) -> Iterator[RunningStack]:
    """It is up as long as the block runs."""
    stack = make(folder / "a stack", {"MILLSTREAM_AUTH": "required", **(more or {})})
    with stack.running():
        yield stack


def as_token(stack: RunningStack, token: str, timeout_s: float = 30.0) -> Client:
    return Client(timeout_s=timeout_s, target=Target(address=stack.address, token=token))


@contextmanager
def as_admin(stack: RunningStack) -> Iterator[Client]:
    """With the token that `millstream up` made; there are the DAGs alpha and beta."""
    with as_token(stack, from_environment(stack.address, stack.data_dir).token) as client:
        for dag_id in ("alpha", "beta"):
            client.submit_spec(bash_dag(dag_id, bash("a", f"echo {dag_id}")))
        yield client
