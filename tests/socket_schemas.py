"""Compare what gateways send with the shared schemas of the AsyncAPI document."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs

from docs import documents

_COMPONENTS: Final = {
    "schemas": {
        name: schema | {"additionalProperties": False} if name == "Error" else schema
        for name, schema in documents.asyncapi()["components"]["schemas"].items()
    }
}
"""The document's schemas. Here an error may have no other fields; for clients the document permits later additions."""


def assert_documented(name: str, sent: Any) -> None:
    """Check that an object from a gateway is valid under the document's schema `name`."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": _COMPONENTS}
    faults = [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(sent)]
    assert not faults, (sent, faults)
