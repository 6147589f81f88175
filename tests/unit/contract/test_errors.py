"""The numbers of error codes, and the form of an error on the wire."""

from roomcast.contract.errors import Code, RoomcastError, by_number


def test_numbers_are_unique() -> None:
    numbers = [code.number for code in Code]
    assert len(set(numbers)) == len(numbers) == len(Code)


def test_the_wire_form_of_an_error() -> None:
    error = RoomcastError(Code.RATE_LIMITED, retry_after=1.5)
    assert error.to_wire() == {"code": 302, "reason": "rate_limited", "retryable": True, "retry_after": 1.5}


def test_the_unknown_number_of_a_newer_release_is_read_as_internal() -> None:
    assert by_number(999) is Code.INTERNAL
    assert by_number(201) is Code.FORBIDDEN
