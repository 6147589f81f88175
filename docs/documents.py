"""Write the machine-readable documents: openapi.json (the HTTP API) and asyncapi.json (the socket's events).

    python -m docs.documents FOLDER

Both come from the code, and the documentation site contains them. The descriptions of acks and of gateways' events come
from the tables of docs/protocol.md, which `test_docs` compares with the code.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from roomcast.api.application import make_application
from roomcast.contract import PROTOCOL_VERSION
from roomcast.contract.errors import Code
from roomcast.contract.events.client_events import EVENTS
from roomcast.contract.events.server_events import SERVER_EVENTS

DOCS: Final = Path(__file__).resolve().parent
_REF: Final = "#/components/schemas/{name}"
_UNACKED: Final = frozenset({"typing"})
"""Events of clients that have no ack."""

Json = dict[str, Any]


def openapi() -> Json:
    """Return the OpenAPI document of the HTTP API."""
    return make_application(None).openapi()


def asyncapi() -> Json:
    """Return the AsyncAPI document of the Socket.IO events; `send` and `receive` are from the gateway's side."""
    _, schemas = msgspec.json.schema_components(EVENTS.values(), ref_template=_REF)
    rows = {side: _rows(side) for side in ("Client → server", "Server → client")}
    operations: Json = {}
    messages: Json = {}
    for event, payload in EVENTS.items():
        messages[event] = _message(event, {"$ref": _REF.format(name=payload.__name__)}, rows["Client → server"][event])
        operations[_name("receive", event)] = _receive(event)
    for event in SERVER_EVENTS:
        key = _sent(event)
        messages[key] = _message(event, {"type": "object"}, rows["Server → client"][event])
        operations[_name("send", event)] = _operation("send", key)
    messages["ack"] = _message("ack", {"$ref": _REF.format(name="Ack")}, "the answer to an event")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Roomcast",
            "version": str(PROTOCOL_VERSION),
            "description": "The Socket.IO events between clients and gateways. The payload of an event is one object."
            " Every event of a client, except `typing`, has an ack with one object.",
        },
        "defaultContentType": "application/json",
        "channels": {"socket": {"address": "/socket.io/", "messages": messages}},
        "operations": operations,
        "components": {"schemas": {**_translated(schemas), "Ack": _ACK, "Error": _ERROR}},
    }


def _translated(part: Any) -> Any:
    r"""Return schemas whose patterns end with `$`, as in JSON Schema, instead of Python's `\Z`."""
    if isinstance(part, dict):
        return {
            key: value.replace("\\Z", "$") if key == "pattern" and isinstance(value, str) else _translated(value)
            for key, value in part.items()
        }
    return [_translated(each) for each in part] if isinstance(part, list) else part


def _receive(event: str) -> Json:
    operation = _operation("receive", event)
    if event not in _UNACKED:
        operation["reply"] = {"channel": {"$ref": "#/channels/socket"}, "messages": [_reference("ack")]}
    return operation


def _operation(action: str, message: str) -> Json:
    return {"action": action, "channel": {"$ref": "#/channels/socket"}, "messages": [_reference(message)]}


def _reference(message: str) -> Json:
    return {"$ref": f"#/channels/socket/messages/{message}"}


def _message(event: str, payload: Json, description: str) -> Json:
    return {"name": event, "description": description, "payload": payload}


def _sent(event: str) -> str:
    """Return the key of a gateway's event, with `:sent` if a client's event has the same name."""
    return f"{event}:sent" if event in EVENTS else event


def _name(action: str, event: str) -> str:
    return action + "".join(part.title() for part in re.split(r"[:_]", event))


def _rows(section: str) -> dict[str, str]:
    """Return the events in a section of docs/protocol.md, each with its row of the table as one text."""
    text = (DOCS / "protocol.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `([\w:]+)` \| (.*) \|$", text, re.MULTILINE)
    return {name: said.replace(" | ", "; ack: ").replace("\\|", "|").rstrip("| ") for name, said in found}


_ERROR: Final[Json] = {
    "title": "Error",
    "type": "object",
    "properties": {
        "code": {"enum": [code.number for code in Code]},
        "reason": {"enum": [code.reason for code in Code]},
        "retryable": {"type": "boolean"},
        "detail": {"type": "string"},
        "retry_after": {"type": "number", "description": "seconds"},
        "app_code": {"type": "string", "description": "the application's code, with the reason `refused`"},
    },
    "required": ["code", "reason", "retryable"],
}
_ACK: Final[Json] = {
    "title": "Ack",
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "error": {"$ref": _REF.format(name="Error")}},
    "required": ["ok"],
    "if": {"properties": {"ok": {"const": False}}},
    "then": {"required": ["error"]},
    "else": {"properties": {"error": False}},
}

DOCUMENTS: Final[Mapping[str, Callable[[], Json]]] = {"openapi.json": openapi, "asyncapi.json": asyncapi}


def text_of(document: Json) -> str:
    """Return a document as it is written into its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all documents into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in DOCUMENTS.items():
        (folder / name).write_text(text_of(make()))


if __name__ == "__main__":
    main()
