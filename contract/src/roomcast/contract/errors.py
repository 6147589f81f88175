"""The error codes: stable numbers and names, and whether a retry can help.

A negative ack contains `{code, reason, retryable, detail?, retry_after?, app_code?}`. `reason` is the name of the code
in lower case. Numbers are never reused. 1xx: a fault in the request; 2xx: missing rights; 3xx: a temporary state of the
server or a limit; 4xx: media.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from roomcast.wire.tasks import ExpectedError


class Code(Enum):
    """An error code: its number, whether a retry of the same request can succeed, and its meaning."""

    BAD_REQUEST = (100, False, "the payload does not have the documented form")
    UNKNOWN_EVENT = (101, False, "the protocol has no event of this name")
    TOO_LARGE = (102, False, "a text, list or object is over its limit")
    NOT_FOUND = (103, False, "the message, upload or room does not exist, or you may not see it")
    CONFLICT = (104, False, "the object to create exists already, or the object to change is gone")
    UNAUTHORIZED = (200, False, "the token is missing, malformed, expired or not for this service")
    FORBIDDEN = (201, False, "you do not have the right to do this")
    REVOKED = (202, False, "the session was revoked")
    MUTED = (203, False, "you may read, but not write, until the mute ends")
    BANNED = (204, False, "you may not sign in until the ban ends")
    REFUSED = (205, False, "the application's publish hook refused the message; it chooses `app_code` and `detail`")
    UNAVAILABLE = (300, True, "Redis or another server behind the gateway does not answer; nothing was done")
    OUTCOME_UNKNOWN = (301, True, "no answer in time; the request may have taken effect, so resend it with the same id")
    RATE_LIMITED = (302, True, "too many events; wait `retry_after` seconds")
    DRAINING = (303, True, "this gateway is about to stop; reconnect and resend")
    INTERNAL = (304, True, "a fault of the server, which has logged it")
    TOO_MANY_ROOMS = (305, False, "the connection or the user already has the largest allowed number of rooms")
    MEDIA_UNAVAILABLE = (400, True, "no media signer answers")
    MEDIA_REFUSED = (401, False, "the type, name or size of the file is not allowed")
    UPLOAD_INCOMPLETE = (402, True, "the storage does not have the file of this upload yet")
    UPLOAD_MISMATCH = (403, False, "the stored file differs from the announced one")
    UPLOAD_EXPIRED = (404, False, "the upload is unknown or expired")

    def __init__(self, number: int, retryable: bool, meaning: str) -> None:
        self.number = number
        self.retryable = retryable
        self.meaning = meaning

    @property
    def reason(self) -> str:
        """The stable name of the code in messages, in lower case."""
        return self.name.lower()


class RoomcastError(ExpectedError):
    """A refusal with a code. Processes answer it with a negative ack or an error message, never with a traceback."""

    def __init__(self, code: Code, detail: str = "", *, retry_after: float | None = None, app_code: str = "") -> None:
        """Set the code and its details. `app_code`: the code of the application, if its publish hook refused."""
        super().__init__(f"{code.reason}: {detail}" if detail else code.reason)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.app_code = app_code

    def to_wire(self) -> dict[str, Any]:
        """Return `{code, reason, retryable, detail?, retry_after?, app_code?}` (`retry_after` in seconds)."""
        wire: dict[str, Any] = {
            "code": self.code.number,
            "reason": self.code.reason,
            "retryable": self.code.retryable,
        }
        if self.detail:
            wire["detail"] = self.detail
        if self.retry_after is not None:
            wire["retry_after"] = self.retry_after
        if self.app_code:
            wire["app_code"] = self.app_code
        return wire


def by_number(number: int) -> Code:
    """Return the code with this number, or INTERNAL for an unknown number, which a newer release may send."""
    for code in Code:
        if code.number == number:
            return code
    return Code.INTERNAL
