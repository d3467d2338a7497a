"""``Client.access``: users, roles and tokens, and who one is."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from millstream.client.modes import Calls, M, call, listing
from millstream.core.errors import InvalidArgument
from millstream.rpc.convert import datetime_from, timestamp_from
from millstream.rpc.v1 import access_pb2

ALL = "*"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a service that may have tokens."""

    name: str
    created_at: datetime | None = None


class RoleBinding(msgspec.Struct, frozen=True, kw_only=True):
    """A role of a user, or of ``group:NAME``, on a namespace (``*``: on all), or on one DAG."""

    subject: str
    role: str
    namespace: str
    dag_id: str = ""
    granted_at: datetime | None = None
    granted_by: str = ""


class TokenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A token, without its secret. ``scopes`` (): all that its user may; ``expires_at`` None:
    never."""

    token_id: str
    user: str
    label: str = ""
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None
    created_by: str = ""


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """``secret`` is the token itself, and is never shown again."""

    token_id: str
    secret: str
    position: int

    def __repr__(self) -> str:
        return f"NewToken({self.token_id!r})"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a caller is. ``authenticated_by``: local, token, admin token, oidc or certificate;
    ``token_scopes``: what the token restricts, () for nothing."""

    name: str
    authenticated_by: str
    groups: tuple[str, ...] = ()
    token_id: str = ""
    token_scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    roles: tuple[RoleBinding, ...] = ()


class Access(Calls[M]):
    """The calls of AccessService."""

    @call
    async def who_am_i(self) -> Identity:
        """Who the api takes this client for."""
        answer = await self._ask(access_pb2.WhoAmIRequest())
        return Identity(
            name=answer.name,
            authenticated_by=answer.authenticated_by,
            groups=tuple(answer.groups),
            token_id=answer.token_id,
            token_scopes=tuple(answer.token_scopes),
            expires_at=datetime_from(answer, "expires_at"),
            roles=tuple(map(_role, answer.roles)),
        )

    @call
    async def create_user(self, name: str, *, request_id: str | None = None) -> int:
        """Returns the position in the log, as all changes do."""
        request = access_pb2.CreateUserRequest(request_id=_id(request_id), name=name)
        return int((await self._ask(request)).position)

    @call
    async def delete_user(self, name: str, *, request_id: str | None = None) -> int:
        """With its tokens and roles. Raises :class:`NotFound`."""
        request = access_pb2.DeleteUserRequest(request_id=_id(request_id), name=name)
        return int((await self._ask(request)).position)

    @listing
    async def list_users(self, *, min_position: int = 0) -> AsyncIterator[User]:
        """By name."""
        request = access_pb2.ListUsersRequest(min_position=min_position)
        async for one in self._items(request, "users"):
            yield User(name=one.name, created_at=datetime_from(one, "created_at"))

    @call
    async def grant_role(
        self,
        subject: str,
        role: str,
        *,
        namespace: str | None = None,
        dag_id: str = "",
        request_id: str | None = None,
    ) -> int:
        """``role``: viewer, operator, author or admin; ``namespace`` None: the client's, "*": all
        of them. One that is held already changes nothing."""
        request = access_pb2.GrantRoleRequest(
            request_id=_id(request_id),
            subject=subject,
            role=_role_number(role),
            namespace=namespace or self._namespace,
            dag_id=dag_id,
        )
        return int((await self._ask(request)).position)

    @call
    async def revoke_role(
        self,
        subject: str,
        role: str,
        *,
        namespace: str | None = None,
        dag_id: str = "",
        request_id: str | None = None,
    ) -> int:
        """Raises :class:`NotFound` where it is not held."""
        request = access_pb2.RevokeRoleRequest(
            request_id=_id(request_id),
            subject=subject,
            role=_role_number(role),
            namespace=namespace or self._namespace,
            dag_id=dag_id,
        )
        return int((await self._ask(request)).position)

    @listing
    async def list_roles(
        self, *, namespace: str | None = None, subject: str = "", min_position: int = 0
    ) -> AsyncIterator[RoleBinding]:
        """By subject. ``namespace`` "*": of all, and those on all."""
        request = access_pb2.ListRolesRequest(
            namespace=namespace or self._namespace, subject=subject, min_position=min_position
        )
        async for one in self._items(request, "roles"):
            yield _role(one)

    @call
    async def create_token(
        self,
        user: str = "",
        *,
        label: str = "",
        scopes: Sequence[str] = (),
        expires_at: datetime | None = None,
        request_id: str | None = None,
    ) -> NewToken:
        """A token of ``user``, by default of the caller. ``scopes`` (ROLE, ROLE:NAMESPACE,
        ROLE:NAMESPACE/DAG) restrict it; ``expires_at`` None: it never expires."""
        request = access_pb2.CreateTokenRequest(
            request_id=_id(request_id),
            user=user,
            label=label,
            scopes=scopes,
            expires_at=timestamp_from(expires_at),
        )
        answer = await self._ask(request)
        return NewToken(token_id=answer.token_id, secret=answer.secret, position=answer.position)

    @listing
    async def list_tokens(
        self, user: str = "", *, min_position: int = 0
    ) -> AsyncIterator[TokenInfo]:
        """Those of ``user``, by default of the caller; "*": of everybody."""
        request = access_pb2.ListTokensRequest(user=user, min_position=min_position)
        async for one in self._items(request, "tokens"):
            yield _token(one)

    @call
    async def revoke_token(self, token_id: str, *, request_id: str | None = None) -> int:
        """It is refused from now on. Raises :class:`NotFound`."""
        request = access_pb2.RevokeTokenRequest(request_id=_id(request_id), token_id=token_id)
        return int((await self._ask(request)).position)


def _id(request_id: str | None) -> str:
    return request_id or uuid.uuid4().hex


def _role_number(role: str) -> access_pb2.Role:
    known = {name.removeprefix("ROLE_").lower(): n for name, n in access_pb2.Role.items() if n}
    if role not in known:
        raise InvalidArgument(f"role is {role!r}; it must be one of {', '.join(known)}.")
    return known[role]  # type: ignore[return-value] # an enum of protobuf is a number


def _role(message: access_pb2.RoleBinding) -> RoleBinding:
    return RoleBinding(
        subject=message.subject,
        role=access_pb2.Role.Name(message.role).removeprefix("ROLE_").lower(),
        namespace=message.namespace,
        dag_id=message.dag_id,
        granted_at=datetime_from(message, "granted_at"),
        granted_by=message.granted_by,
    )


def _token(message: access_pb2.Token) -> TokenInfo:
    return TokenInfo(
        token_id=message.token_id,
        user=message.user,
        label=message.label,
        scopes=tuple(message.scopes),
        created_at=datetime_from(message, "created_at"),
        expires_at=datetime_from(message, "expires_at"),
        created_by=message.created_by,
    )
