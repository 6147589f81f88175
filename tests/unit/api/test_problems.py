"""Every error code of the contract has an HTTP status and a problem with the values of the contract."""

from __future__ import annotations

import json

import pytest

from roomcast.api.problems import STATUS, describe, faults_of, respond
from roomcast.contract.errors import Code, RoomcastError


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(Code)
    assert {code.name for code, status in STATUS.items() if status >= 500} <= {
        *("UNAVAILABLE", "OUTCOME_UNKNOWN", "DRAINING", "INTERNAL", "MEDIA_UNAVAILABLE"),
    }


@pytest.mark.parametrize("code", Code)
def test_a_problem_has_the_values_of_the_contract(code: Code) -> None:
    error = RoomcastError(code, "because", retry_after=1.2)
    body = json.loads(bytes(respond(describe(error, "r1")).body))
    wire = error.to_wire()
    assert {name: body[name] for name in wire} == wire
    assert (body["title"], body["type"]) == (code.meaning, f"urn:roomcast:error:{code.reason}")
    assert (body["status"], body["request_id"]) == (STATUS[code], "r1")


def test_the_headers_match_the_problem() -> None:
    answer = respond(describe(RoomcastError(Code.RATE_LIMITED, retry_after=0.2), "r"))
    assert (answer.headers["retry-after"], answer.headers["content-type"]) == ("1", "application/problem+json")
    assert respond(describe(RoomcastError(Code.UNAUTHORIZED), "r")).headers["www-authenticate"] == "Bearer"


def test_a_fault_names_a_dictionary_as_a_json_object() -> None:
    (fault,) = faults_of([{"loc": ("body", "data"), "type": "dict_type", "msg": "Input should be a valid dictionary"}])
    assert (fault.field, fault.message) == ("body.data", "Input should be a JSON object")


def test_the_number_of_listed_faults_is_bounded() -> None:
    faults = faults_of([{"loc": ("body", "x" * 1000), "msg": "y" * 1000}] * 50)
    assert len(faults) == 10
    assert max(len(faults[0].field), len(faults[0].message)) == 200
