"""Commands about pools."""

from __future__ import annotations

from collections.abc import Iterator

from millstream.core.commands import DeletePool, SetPool
from millstream.core.errors import Refused
from millstream.core.event_parts import Where
from millstream.core.events import Fact, PoolDeleted, PoolSet
from millstream.core.pools import DEFAULT_POOL, DEFAULT_SLOTS, Pool
from millstream.core.state import State
from millstream.core.validate import check_id, check_pool

MOST_SLOTS = 2**31 - 1


def set_pool(state: State, command: SetPool) -> Iterator[Fact]:
    problems = [*check_id("namespace", command.namespace), *check_pool(command.name)]
    if not -1 <= command.slots <= MOST_SLOTS:
        problems.append(
            f"slots is {command.slots}; a pool has 0 to {MOST_SLOTS} slots, or -1 for as many as "
            f"anybody wants"
        )
    if problems:
        raise Refused("INVALID_ARGUMENT", f"{problems[0]}.")
    wanted = (command.slots, command.include_deferred, command.description)
    pool = _find(state, command.namespace, command.name)
    if pool is not None and wanted == (pool.slots, pool.include_deferred, pool.description):
        return
    yield Fact(
        Where(command.namespace, ""),
        PoolSet(
            name=command.name,
            slots=command.slots,
            include_deferred=command.include_deferred,
            description=command.description,
        ),
    )


def delete_pool(state: State, command: DeletePool) -> Iterator[Fact]:
    if command.name == DEFAULT_POOL:
        raise Refused("INVALID_ARGUMENT", f"The pool {DEFAULT_POOL!r} cannot be deleted.")
    if _find(state, command.namespace, command.name) is None:
        raise Refused("POOL_NOT_FOUND", f"Pool {command.name!r} does not exist.")
    yield Fact(Where(command.namespace, ""), PoolDeleted(name=command.name))


def _find(state: State, namespace: str, name: str) -> Pool | None:
    pool = state.limits.pools.get(namespace, {}).get(name)
    if pool is None and name == DEFAULT_POOL:
        return Pool(namespace, name, DEFAULT_SLOTS, exists=True)
    return pool if pool is not None and pool.exists else None
