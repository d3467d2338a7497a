"""Commands about users, roles and tokens. Whether the caller may is judged before, by the api."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from millstream.core.access import (
    MOST_SCOPES,
    Binding,
    Role,
    check_place,
    check_role,
    check_subject,
    check_user,
    is_token_id,
    parse_binding,
)
from millstream.core.commands import (
    CreateToken,
    CreateUser,
    DeleteUser,
    GrantRole,
    RevokeRole,
    RevokeToken,
)
from millstream.core.errors import InvalidArgument, Refused
from millstream.core.event_parts import Where
from millstream.core.events import (
    AccessData,
    Fact,
    RoleGranted,
    RoleRevoked,
    TokenCreated,
    TokenRevoked,
    UserCreated,
    UserDeleted,
)
from millstream.core.state import State

# Of the whole installation: these are held in memory by every api.
MOST_USERS = 100_000
MOST_TOKENS = 100_000
MOST_TOKENS_OF_A_USER = 1000
LONGEST_LABEL = 200


def create_user(state: State, command: CreateUser) -> Iterator[Fact]:
    _check(check_user(command.name))
    if command.name in state.access.users:
        raise Refused("USER_EXISTS", f"User {command.name!r} exists already.")
    if len(state.access.users) >= MOST_USERS:
        raise Refused("TOO_MANY", f"There are {MOST_USERS} users; delete some.")
    yield _fact(UserCreated(name=command.name))


def delete_user(state: State, command: DeleteUser) -> Iterator[Fact]:
    name = command.name
    if name not in state.access.users:
        raise Refused("USER_NOT_FOUND", f"There is no user {name!r}.")
    for token in state.access.tokens_of(name):
        yield _fact(TokenRevoked(token_id=token.token_id))
    for binding in list(state.access.bindings.get(name, ())):
        yield _fact(
            RoleRevoked(
                subject=name,
                role=binding.role.value,
                namespace=binding.namespace,
                dag_id=binding.dag_id,
            )
        )
    yield _fact(UserDeleted(name=name))


def grant_role(state: State, command: GrantRole) -> Iterator[Fact]:
    binding = _binding(command)
    if binding in state.access.bindings.get(command.subject, {}):
        return
    yield _fact(
        RoleGranted(
            subject=command.subject,
            role=binding.role.value,
            namespace=binding.namespace,
            dag_id=binding.dag_id,
        )
    )


def revoke_role(state: State, command: RevokeRole) -> Iterator[Fact]:
    binding = _binding(command)
    if binding not in state.access.bindings.get(command.subject, {}):
        raise Refused(
            "ROLE_NOT_FOUND", f"{command.subject!r} does not have the role {str(binding)!r}."
        )
    yield _fact(
        RoleRevoked(
            subject=command.subject,
            role=binding.role.value,
            namespace=binding.namespace,
            dag_id=binding.dag_id,
        )
    )


def create_token(state: State, command: CreateToken, now: datetime) -> Iterator[Fact]:
    access = state.access
    if command.user not in access.users:
        raise Refused(
            "USER_NOT_FOUND", f"There is no user {command.user!r}; make one first, then its tokens."
        )
    if not is_token_id(command.token_id) or command.token_id in access.tokens:
        raise Refused("TOKEN_EXISTS", f"Token {command.token_id!r} cannot be made; try again.")
    problems = [] if len(command.label) <= LONGEST_LABEL else ["label is too long"]
    if len(command.scopes) > MOST_SCOPES:
        problems.append(f"a token has at most {MOST_SCOPES} scopes")
    if command.expires_at is not None and command.expires_at <= now:
        problems.append("expires_at is in the past")
    _check(problems)
    try:
        scopes = tuple(str(parse_binding(scope)) for scope in command.scopes)
    except InvalidArgument as error:
        raise Refused("INVALID_ARGUMENT", str(error)) from error
    mine = len(access.owned.get(command.user, ()))
    if mine >= MOST_TOKENS_OF_A_USER or len(access.tokens) >= MOST_TOKENS:
        raise Refused("TOO_MANY", f"User {command.user!r} has {mine} tokens; revoke some.")
    yield _fact(
        TokenCreated(
            token_id=command.token_id,
            user=command.user,
            label=command.label,
            scopes=scopes,
            expires_at=command.expires_at,
        )
    )


def revoke_token(state: State, command: RevokeToken) -> Iterator[Fact]:
    token = state.access.tokens.get(command.token_id)
    if token is None or command.user not in ("", token.user):
        raise Refused("TOKEN_NOT_FOUND", f"There is no token {command.token_id[:60]!r}.")
    yield _fact(TokenRevoked(token_id=command.token_id))


def _binding(command: GrantRole | RevokeRole) -> Binding:
    """Raises :class:`Refused`."""
    _check(
        [
            *check_subject(command.subject),
            *check_role(command.role),
            *check_place(command.namespace, command.dag_id),
        ]
    )
    return Binding(Role(command.role), command.namespace, command.dag_id)


def _check(problems: list[str]) -> None:
    if problems:
        raise Refused("INVALID_ARGUMENT", f"{problems[0][0].upper()}{problems[0][1:]}.")


def _fact(data: AccessData) -> Fact:
    """Such things belong to no namespace."""
    return Fact(Where("", ""), data)
