"""AccessService: users, roles and tokens. That the caller may change those of others is judged
here where the request alone does not say whose they are."""

from __future__ import annotations

from datetime import UTC, datetime

from millstream.core.access import (
    ALL,
    Action,
    Binding,
    Role,
    check_role,
    check_subject,
    check_user,
    is_token_id,
    may,
    parse_binding,
)
from millstream.core.commands import (
    AccessCommand,
    CreateToken,
    CreateUser,
    DeleteUser,
    GrantRole,
    RevokeRole,
    RevokeToken,
)
from millstream.core.errors import InvalidArgument, Refused
from millstream.rpc.convert import datetime_from, timestamp_from
from millstream.rpc.v1 import access_pb2, access_pb2_grpc
from millstream_api import tokens
from millstream_api.callers import look_up, need, position_of, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.directory import Directory
from millstream_api.errors import FieldProblem
from millstream_api.identity import PermissionDenied, current_caller, current_grants
from millstream_api.interceptor import Context
from millstream_api.paging import decode_token, encode_token, fill_page, page_size
from millstream_api.snapshot import Row, Snapshots

_ROLES = {
    name.removeprefix("ROLE_").lower(): number for name, number in access_pb2.Role.items() if number
}
_NAMES = {number: name for name, number in _ROLES.items()}
_LIST_USERS = "SELECT * FROM app_user WHERE name > $1 ORDER BY name LIMIT $2"
_LIST_ROLES = """
SELECT * FROM role_binding
WHERE ($1 = '*' OR namespace = $1) AND ($2 = '' OR subject = $2)
  AND (subject, namespace, dag_id, role) > ($3, $4, $5, $6)
ORDER BY subject, namespace, dag_id, role LIMIT $7
"""
_LIST_TOKENS = """
SELECT * FROM api_token
WHERE ($1 = '*' OR user_name = $1) AND (user_name, token_id) > ($2, $3)
ORDER BY user_name, token_id LIMIT $4
"""


class AccessService(access_pb2_grpc.AccessServiceServicer):
    def __init__(
        self,
        commands: Commands,
        snapshots: Snapshots,
        directory: Directory,
        receipt_timeout_s: float,
    ) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._directory = directory
        self._receipt_timeout_s = receipt_timeout_s

    async def WhoAmI(  # noqa: N802 - gRPC's name
        self, request: access_pb2.WhoAmIRequest, context: Context
    ) -> access_pb2.WhoAmIResponse:
        if position := position_of(request):
            async with self._snapshots.read(request, context):
                await self._directory.refresh(position)
        caller, principal = current_caller(), current_grants()
        held = principal.grants[0] if principal.grants else ()
        return access_pb2.WhoAmIResponse(
            name=caller.name,
            authenticated_by=caller.how,
            groups=caller.groups,
            token_id=caller.token_id,
            token_scopes=[str(scope) for scope in principal.grants[1]]
            if len(principal.grants) > 1
            else (),
            expires_at=timestamp_from(caller.expires_at),
            roles=[_binding_message(caller.name, binding) for binding in held],
        )

    async def CreateUser(  # noqa: N802
        self, request: access_pb2.CreateUserRequest, context: Context
    ) -> access_pb2.CreateUserResponse:
        name = _checked("name", need("name", request.name), check_user(request.name))
        command = CreateUser(id=request_id_of(request.request_id), name=name)
        return access_pb2.CreateUserResponse(position=await self._do(command, context))

    async def DeleteUser(  # noqa: N802
        self, request: access_pb2.DeleteUserRequest, context: Context
    ) -> access_pb2.DeleteUserResponse:
        name = need("name", request.name)
        command = DeleteUser(id=request_id_of(request.request_id), name=name)
        return access_pb2.DeleteUserResponse(position=await self._do(command, context))

    async def ListUsers(  # noqa: N802
        self, request: access_pb2.ListUsersRequest, context: Context
    ) -> access_pb2.ListUsersResponse:
        most = page_size(request.page_size)
        scope = ("users",)
        after = look_up("page_token", decode_token(scope, request.page_token, str) or "")
        async with self._snapshots.read(request, context) as rows:
            found = await rows.fetch(_LIST_USERS, after, most + 1)
        page, is_more = fill_page(found, _user_message, most)
        token = encode_token(scope, page[-1].name) if is_more else ""
        return access_pb2.ListUsersResponse(users=page, next_page_token=token)

    async def GrantRole(  # noqa: N802
        self, request: access_pb2.GrantRoleRequest, context: Context
    ) -> access_pb2.GrantRoleResponse:
        command = GrantRole(id=request_id_of(request.request_id), **_role_of(request))
        return access_pb2.GrantRoleResponse(position=await self._do(command, context))

    async def RevokeRole(  # noqa: N802
        self, request: access_pb2.RevokeRoleRequest, context: Context
    ) -> access_pb2.RevokeRoleResponse:
        command = RevokeRole(id=request_id_of(request.request_id), **_role_of(request))
        return access_pb2.RevokeRoleResponse(position=await self._do(command, context))

    async def ListRoles(  # noqa: N802
        self, request: access_pb2.ListRolesRequest, context: Context
    ) -> access_pb2.ListRolesResponse:
        most = page_size(request.page_size)
        namespace = look_up("namespace", request.namespace or "default")
        subject = look_up("subject", request.subject)
        scope = ("roles", namespace, subject)
        after = decode_token(scope, request.page_token, tuple[str, str, str, str])
        place = after or ("", "", "", "")
        for part in place:
            look_up("page_token", part)
        async with self._snapshots.read(request, context) as rows:
            found = await rows.fetch(_LIST_ROLES, namespace, subject, *place, most + 1)
        page, is_more = fill_page(found, _role_message, most)
        token = ""
        if is_more:
            last = found[len(page) - 1]
            place = (last["subject"], last["namespace"], last["dag_id"], last["role"])
            token = encode_token(scope, place)
        return access_pb2.ListRolesResponse(roles=page, next_page_token=token)

    async def CreateToken(  # noqa: N802
        self, request: access_pb2.CreateTokenRequest, context: Context
    ) -> access_pb2.CreateTokenResponse:
        user = look_up("user", request.user) or current_caller().name
        expires_at = datetime_from(request, "expires_at")
        _check_maker(user, expires_at)
        for scope in request.scopes:
            try:
                parse_binding(scope)
            except InvalidArgument as error:
                raise FieldProblem("scopes", str(error)) from error
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise FieldProblem("expires_at", "expires_at is in the past.")
        made = await tokens.new_token()
        command = CreateToken(
            id=request_id_of(request.request_id),
            token_id=made.token_id,
            user=user,
            sealed=made.sealed,
            label=look_up("label", request.label),
            scopes=tuple(request.scopes),
            expires_at=expires_at,
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        if receipt.token_id != made.token_id:
            raise Refused(
                "TOKEN_EXISTS",
                f"This request has made the token {receipt.token_id!r} before, and its secret is "
                f"shown once: revoke it, and make another one with a new request_id.",
            )
        await self._directory.refresh(receipt.position)
        return access_pb2.CreateTokenResponse(
            token_id=made.token_id, secret=made.text, position=receipt.position
        )

    async def ListTokens(  # noqa: N802
        self, request: access_pb2.ListTokensRequest, context: Context
    ) -> access_pb2.ListTokensResponse:
        user = look_up("user", request.user) or current_caller().name
        if user != current_caller().name:
            _need_admin("see the tokens of others")
        most = page_size(request.page_size)
        scope = ("tokens", user)
        place = decode_token(scope, request.page_token, tuple[str, str]) or ("", "")
        for part in place:
            look_up("page_token", part)
        async with self._snapshots.read(request, context) as rows:
            found = await rows.fetch(_LIST_TOKENS, user, *place, most + 1)
        page, is_more = fill_page(found, _token_message, most)
        token = encode_token(scope, (page[-1].user, page[-1].token_id)) if is_more else ""
        return access_pb2.ListTokensResponse(tokens=page, next_page_token=token)

    async def RevokeToken(  # noqa: N802
        self, request: access_pb2.RevokeTokenRequest, context: Context
    ) -> access_pb2.RevokeTokenResponse:
        token_id = need("token_id", request.token_id)
        if not is_token_id(token_id):
            raise FieldProblem("token_id", "token_id is the second part of a token: ms_<id>_...")
        is_admin = may(current_grants(), Action.ADMINISTER, ALL)
        command = RevokeToken(
            id=request_id_of(request.request_id),
            token_id=token_id,
            user="" if is_admin else current_caller().name,
        )
        return access_pb2.RevokeTokenResponse(position=await self._do(command, context))

    async def _do(self, command: AccessCommand, context: Context) -> int:
        """The position at which it is committed. From then on it counts, here at once."""
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        await self._directory.refresh(receipt.position)
        return receipt.position


def _check_maker(user: str, expires_at: datetime | None) -> None:
    """May the caller make this token? One of their own, that can do no more and lives no longer
    than what they called with; administrators any. Raises :class:`PermissionDenied`."""
    if may(current_grants(), Action.ADMINISTER, ALL):
        return
    caller = current_caller()
    if user != caller.name:
        _need_admin("make tokens for others")
    if len(current_grants().grants) > 1:
        raise PermissionDenied("A token with scopes can make no other tokens.")
    if caller.expires_at is not None and (expires_at is None or expires_at > caller.expires_at):
        raise PermissionDenied(
            "The new token would live longer than the one that you called with; set expires_at."
        )


def _need_admin(what: str) -> None:
    """Raises :class:`PermissionDenied` unless the caller is an administrator of everything."""
    if may(current_grants(), Action.ADMINISTER, ALL):
        return
    raise PermissionDenied(f"You may not {what}: it needs the right to administer everything.")


def _checked(field: str, value: str, problems: list[str]) -> str:
    if problems:
        raise FieldProblem(field, f"{problems[0][0].upper()}{problems[0][1:]}.")
    return value


def _role_of(
    request: access_pb2.GrantRoleRequest | access_pb2.RevokeRoleRequest,
) -> dict[str, str]:
    subject = _checked("subject", need("subject", request.subject), check_subject(request.subject))
    role = _NAMES.get(request.role, "")
    return {
        "subject": subject,
        "role": _checked("role", role, check_role(role)),
        "namespace": look_up("namespace", request.namespace or "default"),
        "dag_id": look_up("dag_id", request.dag_id),
    }


def _user_message(row: Row) -> access_pb2.User:
    return access_pb2.User(name=row["name"], created_at=timestamp_from(row["created_at"]))


def _role_message(row: Row) -> access_pb2.RoleBinding:
    message = _binding_message(
        row["subject"], Binding(Role(row["role"]), row["namespace"], row["dag_id"])
    )
    message.granted_at.FromDatetime(row["granted_at"])
    message.granted_by = row["granted_by"]
    return message


def _binding_message(subject: str, binding: Binding) -> access_pb2.RoleBinding:
    return access_pb2.RoleBinding(
        subject=subject,
        role=_ROLES[binding.role],  # type: ignore[arg-type]
        namespace=binding.namespace,
        dag_id=binding.dag_id,
    )


def _token_message(row: Row) -> access_pb2.Token:
    return access_pb2.Token(
        token_id=row["token_id"],
        user=row["user_name"],
        label=row["label"],
        scopes=[scope for scope in row["scopes"].split(",") if scope],
        created_at=timestamp_from(row["created_at"]),
        expires_at=timestamp_from(row["expires_at"]),
        created_by=row["created_by"],
    )
