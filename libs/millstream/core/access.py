"""Who may do what: roles, what they are granted on, and the question that every call is asked.

Nothing is allowed unless a binding says so. A binding gives a subject (a user, or ``group:NAME``) a
role on a namespace, on one DAG of it, or on all namespaces (``*``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import reduce

import msgspec

from millstream.core.errors import InvalidArgument

ALL = "*"
GROUP = "group:"
MOST_SCOPES = 50
# As providers name people: an address, or `auth0|5f7c`. Never a `/`, which ends it in an actor.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+|:-]{0,127}")
# Of namespaces and DAGs, as `validate` has it.
_ID = re.compile(r"[\w.-]{1,250}")
_TOKEN_ID = re.compile(r"[a-z0-9]{8,32}")


class Action(StrEnum):
    """What a call does. ``KNOW``: only what concerns the caller, or nobody in particular."""

    KNOW = "know"
    VIEW = "view"
    OPERATE = "operate"
    CONFIGURE = "configure"
    AUTHOR = "author"
    ADMINISTER = "administer"


class Role(StrEnum):
    """Each may all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    AUTHOR = "author"
    ADMIN = "admin"


ROLE_ACTIONS: dict[Role, tuple[Action, ...]] = {
    # DAGs, runs, tasks, logs, events, XComs, pools, assets; the names of variables.
    Role.VIEWER: (Action.KNOW, Action.VIEW),
    # Trigger, clear, mark, pause, backfill, answer; pools.
    Role.OPERATOR: (Action.KNOW, Action.VIEW, Action.OPERATE),
    # Submit DAGs, which is to run code; the values of variables, and connections.
    Role.AUTHOR: (Action.KNOW, Action.VIEW, Action.OPERATE, Action.CONFIGURE, Action.AUTHOR),
    # Users, roles, and tokens of others.
    Role.ADMIN: tuple(Action),
}


class Binding(msgspec.Struct, frozen=True):
    """A role on a namespace (``*``: on all), or on one DAG of it."""

    role: Role
    namespace: str = ALL
    dag_id: str = ""

    def covers(self, namespace: str, dag_id: str) -> bool:
        """``dag_id`` "": the namespace itself, and all that is in it."""
        is_there = self.namespace in (ALL, namespace)
        return is_there and self.dag_id in ("", dag_id)

    def __str__(self) -> str:
        """As a scope of a token is written: ``operator``, ``viewer:default/etl``."""
        if self.namespace == ALL:
            return self.role
        return f"{self.role}:{self.namespace}{f'/{self.dag_id}' if self.dag_id else ''}"


EVERYTHING = (Binding(Role.ADMIN),)


class Principal(msgspec.Struct, frozen=True):
    """Somebody who calls. ``grants``: each group of bindings must allow what is done, so that a
    token can do less than its user and never more."""

    name: str
    grants: tuple[tuple[Binding, ...], ...] = ()


def may(principal: Principal, action: Action, namespace: str, dag_id: str = "") -> bool:
    """May they do this to the DAG, or with ``dag_id`` "" to the namespace as a whole? ``namespace``
    "*": to all of them."""
    return bool(principal.grants) and all(
        any(
            action in ROLE_ACTIONS[binding.role] and binding.covers(namespace, dag_id)
            for binding in bindings
        )
        for bindings in principal.grants
    )


def may_somewhere(principal: Principal, action: Action) -> bool:
    """May they do this to anything at all?"""
    return bool(principal.grants) and all(
        any(action in ROLE_ACTIONS[binding.role] for binding in bindings)
        for bindings in principal.grants
    )


def dags_for(principal: Principal, action: Action, namespace: str) -> tuple[str, ...] | None:
    """The DAGs of a namespace to which they may do this, sorted; None for all, also those to
    come."""

    def of(bindings: Iterable[Binding]) -> frozenset[str] | None:
        found = [
            binding.dag_id
            for binding in bindings
            if action in ROLE_ACTIONS[binding.role] and binding.namespace in (ALL, namespace)
        ]
        return None if "" in found else frozenset(found)

    def both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
        if one is None or other is None:
            return other if one is None else one
        return one & other

    if not principal.grants:
        return ()
    dags = reduce(both, map(of, principal.grants))
    return None if dags is None else tuple(sorted(dags))


def parse_binding(text: str) -> Binding:
    """``ROLE``, ``ROLE:NAMESPACE`` or ``ROLE:NAMESPACE/DAG``. Raises :class:`InvalidArgument`."""
    role, has_namespace, place = text.partition(":")
    namespace, has_dag, dag_id = place.partition("/")
    problems = check_role(role)
    if has_namespace:
        problems += check_place(namespace, dag_id)
        if has_dag and not dag_id:
            problems.append("the DAG is empty")
    if problems:
        raise InvalidArgument(
            f"{text[:100]!r} is no scope: {problems[0]}. Write ROLE, ROLE:NAMESPACE or "
            f"ROLE:NAMESPACE/DAG."
        )
    return Binding(Role(role), namespace if has_namespace else ALL, dag_id)


def check_role(role: str) -> list[str]:
    """What is wrong with the name of a role."""
    if role in tuple(Role):
        return []
    return [f"role is {role[:60]!r}; it must be one of {', '.join(Role)}"]


def check_place(namespace: str, dag_id: str) -> list[str]:
    """What is wrong with what a role is granted on."""
    problems = []
    if namespace != ALL and not _ID.fullmatch(namespace):
        problems.append(f"namespace is {namespace[:60]!r}, which is none, nor '*' for all of them")
    if dag_id and namespace == ALL:
        problems.append("a DAG is named, and no namespace")
    if dag_id and not _ID.fullmatch(dag_id):
        problems.append(f"dag_id is {dag_id[:60]!r}, which is none")
    return problems


def is_name(text: str) -> bool:
    """Can this be the name of a user?"""
    return _NAME.fullmatch(text) is not None


def check_user(name: str) -> list[str]:
    """What is wrong with the name of a user."""
    if is_name(name):
        return []
    return [
        f"user is {name[:60]!r}; a name has 1 to 128 letters, digits and . _ @ + | : -, and begins "
        f"with a letter or a digit"
    ]


def check_subject(subject: str) -> list[str]:
    """What is wrong with whom a role is granted: a user, or a group."""
    return check_user(subject.removeprefix(GROUP))


def is_token_id(text: str) -> bool:
    return _TOKEN_ID.fullmatch(text) is not None
