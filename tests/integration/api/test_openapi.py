"""The OpenAPI document, compared with the running server (by schemathesis) and with the contract."""

from __future__ import annotations

import inspect
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from roomcast.api import problems
from roomcast.api.application import make_application
from roomcast.contract.api_keys import Scope
from roomcast.contract.backend import Backend
from roomcast.contract.errors import Code
from tests import apis

DOCUMENT = make_application(None).openapi()
NOT_OVER_HTTP = {"ping", "info"}
"""Methods of `Backend` that concern only its own process and therefore need no endpoint."""

EXAMPLES = 4
"""Number of requests per operation and kind of data (valid, invalid). All requests together take a few seconds."""

schema = schemathesis.openapi.from_dict(DOCUMENT)


def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
    }


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
@pytest.mark.usefixtures("signer")
def test_the_server_answers_as_the_document_says(case: schemathesis.Case[Any], api: apis.Api) -> None:
    headers = {"Authorization": f"Bearer {api.key}"}
    answer = case.call(base_url=api.url, headers=headers, timeout=10)
    case.validate_response(
        answer,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
            negative_data_rejection,
            unsupported_method,
        ],
    )
    if answer.status_code >= 400:
        problem = answer.json()
        (code,) = [code for code in Code if code.number == problem["code"]]
        assert (problem["reason"], problem["retryable"]) == (code.reason, code.retryable)


def test_every_method_of_backend_has_an_endpoint() -> None:
    methods = {name for name, _ in inspect.getmembers(Backend, callable) if not name.startswith("_")}
    camel = {"".join(part.title() if at else part for at, part in enumerate(name.split("_"))): name for name in methods}
    assert methods - NOT_OVER_HTTP == {camel.get(name, name) for name in operations()} - {
        "publishBatch",
        "queryPresence",
    }


def test_every_operation_names_a_scope_and_its_problems() -> None:
    for name, operation in operations().items():
        ((_, (scope,)),) = operation["security"][0].items()
        assert scope in set(Scope), name
        for statuses in ("4XX", "5XX"):
            assert set(operation["responses"][statuses]["content"]) == {problems.MEDIA_TYPE}, name
        assert operation["description"], name
        assert operation["tags"], name


def test_problems_have_the_reasons_of_the_contract() -> None:
    problem = DOCUMENT["components"]["schemas"]["Problem"]["properties"]
    assert problem["reason"]["enum"] == [code.reason for code in Code]


def test_every_scope_is_used() -> None:
    used = {scope for operation in operations().values() for scope in operation["security"][0]["ApiKey"]}
    assert used | {Scope.TOKENS_OPERATOR} == set(Scope)


@pytest.mark.parametrize(
    "reference", ["#/components/schemas/HTTPValidationError", "#/components/schemas/ValidationError"]
)
def test_the_framework_s_own_errors_are_not_documented(reference: str) -> None:
    assert reference not in str(DOCUMENT)
