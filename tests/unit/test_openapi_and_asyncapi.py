"""The OpenAPI and AsyncAPI documents, and the TypeScript types, agree with the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from docs import documents
from docs.tables import ROOT
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.client_events import EVENTS
from roomcast.contract.events.server_events import SERVER_EVENTS
from tests.socket_schemas import assert_documented

ASYNCAPI = documents.asyncapi()
MESSAGES = ASYNCAPI["channels"]["socket"]["messages"]


def test_main_writes_all_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["documents", str(tmp_path / "new")])
    documents.main()
    for name, make in documents.DOCUMENTS.items():
        assert json.loads((tmp_path / "new" / name).read_text()) == make()


def test_the_typescript_client_has_every_operation_and_field() -> None:
    """The generator needs Node, so its output is checked in. This test finds names that the output lacks."""
    generated = (ROOT / "web" / "api" / "src" / "schema.ts").read_text()
    document = documents.openapi()
    expected = {rf'"{re.escape(path)}": {{' for path in document["paths"]}
    expected |= {rf"\b{each['operationId']}: {{" for methods in document["paths"].values() for each in methods.values()}
    for name, schema in document["components"]["schemas"].items():
        expected |= {rf"\b{name}: {{", *(rf"\b{field}\??: " for field in schema.get("properties", ()))}
    assert [each for each in sorted(expected) if not re.search(each, generated)] == [], "run: make api-types"


def operations_of(action: str) -> dict[str, dict[str, Any]]:
    """Return the operations of an action, keyed by the name of the event."""
    found = {}
    for operation in ASYNCAPI["operations"].values():
        if operation["action"] == action:
            (reference,) = operation["messages"]
            message = resolved(reference["$ref"])
            found[message["name"]] = operation
    return found


def resolved(reference: str) -> Any:
    """Return the target of a reference in the document; raise KeyError if there is none."""
    target: Any = ASYNCAPI
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return target


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_every_event_is_an_operation_and_every_client_event_except_typing_has_a_reply() -> None:
    assert set(operations_of("receive")) == set(EVENTS)
    assert set(operations_of("send")) == set(SERVER_EVENTS)
    assert {name for name, operation in operations_of("receive").items() if "reply" not in operation} == {"typing"}


def test_every_reference_has_a_target() -> None:
    found = set(references(ASYNCAPI))
    assert len(found) > len(EVENTS)
    for reference in found:
        resolved(reference)


def test_the_error_schema_lists_the_codes_of_the_contract() -> None:
    error = ASYNCAPI["components"]["schemas"]["Error"]["properties"]
    assert error["code"]["enum"] == [code.number for code in Code]
    assert error["reason"]["enum"] == [code.reason for code in Code]


def test_the_error_schema_has_exactly_the_fields_that_a_gateway_can_send() -> None:
    sent = RoomcastError(Code.REFUSED, "no links", retry_after=1.5, app_code="spam").to_wire()
    assert set(ASYNCAPI["components"]["schemas"]["Error"]["properties"]) == set(sent)
    for code in Code:
        assert_documented("Ack", {"ok": False, "error": RoomcastError(code).to_wire()})
    assert_documented("Error", sent)


@pytest.mark.parametrize("ack", [{}, {"ok": False}, {"ok": True, "error": RoomcastError(Code.INTERNAL).to_wire()}])
def test_the_ack_schema_requires_an_error_exactly_if_the_ack_is_negative(ack: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        assert_documented("Ack", ack)


@pytest.mark.parametrize(
    ("event", "payload", "is_valid"),
    [
        ("message:send", {"room": "public:lobby", "id": "1", "text": "x"}, True),
        ("message:send", {"room": "no room", "id": "1", "text": "x"}, False),
        ("message:history", {"room": "public:lobby", "limit": 0}, False),
        ("room:join", {"room": "public:lobby", "since": {"seq": 1, "epoch": "e"}}, True),
    ],
)
def test_the_schema_and_the_struct_of_an_event_accept_and_refuse_the_same_payloads(
    event: str, payload: dict[str, Any], is_valid: bool
) -> None:
    """A gateway validates the payload of an event by converting it to the struct of the event."""
    schema = {**MESSAGES[event]["payload"], "components": ASYNCAPI["components"]}
    assert jsonschema_rs.is_valid(schema, payload) is is_valid
    with nullcontext() if is_valid else pytest.raises(msgspec.ValidationError):
        msgspec.convert(payload, EVENTS[event])
