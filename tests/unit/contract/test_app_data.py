"""The rules for the `data` of an application: accepted objects, and the error codes for other values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomcast.contract.app_data import check_data
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_DATA_BYTES, MAX_DATA_DEPTH


def refusal(data: Any) -> Code:
    with pytest.raises(RoomcastError) as caught:
        check_data(data)
    return caught.value.code


def nested(depth: int) -> dict[str, Any]:
    """Return `depth` nested objects and lists, in alternation. The outermost is an object."""
    inner: Any = 1
    for level in range(depth - 1, -1, -1):
        inner = {"in": inner} if level % 2 == 0 else [inner]
    assert isinstance(inner, dict)
    return inner


def sized(size: int) -> dict[str, Any]:
    """Return an object with this size as JSON, in bytes."""
    return {"a": "x" * (size - len('{"a":""}'))}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"a": None, "b": True, "c": -1.5, "d": "é😀", "e": [], "f": {}},
        {"n": 2**53, "m": -(2**53)},
        nested(MAX_DATA_DEPTH),
        sized(MAX_DATA_BYTES),
    ],
)
def test_an_object_within_the_limits_becomes_compact_json(data: dict[str, Any]) -> None:
    assert check_data(data).decode() == json.dumps(data, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("data", [nested(MAX_DATA_DEPTH + 1), nested(5_000), sized(MAX_DATA_BYTES + 1)])
def test_data_above_a_limit_is_too_large(data: dict[str, Any]) -> None:
    assert refusal(data) is Code.TOO_LARGE


def test_the_size_of_data_is_counted_in_bytes() -> None:
    assert refusal({"a": "é" * (MAX_DATA_BYTES // 2)}) is Code.TOO_LARGE


@pytest.mark.parametrize(
    "value", [b"bytes", {1}, object(), float("nan"), float("inf"), 2**53 + 1, 2**80, {1: "a"}, "half: \ud83d"]
)
def test_a_value_that_json_or_javascript_cannot_represent_is_a_bad_request(value: Any) -> None:
    assert refusal({"a": [value]}) is Code.BAD_REQUEST
    assert refusal({"a": {"b": value}}) is Code.BAD_REQUEST
