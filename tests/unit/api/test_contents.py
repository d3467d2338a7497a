"""What a request says, as a digest."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from millstream.adapters.secret_box import SecretBox, new_key
from millstream.rpc.v1 import connections_pb2, runs_pb2, variables_pb2
from millstream_api.contents import _may_hold_secret, calling, contents_of_call
from unit.api.test_proto_style import files, messages

OLD, NEW = SecretBox(new_key()), new_key()


def digests(request: Any, box: SecretBox = OLD, method: str = "/m") -> list[str]:
    with calling(method, request):
        return contents_of_call(box.macs()).split()


def trigger(**fields: Any) -> runs_pb2.TriggerRunRequest:
    return runs_pb2.TriggerRunRequest(**{"request_id": "1", "dag_id": "d"} | fields)


def test_only_what_is_said_counts() -> None:
    one = digests(trigger())
    assert len(one) == 1
    assert one == digests(trigger(request_id="2", min_position=7))
    assert one == digests(trigger(), SecretBox(""))
    for other in (trigger(note="n"), trigger(conf={"a": 1}), trigger(run_id="r")):
        assert digests(other) != one
    assert digests(trigger(), method="/another") != one


def test_the_order_of_a_mapping_says_nothing() -> None:
    assert digests(trigger(conf={"a": 1, "b": 2})) == digests(trigger(conf={"b": 2, "a": 1}))


def test_without_an_id_of_the_callers_own_there_is_nothing_to_compare() -> None:
    assert digests(trigger(request_id="")) == []
    assert contents_of_call(OLD.macs()) == ""


def test_a_secret_goes_in_by_a_keyed_digest() -> None:
    request = variables_pb2.SetVariableRequest(request_id="1", key="k", value="planted")
    other = variables_pb2.SetVariableRequest(request_id="1", key="k", value="another")
    assert digests(request) != digests(other)
    assert digests(request) != digests(request, SecretBox(NEW)), "whoever has no key can try values"


def test_a_key_may_be_replaced() -> None:
    old = new_key()
    fields = connections_pb2.ConnectionFields(conn_type="http", password="planted")
    request = connections_pb2.SetConnectionRequest(request_id="1", conn_id="c", fields=fields)
    before = digests(request, SecretBox(old))
    after = digests(request, SecretBox(f"{NEW},{old}"))
    assert len(after) == 2
    assert before[0] in after
    assert after[0] != before[0]


def test_what_is_given_in_and_never_out_is_marked() -> None:
    """Fields of requests that hold secrets: a new one of such a name must be marked too."""
    found = set()
    for file in files():
        for message in messages(file):
            found |= {field.full_name for field in message.fields if is_marked(field)}
    prefix = "millstream.rpc.v1."
    assert {name.removeprefix(prefix) for name in found} == {
        "SetVariableRequest.value",
        "ConnectionFields.password",
        "ConnectionFields.extra",
    }
    for file in files():
        for message in messages(file):
            if message.name.endswith("Request"):
                check_names(message)


def test_where_secrets_may_be_is_known_however_deep_they_are() -> None:
    found = {
        message.name
        for file in files()
        for message in messages(file)
        if message.name.endswith("Request") and _may_hold_secret(message)
    }
    assert found == {"SetVariableRequest", "SetConnectionRequest"}


def check_names(message: Descriptor) -> None:
    for field in message.fields:
        if field.name in ("password", "secret", "extra", "private_key"):
            is_json = field.message_type is not None
            assert is_json or is_marked(field), field.full_name


def is_marked(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().debug_redact)
