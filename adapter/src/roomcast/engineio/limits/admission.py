"""Let an application decide when a new session begins: at once, later, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from roomcast.engineio.http.handshake import Caller
from roomcast.engineio.http.refusals import Refusal
from roomcast.engineio.limits.peers import PendingCap

Decide = Callable[[Refusal | None], bool]
"""Called once with the decision. Returns whether the session began: a place that was not used is free again."""
Withdraw = Callable[[], None]
"""Called when the client has gone before the decision. Idempotent."""


class Admission(Protocol):
    """Decide about each new session, by calling `decide` at once or later. Return how to withdraw the request."""

    def __call__(self, caller: Caller, decide: Decide) -> Withdraw:
        """Ask for a session; `decide` is called once, with the answer. Return how to withdraw."""
        ...


def admit_all(caller: Caller, decide: Decide) -> Withdraw:
    """Let every session begin at once."""
    decide(None)
    return nothing


def nothing() -> None:
    """Do nothing: the decision has been made."""


class PlaceRequest:
    """A new session that waits for its place. It counts against its address meanwhile.

    `refusal` is asked again when the place is free: the server may have begun to drain.
    """

    __slots__ = ("_caller", "_decide", "_is_open", "_pending", "_refusal", "_withdraw")

    def __init__(
        self, caller: Caller, pending: PendingCap, refusal: Callable[[Caller], Refusal | None], decide: Decide
    ) -> None:
        self._caller = caller
        self._pending = pending
        self._refusal = refusal
        self._decide = decide
        self._withdraw: Withdraw = nothing
        self._is_open = True

    def begin(self, admission: Admission) -> Withdraw:
        """Ask for a place; the result withdraws the request."""
        self._pending.add(self._caller.peer)
        self._withdraw = admission(self._caller, self._take)
        return self.withdraw

    def withdraw(self) -> None:
        """Give up, unless a decision was made. Idempotent."""
        if self._is_open:
            self._close()
            self._withdraw()

    def _take(self, refusal: Refusal | None) -> bool:
        if not self._is_open:
            return False
        decide = self._decide
        self._close()
        return decide(refusal or self._refusal(self._caller))

    def _close(self) -> None:
        """Stop counting, and let go of the client: it may refer to this object."""
        self._is_open = False
        self._decide = _unused
        self._pending.remove(self._caller.peer)


def _unused(refusal: Refusal | None) -> bool:
    return False
