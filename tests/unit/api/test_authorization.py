"""Every method of every service, called by everybody there can be: the table is judged by what the
methods are called and what their requests say, not by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from millstream.adapters.visibility import current_visibility
from millstream.core.access import ALL, Binding, Principal, Role
from millstream_api.authorization import PACKAGE, RULES
from millstream_api.gate import Gate
from millstream_api.identity import Caller, Unauthenticated, current_principal
from millstream_api.interceptor import ErrorInterceptor
from millstream_api.server import SERVICES

Code = grpc.StatusCode
NAMESPACE, DAG = "default", "etl"

# The least role for what a method is called; the longest beginning counts.
LEAST_BY_NAME = {
    **dict.fromkeys(
        ("Get", "List", "Watch", "Read", "DryRun", "Explain", "Diff", "Export", "WhatIf", "Count"),
        Role.VIEWER,
    ),
    **dict.fromkeys(("Trigger", "Clear", "Mark", "SetDagPaused", "SetPool"), Role.OPERATOR),
    **dict.fromkeys(("CreateBackfill", "SetBackfill", "CancelBackfill"), Role.OPERATOR),
    **dict.fromkeys(("Answer", "Emit", "DeletePool", "Rerun", "Drain"), Role.OPERATOR),
    **dict.fromkeys(("UploadBundle", "SubmitDag", "DeleteDag", "ReportImport"), Role.AUTHOR),
    **dict.fromkeys(("SetVariable", "DeleteVariable", "GetVariable"), Role.AUTHOR),
    **dict.fromkeys(("SetConnection", "DeleteConnection"), Role.AUTHOR),
    **dict.fromkeys(("GetConnection", "ListConnections"), Role.AUTHOR),
    **dict.fromkeys(("CreateUser", "DeleteUser", "ListUsers"), Role.ADMIN),
    **dict.fromkeys(("GetSecretKeys", "RotateSecrets"), Role.ADMIN),
    **dict.fromkeys(("GrantRole", "RevokeRole", "ListRoles"), Role.ADMIN),
}
# For everybody who is known: what concerns the caller alone, or nobody.
FOR_ALL = (
    "GetStatus",
    "GetHealth",
    "GetHead",
    "WhoAmI",
    "CreateToken",
    "ListTokens",
    "RevokeToken",
)
# About the installation, although a request may name a namespace or a DAG.
OF_ALL_NAMESPACES = (
    *("CreateUser", "DeleteUser", "ListUsers", "GetSecretKeys", "RotateSecrets"),
    *("ExportEvents", "GetWorker", "ListWorkers"),
)
# Without a DAG, those of the namespace that the caller may.
OF_DAGS = ("ListDags", "ListDagsAt", "GetOverview")


class Method(NamedTuple):
    path: str
    descriptor: MethodDescriptor

    @property
    def name(self) -> str:
        return str(self.descriptor.name)

    @property
    def least(self) -> Role | None:
        """None: for everybody who is known."""
        if self.name in FOR_ALL:
            return None
        fitting = [begin for begin in LEAST_BY_NAME if self.name.startswith(begin)]
        assert fitting, f"say in LEAST_BY_NAME which role {self.path} needs"
        return LEAST_BY_NAME[max(fitting, key=len)]

    @property
    def fields(self) -> set[str]:
        return {field.name for field in self.descriptor.input_type.fields}

    @property
    def is_of_dag(self) -> bool:
        is_named = bool(self.fields & {"dag_id", "spec"}) or self.name in OF_DAGS
        return is_named and self.name not in OF_ALL_NAMESPACES

    @property
    def is_of_namespace(self) -> bool:
        return "namespace" in self.fields and self.name not in OF_ALL_NAMESPACES

    def request(self, namespace: str = NAMESPACE, dag_id: str = DAG) -> Any:
        message: Any = GetMessageClass(self.descriptor.input_type)()
        if "namespace" in self.fields:
            message.namespace = namespace
        if "dag_id" in self.fields:
            message.dag_id = dag_id
        if "spec" in self.fields:
            message.spec.dag_id = dag_id
        return message


METHODS = [
    Method(f"/{service}/{name}", method)
    for service in SERVICES
    for name, method in sorted(Default().FindServiceByName(service).methods_by_name.items())
]
ROLES = [None, *Role]


def is_enough(role: Role | None, least: Role | None) -> bool:
    return least is None or (role is not None and list(Role).index(role) >= list(Role).index(least))


class ByName:
    """Who a caller is stands in the metadata."""

    def __init__(self) -> None:
        self.principals: dict[str, Principal] = {}

    async def identify(self, metadata: Any, certificate: Any) -> Caller:
        for name, value in metadata:
            if name == "who":
                return Caller(value, "test")
        raise Unauthenticated("Log in.")

    def principal(self, caller: Caller) -> Principal:
        return self.principals[caller.name]


class Everything(grpc.GenericRpcHandler):
    """Answers every method with nothing, and says who called and what they can see."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        by_path = {method.path: method.descriptor for method in METHODS}
        found = by_path.get(str(details.method))
        if found is None:
            return None
        answer = GetMessageClass(found.output_type)()

        async def unary(request: Any, context: Any) -> Any:
            self.calls.append((str(details.method), current_principal(), current_visibility()))
            return answer

        async def stream(request: Any, context: Any) -> Any:
            self.calls.append((str(details.method), current_principal(), current_visibility()))
            yield answer

        serializers: Any = {
            "request_deserializer": GetMessageClass(found.input_type).FromString,
            "response_serializer": type(answer).SerializeToString,
        }
        if found.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, **serializers)
        if found.client_streaming:
            return grpc.stream_unary_rpc_method_handler(unary, **serializers)
        return grpc.unary_unary_rpc_method_handler(unary, **serializers)


Call = Callable[..., Awaitable[Code]]


class Served:
    """The real interceptor on a real port."""

    def __init__(self) -> None:
        self.people = ByName()
        self.handler = Everything()

    def run(self, test: Callable[[Call], Awaitable[None]]) -> None:
        async def live() -> None:
            server = grpc.aio.server(interceptors=[ErrorInterceptor(gate=Gate(self.people))])
            server.add_generic_rpc_handlers((self.handler,))
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

                async def call(method: Method, request: Any, who: str | None) -> Code:
                    return await _code_of(channel, method, request, who)

                try:
                    await test(call)
                finally:
                    await server.stop(0)

        asyncio.run(live())


async def _code_of(channel: Any, method: Method, request: Any, who: str | None) -> Code:
    """What comes of a call, whichever kind it is."""
    data = request.SerializeToString()
    metadata = () if who is None else (("who", who),)
    plain: Any = {"request_serializer": None, "response_deserializer": None}
    try:
        if method.descriptor.client_streaming:
            await channel.stream_unary(method.path, **plain)(iter([data]), metadata=metadata)
        elif method.descriptor.server_streaming:
            async for _ in channel.unary_stream(method.path, **plain)(data, metadata=metadata):
                pass
        else:
            await channel.unary_unary(method.path, **plain)(data, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return Code.OK


def bindings(role: Role | None, namespace: str, dag_id: str = "") -> tuple[Binding, ...]:
    return () if role is None else (Binding(role, namespace, dag_id),)


def cases(method: Method) -> Iterator[tuple[str, tuple[Binding, ...], bool]]:
    """Somebody's name, what they have, and whether that is enough."""
    needs_all = not method.is_of_namespace and method.name in OF_ALL_NAMESPACES
    for role in ROLES:
        enough = is_enough(role, method.least)
        of_place = enough and not needs_all
        is_free = method.least is None or not (method.is_of_namespace or needs_all)
        yield f"{role}-everywhere", bindings(role, ALL), enough
        yield f"{role}-here", bindings(role, NAMESPACE), of_place
        yield (
            f"{role}-elsewhere",
            bindings(role, "elsewhere"),
            enough and is_free,
        )
        yield (
            f"{role}-of-dag",
            bindings(role, NAMESPACE, DAG),
            enough and (is_free or method.is_of_dag),
        )
        yield (
            f"{role}-of-other-dag",
            bindings(role, NAMESPACE, "other"),
            enough and (is_free or (method.is_of_dag and not method.fields & {"dag_id", "spec"})),
        )


def test_the_table_has_every_method_and_no_other() -> None:
    served = {method.path.removeprefix(f"/{PACKAGE}") for method in METHODS}
    assert set(RULES) == served


def test_every_method_for_every_role() -> None:
    served = Served()

    async def test(call: Call) -> None:
        wrong = []
        for method in METHODS:
            for name, held, is_allowed in cases(method):
                served.people.principals[name] = Principal(name, (held,))
                code = await call(method, method.request(), name)
                expected = Code.OK if is_allowed else Code.PERMISSION_DENIED
                if code is not expected:
                    wrong.append(f"{method.path} {name}: {code.name}, not {expected.name}")
        assert wrong == []
        assert {path for path, _, _ in served.handler.calls} == {m.path for m in METHODS}
        assert all(who in served.people.principals for _, who, _ in served.handler.calls)

    served.run(test)


def test_nobody_gets_anywhere_without_a_name() -> None:
    served = Served()

    async def test(call: Call) -> None:
        for method in METHODS:
            assert await call(method, method.request(), None) is Code.UNAUTHENTICATED, method.path
        assert served.handler.calls == []

    served.run(test)


def test_a_method_without_a_rule_is_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, "RunService/GetRun")
    served = Served()
    served.people.principals["root"] = Principal("root", ((Binding(Role.ADMIN),),))

    async def test(call: Call) -> None:
        (method,) = (method for method in METHODS if method.path.endswith("/GetRun"))
        assert await call(method, method.request(), "root") is Code.PERMISSION_DENIED

    served.run(test)


def test_who_may_see_some_dags_sees_no_others_where_none_is_named() -> None:
    served = Served()
    two = (Binding(Role.VIEWER, NAMESPACE, "b"), Binding(Role.OPERATOR, NAMESPACE, "a"))
    served.people.principals["ada"] = Principal("ada", (two,))
    named = {method.name: method for method in METHODS}

    async def test(call: Call) -> None:
        for name, dags in (("ListRuns", ("a", "b")), ("GetRun", ("a", "b")), ("MarkRun", ("a",))):
            method = named[name]
            assert await call(method, method.request(dag_id=""), "ada") is Code.OK
            _, who, visible = served.handler.calls[-1]
            assert (who, visible.namespace, visible.dags) == ("ada", NAMESPACE, dags)
        # The whole log of a namespace, or of all of them, is more than that.
        for name in ("ListEvents", "WatchEvents"):
            for namespace in (NAMESPACE, ""):
                request = named[name].request(namespace, "")
                is_fed = name == "WatchEvents" and namespace == NAMESPACE
                expected = Code.OK if is_fed else Code.PERMISSION_DENIED
                assert await call(named[name], request, "ada") is expected
                if is_fed:
                    assert served.handler.calls[-1][2].dags == ("a", "b")
            assert await call(named[name], named[name].request(dag_id="a"), "ada") is Code.OK
        # The scheduler answers, and it sees everything.
        why = named["ExplainTask"]
        assert await call(why, why.request(dag_id=""), "ada") is Code.PERMISSION_DENIED
        assert await call(why, why.request(dag_id="b"), "ada") is Code.OK

    served.run(test)
