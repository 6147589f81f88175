"""Ask the application about messages before they are published; apply its verdict, or the failure policy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.operations.observer import GatewayObserver
from roomcast.gateway.publish_hook.circuit import Circuit
from roomcast.gateway.publish_hook.endpoint import BUSY, HookFailed
from roomcast.gateway.publish_hook.settings import PublishHookSettings
from roomcast.gateway.publish_hook.verdicts import BadAnswer, Change, Refuse, Verdict, read_verdict, request_body
from roomcast.gateway.sign_in.identity import matches
from roomcast.wire.limited_log import LimitedLog

_CACHED_ROOMS: Final = 10_000
_RETRY_SECONDS: Final = 1.0
_log: Final = LimitedLog(logging.getLogger(__name__))


class Content(NamedTuple):
    """The text and data of a message."""

    text: str | None
    data: dict[str, Any] | None


class Endpoint(Protocol):
    """Answers requests; see `roomcast.gateway.publish_hook.endpoint.HookEndpoint`."""

    async def ask(self, body: bytes) -> bytes:
        """Return the body of the answer. Raise HookFailed if there is no usable answer in time."""
        ...


CheckContent = Callable[[str | None, dict[str, Any] | None], None]
"""`(text, data)` -> None; raises RoomcastError for a text or data that no message may have."""


class PublishHook:
    """The publish hook of one gateway. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        settings: PublishHookSettings,
        endpoint: Endpoint,
        circuit: Circuit,
        observer: GatewayObserver,
        check_content: CheckContent,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._circuit = circuit
        self._observer = observer
        self._check_content = check_content
        self._clock = clock
        self._reviewing: Counter[str] = Counter()
        """User -> the number of the user's messages in review."""
        self.covers = lru_cache(_CACHED_ROOMS)(self._covers)
        """Return whether the hook reviews messages into this room."""

    def _covers(self, room: str) -> bool:
        return matches(room, self._settings.rooms)

    async def review(self, message: dict[str, Any]) -> Content:
        """Return the content with which to publish the message.

        Raises REFUSED if the endpoint refuses the message, UNAVAILABLE if no verdict comes in time and the policy is to
        refuse, and RATE_LIMITED if too many messages wait. These are never published without a verdict: otherwise a
        user could avoid the endpoint by sending many messages at once.
        """
        content = Content(message.get("text"), message.get("data"))
        started = self._clock()
        try:
            with self._counted(message["user"]):
                verdict = await self._ask(message)
        except HookFailed as failure:
            self._observer.publish_hook(failure.kind, self._clock() - started, is_open=self._circuit.is_open)
            _log.warning(failure.kind, "the publish hook has no verdict: %s", failure.kind)
            self._require_publishable(failure)
            return content
        self._observer.publish_hook(_outcome(verdict), self._clock() - started, is_open=False)
        if isinstance(verdict, Refuse):
            raise RoomcastError(Code.REFUSED, verdict.detail, app_code=verdict.code)
        if isinstance(verdict, Change):
            return _changed(content, verdict)
        return content

    def _require_publishable(self, failure: HookFailed) -> None:
        """Raise RATE_LIMITED or UNAVAILABLE unless a message may be published after this failure."""
        if failure.kind == BUSY:
            detail = "too many messages wait for the publish hook"
            raise RoomcastError(Code.RATE_LIMITED, detail, retry_after=_RETRY_SECONDS) from None
        if self._settings.on_failure == "refuse":
            raise RoomcastError(Code.UNAVAILABLE, "the publish hook has no verdict") from None

    @contextmanager
    def _counted(self, user: str) -> Iterator[None]:
        """Count a message in review. Raises HookFailed if the user has `concurrent` messages in review already.

        The endpoint's queue has places for the messages of four such users.
        """
        if self._reviewing[user] >= self._settings.concurrent:
            raise HookFailed(BUSY)
        self._reviewing[user] += 1
        try:
            yield
        finally:
            self._reviewing[user] -= 1
            if not self._reviewing[user]:
                del self._reviewing[user]

    async def _ask(self, message: dict[str, Any]) -> Verdict:
        if not self._circuit.may_ask():
            raise HookFailed("circuit_open")
        try:
            verdict = self._checked(await self._endpoint.ask(request_body(message)))
        except HookFailed as failure:
            if failure.kind == BUSY:
                self._circuit.was_not_asked()
            else:
                self._circuit.failed()
            raise
        except asyncio.CancelledError:
            self._circuit.failed()
            raise
        self._circuit.succeeded()
        return verdict

    def _checked(self, body: bytes) -> Verdict:
        try:
            verdict = read_verdict(body)
            if isinstance(verdict, Change):
                self._check_content(verdict.text, verdict.data)
        except (BadAnswer, RoomcastError):
            raise HookFailed("malformed") from None
        return verdict


def _changed(content: Content, change: Change) -> Content:
    text = content.text if change.text is None else change.text
    return Content(text, content.data if change.data is None else change.data)


def _outcome(verdict: Verdict) -> str:
    return "refused" if isinstance(verdict, Refuse) else "changed" if isinstance(verdict, Change) else "accepted"
