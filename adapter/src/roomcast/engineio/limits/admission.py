"""Let the program that uses the engine decide when a new session begins: immediately, later, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from roomcast.engineio.http.handshake import Caller
from roomcast.engineio.http.refusals import Refusal
from roomcast.engineio.limits.client_addresses import PendingCap

Decide = Callable[[Refusal | None], bool]
"""Receives the decision about a session; called once. None admits the session, a refusal refuses it.

Returns whether the session began. If not, its place is free for another client.
"""
Withdraw = Callable[[], None]
"""Withdraws a request, when its client disconnects before the decision. Idempotent."""


class Admission(Protocol):
    """Decides when each new session begins, or refuses it."""

    def __call__(self, caller: Caller, decide: Decide) -> Withdraw:
        """Call `decide` once, now or later, with the decision about a new session.

        Return a function to call when the client disconnects before the decision.
        """
        ...


def admit_all(caller: Caller, decide: Decide) -> Withdraw:
    """Let every session begin immediately."""
    decide(None)
    return withdraw_nothing


def withdraw_nothing() -> None:
    """Do nothing, because the decision has been made."""


class PlaceRequest:
    """A request for a new session. While it waits, it counts as a pending session of its address.

    The endpoint has checked for a refusal before the request. `check_refusal` repeats the check when the session is
    admitted, because the server may have begun to drain meanwhile.
    """

    __slots__ = ("_caller", "_check_refusal", "_decide", "_is_open", "_pending", "_withdraw")

    def __init__(
        self, caller: Caller, pending: PendingCap, check_refusal: Callable[[Caller], Refusal | None], decide: Decide
    ) -> None:
        self._caller = caller
        self._pending = pending
        self._check_refusal = check_refusal
        self._decide = decide
        self._withdraw: Withdraw = withdraw_nothing
        self._is_open = True

    def begin(self, admission: Admission) -> Withdraw:
        """Ask `admission` to admit the session. Return a function that withdraws the request."""
        self._pending.add(self._caller.peer)
        self._withdraw = admission(self._caller, self._decided)
        return self.withdraw

    def withdraw(self) -> None:
        """Withdraw the request, if no decision was made yet. Idempotent."""
        if self._is_open:
            self._close()
            self._withdraw()

    def _decided(self, refusal: Refusal | None) -> bool:
        if not self._is_open:
            return False
        decide = self._decide
        self._close()
        return decide(refusal or self._check_refusal(self._caller))

    def _close(self) -> None:
        """Stop counting the request. Drop `decide`, because its object may refer to this request: a reference cycle."""
        self._is_open = False
        self._decide = _unused
        self._pending.remove(self._caller.peer)


def _unused(refusal: Refusal | None) -> bool:
    return False
