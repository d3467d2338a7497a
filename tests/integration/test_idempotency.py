"""A request with an id is carried out once, for ever: every mutation, from the descriptors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from integration.running_stack import RunningStack, bash, eventually
from millstream.adapters.postgres import connect
from millstream.client import Client
from millstream.core.asset_conditions import AssetRef
from millstream.core.spec import DagSpec
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import (
    access_pb2,
    assets_pb2,
    backfills_pb2,
    connections_pb2,
    dags_pb2,
    history_pb2,
    human_input_pb2,
    pools_pb2,
    runs_pb2,
    variables_pb2,
)
from millstream_api.server import SERVICES

ASKING = """
from millstream import DAG, HITLOperator
with DAG("asking"):
    HITLOperator(task_id="ask", subject="Which?", options=["this", "that"])
"""
# What says how things are at the moment and is sent again all the time; and what goes on where it
# was, until nothing is left to do.
NO_EVENT = {
    "millstream.rpc.v1.ReportImportErrorsRequest",
    "millstream.rpc.v1.RotateSecretsRequest",
}
RUN: dict[str, Any] = {"dag_id": "idem", "run_id": "r1"}
BY_DAY = DagSpec(
    dag_id="by_day",
    tasks=(bash("t", "true"),),
    schedule="@daily",
    start_date="2026-01-01T00:00:00Z",
    is_paused_upon_creation=True,
)
IDEM = DagSpec(
    dag_id="idem",
    tasks=(
        bash("a", "exit 1", outlets=(AssetRef(name="orders", uri="orders"),)),
        bash("b", "true", "a"),
    ),
)


class Mutation(NamedTuple):
    """A request, and what makes another one of it."""

    request: Any
    change: Callable[[Any], None]
    before: Callable[[Client], object] = lambda client: None
    # Why it is refused when it is asked once more; "": it gets the same answer.
    again: str = ""


def day(number: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString(f"2026-01-{number:02}T00:00:00Z")
    return stamp


def put(field: str, value: Any) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        setattr(request, field, value)

    return change


def change_description(request: Any) -> None:
    request.spec.description = "another"


def change_password(request: Any) -> None:
    request.fields.password = "another"


def change_extra(request: Any) -> None:
    request.extra.update({"rows": 8})


def change_token(request: Any) -> None:
    request.token_id = request.token_id[::-1]


def change_options(request: Any) -> None:
    request.options[:] = ["that"]


def wait_for_run(client: Client) -> None:
    client.wait("r1", "idem", timeout_s=60)


def wait_for_question(client: Client) -> None:
    client.trigger("asking", run_id="q1")
    eventually("it is asked", lambda: bool(list(client.approvals.list(state="waiting"))), 60)


def mutations() -> list[Mutation]:
    """In an order in which each finds what it is about."""
    fields = connections_pb2.ConnectionFields(conn_type="http", password="secret")
    return [
        Mutation(dags_pb2.SubmitDagRequest(spec=spec_to_proto(IDEM)), change_description),
        Mutation(
            dags_pb2.SetDagPausedRequest(dag_id="idem", is_paused=True), put("is_paused", False)
        ),
        Mutation(runs_pb2.TriggerRunRequest(**RUN, unpause=True), put("note", "another")),
        Mutation(
            runs_pb2.MarkTasksRequest(**RUN, tasks=[{"task_id": "a"}], state="TASK_STATE_SUCCESS"),
            put("note", "another"),
            wait_for_run,
        ),
        Mutation(
            runs_pb2.ClearTasksRequest(
                **RUN, tasks=[{"task_id": "b"}], only_failed=False, dry_run=False
            ),
            put("include_downstream", True),
            wait_for_run,
        ),
        Mutation(
            history_pb2.RerunRunRequest(
                **RUN, start="RERUN_START_TASKS", tasks=[{"task_id": "b"}], new_run_id="again"
            ),
            put("note", "another"),
            wait_for_run,
        ),
        Mutation(
            runs_pb2.MarkRunRequest(**RUN, state="RUN_STATE_SUCCESS"),
            put("note", "another"),
            lambda client: client.trigger("idem", run_id="r2"),
        ),
        Mutation(
            variables_pb2.SetVariableRequest(key="password", value="secret"),
            put("value", "another"),
        ),
        Mutation(variables_pb2.DeleteVariableRequest(key="password"), put("key", "another")),
        Mutation(
            connections_pb2.SetConnectionRequest(conn_id="web", fields=fields), change_password
        ),
        Mutation(connections_pb2.DeleteConnectionRequest(conn_id="web"), put("conn_id", "another")),
        Mutation(pools_pb2.SetPoolRequest(name="narrow", slots=2), put("slots", 3)),
        Mutation(pools_pb2.DeletePoolRequest(name="narrow"), put("name", "another")),
        Mutation(assets_pb2.EmitAssetEventRequest(name="orders"), change_extra),
        Mutation(
            backfills_pb2.CreateBackfillRequest(dag_id="by_day", from_date=day(1), to_date=day(3)),
            put("max_active_runs", 3),
            lambda client: client.submit_spec(BY_DAY),
        ),
        Mutation(
            backfills_pb2.SetBackfillPausedRequest(dag_id="by_day", is_paused=True),
            put("is_paused", False),
        ),
        Mutation(backfills_pb2.CancelBackfillRequest(dag_id="by_day"), put("backfill_id", "1")),
        Mutation(access_pb2.CreateUserRequest(name="ann"), put("name", "another")),
        Mutation(
            access_pb2.GrantRoleRequest(subject="ann", role="ROLE_VIEWER"),
            put("role", access_pb2.ROLE_ADMIN),
        ),
        Mutation(
            access_pb2.RevokeRoleRequest(subject="ann", role="ROLE_VIEWER"),
            put("role", access_pb2.ROLE_ADMIN),
        ),
        Mutation(
            access_pb2.CreateTokenRequest(user="ann", label="one"),
            put("label", "another"),
            again="TOKEN_EXISTS",
        ),
        Mutation(access_pb2.RevokeTokenRequest(), change_token),
        Mutation(access_pb2.DeleteUserRequest(name="ann"), put("name", "another")),
        Mutation(
            human_input_pb2.AnswerInputRequestRequest(
                dag_id="asking", run_id="q1", task_id="ask", options=["this"]
            ),
            change_options,
            wait_for_question,
        ),
    ]


def methods() -> dict[str, MethodDescriptor]:
    """Every method that takes an id, by the name of its request."""
    return {
        method.input_type.full_name: method
        for service in SERVICES
        for method in Default().FindServiceByName(service).methods
        if "request_id" in method.input_type.fields_by_name
    }


def test_every_mutation_is_tried() -> None:
    tried = {mutation.request.DESCRIPTOR.full_name for mutation in mutations()}
    assert tried | NO_EVENT == set(methods())


class Caller:
    """Sends requests as their bytes, and knows what was answered before."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack

    def send(self, request: Any) -> Any:
        method = methods()[request.DESCRIPTOR.full_name]
        path = f"/{method.containing_service.full_name}/{method.name}"
        with grpc.insecure_channel(self._stack.address) as channel:
            call: Any = channel.unary_unary(
                path, response_deserializer=GetMessageClass(method.output_type).FromString
            )
            return call(request.SerializeToString(), timeout=30, wait_for_ready=True)

    def causes(self) -> dict[str, int]:
        """How many events each request has caused."""
        return asyncio.run(count_causes(self._stack.database_url))


async def count_causes(url: str) -> dict[str, int]:
    connection = await connect(url)
    rows = await connection.fetch(
        "SELECT causation, count(*) AS n FROM event_log WHERE causation LIKE 'idem/%' "
        "GROUP BY causation"
    )
    await connection.close()
    return {row["causation"]: row["n"] for row in rows}


def reason_of(error: grpc.RpcError) -> tuple[str, list[str]]:
    """The reason, and which fields are wrong."""
    call: Any = error
    (packed,) = [v for k, v in call.trailing_metadata() if k == "grpc-status-details-bin"]
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(packed).details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return info.reason, [violation.field for violation in bad.field_violations]


@pytest.mark.timeout(300)
def test_the_same_id_is_the_same_request_for_ever(
    fresh_stack: Callable[[], RunningStack], tmp_path: Path
) -> None:
    stack = fresh_stack()
    (tmp_path / "asking.py").write_text(ASKING)
    client = stack.client()
    client.submit_file(tmp_path / "asking.py")
    caller = Caller(stack)
    sent: list[tuple[Mutation, Any]] = []
    for number, mutation in enumerate(mutations()):
        mutation.before(client)
        mutation.request.request_id = f"idem/{number}"
        if "token_id" in mutation.request.DESCRIPTOR.fields_by_name:
            mutation.request.token_id = sent[-1][1].token_id
        sent.append((mutation, caller.send(mutation.request)))
    caused = caller.causes()
    assert set(caused) == {f"idem/{number}" for number in range(len(sent))}

    def ask_again() -> None:
        for mutation, answer in sent:
            name = mutation.request.DESCRIPTOR.name
            if mutation.again:
                with pytest.raises(grpc.RpcError) as caught:
                    caller.send(mutation.request)
                assert reason_of(caught.value)[0] == mutation.again, name
            else:
                assert caller.send(mutation.request) == answer, name
            other = type(mutation.request)()
            other.CopyFrom(mutation.request)
            mutation.change(other)
            with pytest.raises(grpc.RpcError) as caught:
                caller.send(other)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, name
            assert reason_of(caught.value) == ("REQUEST_ID_REUSED", ["request_id"]), name
        assert caller.causes() == caused

    ask_again()
    stack.down()
    stack.up()
    ask_again()


def test_what_has_changed_since_does_not_matter(stack: RunningStack) -> None:
    """A conf that was right when the run was made is not checked again."""
    client = stack.client()
    spec = DagSpec(dag_id="idem_conf", tasks=(bash("t", "true"),))
    client.submit_spec(spec)
    first = client.trigger("idem_conf", {"n": "text"}, request_id="idem_conf/1")
    strict = DagSpec(
        dag_id="idem_conf",
        tasks=spec.tasks,
        params={"n": 1},
        param_schemas={"n": {"type": "integer"}},
    )
    client.submit_spec(strict)
    assert client.trigger("idem_conf", {"n": "text"}, request_id="idem_conf/1") == first
