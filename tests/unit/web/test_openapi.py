"""The OpenAPI document is whole, and says what the calls do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.message_factory import GetMessageClass

from millstream_web.encode import to_json
from millstream_web.methods import methods
from millstream_web.openapi import build
from overload.any_request import Maker
from unit.web.asgi import FakeApi, app_of, ask

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def test_it_is_served() -> None:
    got = asyncio.run(ask(app_of(FakeApi()), "GET", "/api/v1/openapi.json"))
    assert got.header("content-type") == "application/json"
    assert got.json == build()
    assert got.json["openapi"] == "3.1.0"


def test_every_method_is_in_it_once() -> None:
    document = build()
    assert set(document["paths"]) == {f"/api/v1/{one}/{two}" for one, two in methods()}
    operations = [each for item in document["paths"].values() for each in item.values()]
    ids = [each["operationId"] for each in operations]
    assert len(ids) == len(set(ids))
    tags = {each["name"] for each in document["tags"]}
    for each in operations:
        assert set(each["tags"]) <= tags
        assert set(each["responses"]) == {"200", "default"}
        names = [one["name"] for one in each.get("parameters", [])]
        assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    document = build()
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_names_are_as_the_standard_has_them() -> None:
    for name in build()["components"]["schemas"]:
        assert re.fullmatch(r"[a-zA-Z0-9.\-_]+", name)


def test_answers_are_as_it_says() -> None:
    document = build()
    maker = Maker(7)
    for method in methods().values():
        for _ in range(3):
            answer = GetMessageClass(method.gives)()
            answer.ParseFromString(maker.message(method.gives).SerializeToString())
            schema = document["components"]["schemas"][method.gives.name]
            assert list(problems(document, schema, to_json(answer), method.gives.name)) == []


def test_a_wrong_answer_would_be_noticed() -> None:
    document = build()
    schema = document["components"]["schemas"]["WatchEventsResponse"]
    wrongs: list[Any] = [{"event": {"position": 7}}, {"events": []}, {"event": []}]
    for wrong in wrongs:
        assert list(problems(document, schema, wrong, ""))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def problems(document: Any, schema: Any, value: Any, place: str) -> Iterator[str]:
    """What of a value is not as a schema has it: the part of JSON Schema that the document uses."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if value is None or ("enum" in schema and isinstance(value, int)):
        return  # what JSON cannot say, and an enum's number of a newer api
    if "anyOf" in schema:
        if all(list(problems(document, each, value, place)) for each in schema["anyOf"]):
            yield f"{place}: none of {schema['anyOf']}"
        return
    kind = schema.get("type")
    if kind == "number":
        if not isinstance(value, int | float):
            yield f"{place}: {value!r} is no number"
        return
    if kind and (not isinstance(value, TYPES[kind]) or (kind == "integer" and value is True)):
        yield f"{place}: {value!r} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: {value!r} does not match"
    if isinstance(value, dict) and "properties" in schema:
        for name, each in value.items():
            if name not in schema["properties"]:
                yield f"{place}.{name}: not known"
            else:
                yield from problems(document, schema["properties"][name], each, f"{place}.{name}")
    if isinstance(value, list) and "items" in schema:
        for each in value:
            yield from problems(document, schema["items"], each, f"{place}[]")
