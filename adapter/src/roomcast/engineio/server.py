"""The Engine.IO v4 server for aiohttp: the interface for python-socketio, adapters and operators.

It has the methods of python-engineio's `AsyncServer` that python-socketio uses, and more methods for sending without a
coroutine, draining and monitoring.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from aiohttp import web

from roomcast.engineio.fair_turns import Turns
from roomcast.engineio.flush import Flusher
from roomcast.engineio.frames import Frames
from roomcast.engineio.http.endpoint import TRANSPORTS, Endpoint, answer_expectation
from roomcast.engineio.http.listener import DirectListener
from roomcast.engineio.http.origins import Origins
from roomcast.engineio.limits.admission import Admission, admit_all
from roomcast.engineio.limits.client_addresses import LOOPBACK, Peers
from roomcast.engineio.observer import NoObserver, Observer
from roomcast.engineio.rules import Reason, Rules
from roomcast.engineio.runtime import Receiver, Runtime
from roomcast.engineio.session import Session
from roomcast.engineio.websocket.frame_receiver import FastPath
from roomcast.wire.session_ids import SessionIds

_NODE: Final = re.compile(r"[0-9A-Za-z]{1,32}")
_SHUTDOWN_SLICE: Final = 32
_default_log = logging.getLogger(__name__)


class EngineServer:
    """An Engine.IO server. `node` becomes part of every session id: `g<node>.<random>`.

    Without python-socketio on top, call `mark_connected` for every session that may stay longer than `connect_seconds`.
    `cors_allowed_origins`: see `Origins`. `trusted_proxies`: networks whose X-Forwarded headers are used.
    `observer`: gets the engine's events. `receiver(session, data)`: called for every message, in order of arrival,
    instead of the `message` handler. `data` is an `Oversized` for a message that was dropped because of its size. Raise
    ValueError for invalid options.
    """

    reason = Reason
    async_mode = "aiohttp"

    def __init__(
        self,
        *,
        node: str = "0",
        rules: Rules | None = None,
        cors_allowed_origins: str | Iterable[str] | None = None,
        cors_credentials: bool = True,
        allow_upgrades: bool = True,
        transports: Iterable[str] = TRANSPORTS,
        trusted_proxies: Iterable[str] = LOOPBACK,
        observer: Observer | None = None,
        logger: logging.Logger | bool = False,
        async_handlers: bool = False,
        receiver: Receiver | None = None,
    ) -> None:
        if not _NODE.fullmatch(node):
            raise ValueError("a node's name is 1 to 32 letters and digits")
        self.node = node
        self._new_id = SessionIds(node)
        self.rules = rules or Rules()
        self.logger = logger if isinstance(logger, logging.Logger) else _default_log
        self._path = ""
        self._runtime = Runtime(self.rules, observer or NoObserver(), self.generate_id, receiver)
        self._endpoint = Endpoint(
            self._runtime,
            Origins(cors_allowed_origins, credentials=cors_credentials),
            Peers(trusted_proxies),
            transports,
            allow_upgrades=allow_upgrades,
        )

    # --- for python-socketio ---

    def on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Register the handler of `connect(sid, environ)`, `message(sid, data)` or `disconnect(sid, reason)`.

        A connect handler that returns anything but None or True refuses the session. Message handlers of a client
        start in the order of arrival, and several may run at the same time. Without `handler` this is a decorator.
        """
        if event not in ("connect", "message", "disconnect"):
            raise ValueError("Invalid event")
        if handler is None:
            return lambda function: self.on(event, function)
        self._runtime.handlers[event] = handler
        return handler

    def attach(self, app: web.Application, engineio_path: str = "engine.io") -> None:
        """Serve `/<engineio_path>/` of `app`, and the same path without its last slash."""
        self._path = f"/{engineio_path.strip('/')}/"
        for path in (self._path, self._path.rstrip("/")):
            app.router.add_route("*", path, self.handle_request, expect_handler=answer_expectation)

    def listener(self, behind: Callable[[], asyncio.Protocol]) -> DirectListener:
        """Return a protocol factory for a listening socket.

        The listener opens plain WebSocket sessions itself, which is faster. It gives all other connections to `behind`,
        an aiohttp server of the attached app.

        Raise RuntimeError before `attach`.
        """
        if not self._path:
            raise RuntimeError("attach the server to an application first")
        return DirectListener(self._endpoint, self._path, behind, self.rules.kernel_buffer)

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Serve one request of a client: handshake, GET, POST, upgrade, or preflight."""
        return await self._endpoint.serve(request)

    def generate_id(self) -> str:
        """Return a new id: `g<node>.`, by which a proxy finds the node, and 120 random bits."""
        return self._new_id()

    async def send(self, sid: str, data: str | bytes) -> None:
        """Queue one message, without waiting. Do nothing if the session is over."""
        session = self._runtime.sessions.get(sid)
        if session is not None:
            session.push(Frames(data.encode()) if isinstance(data, str) else Frames.binary(bytes(data)))

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """Queue a message packet of python-engineio's class."""
        await self.send(sid, pkt.data)

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all."""
        for key in [*self._runtime.sessions] if sid is None else [sid]:
            self.close(key, Reason.SERVER_DISCONNECT)

    async def get_session(self, sid: str) -> dict[str, Any]:
        """Return the application's dictionary of a session; raise KeyError when there is no such session."""
        session = self._existing(sid)
        if session.user is None:
            session.user = {}
        return session.user

    async def save_session(self, sid: str, session: dict[str, Any]) -> None:
        """Replace the application's dictionary of a session; raise KeyError when there is no such session."""
        self._existing(sid).user = session

    def transport(self, sid: str) -> str:
        """Return `polling` or `websocket`; raise KeyError when there is no such session."""
        return self._existing(sid).core.transport_name

    def _existing(self, sid: str) -> Session:
        try:
            return self._runtime.sessions[sid]
        except KeyError:
            raise KeyError("Session not found") from None

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """Run a coroutine function as a background task."""
        return self._runtime.background.start(target(*args, **kwargs), getattr(target, "__name__", "background"))

    async def sleep(self, seconds: float = 0) -> None:
        """Sleep for `seconds`."""
        await asyncio.sleep(seconds)

    def create_event(self) -> asyncio.Event:
        """Return an asyncio event."""
        return asyncio.Event()

    def create_queue(self, *args: Any, **kwargs: Any) -> asyncio.Queue[Any]:
        """Return an asyncio queue."""
        return asyncio.Queue(*args, **kwargs)

    # --- for adapters ---

    def session(self, sid: str) -> Session | None:
        """Return the session with this id; None if it has ended. `Session.push` sends without a coroutine."""
        return self._runtime.sessions.get(sid)

    @property
    def sockets(self) -> dict[str, Session]:
        """All sessions by id. Do not change this dictionary."""
        return self._runtime.sessions

    def session_ids(self) -> list[str]:
        """Return the ids of all sessions, in the order in which they were opened."""
        return list(self._runtime.sessions)

    @property
    def flusher(self) -> Flusher:
        """Queues packets for sessions; `push_many` queues one packet for many sessions in one pass."""
        return self._runtime.flusher

    @property
    def turns(self) -> Turns:
        """The queue of packets that wait for a later turn of the event loop."""
        return self._runtime.turns

    @property
    def fast_path(self) -> FastPath | None:
        """Handles simple packets directly from their WebSocket frames. Packets that it declines go to the receiver.

        Set it before the first client connects.
        """
        return self._runtime.fast_path

    @fast_path.setter
    def fast_path(self, fast_path: FastPath) -> None:
        self._runtime.fast_path = fast_path

    @property
    def pending_refusal(self) -> Frames | None:
        """The answer to a client that sends too much before its CONNECT is accepted; its session then ends."""
        return self._runtime.pending_refusal

    @pending_refusal.setter
    def pending_refusal(self, refusal: Frames | None) -> None:
        self._runtime.pending_refusal = refusal

    def start_event(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a handler as a task. Tasks start in the order of these calls. A shutdown waits for the tasks."""
        self._runtime.tasks.start(coroutine, "event")

    # --- operations ---

    @property
    def admission(self) -> Admission:
        """Decides about each new session; see `Admission`."""
        return self._endpoint.admission

    @admission.setter
    def admission(self, admission: Admission | None) -> None:
        self._endpoint.admission = admission or admit_all

    def mark_connected(self, sid: str) -> None:
        """Mark a session as connected: the connect timeout and the cap on pending sessions no longer apply to it."""
        session = self._runtime.sessions.get(sid)
        if session is not None:
            session.core.fulfil()
            session.unlimit_input()
            self._runtime.settle(session)

    def is_pending(self, sid: str) -> bool:
        """Tell whether the CONNECT of the session has not been accepted yet."""
        return self._runtime.is_pending(sid)

    def expect(self, sid: str, seconds: float, reason: str) -> None:
        """End the session with `reason` after `seconds`, unless `fulfil` or another `expect` is called before."""
        session = self._runtime.sessions.get(sid)
        if session is not None:
            session.core.expect(self._runtime.now() + seconds, reason)
            self._runtime.watch(session)

    def fulfil(self, sid: str) -> None:
        """Cancel the last `expect`, because the expected event came in time."""
        session = self._runtime.sessions.get(sid)
        if session is not None:
            session.core.fulfil()

    def close(self, sid: str, reason: str, detail: str = "") -> None:
        """End a session. `reason` is one of `Reason`, or a reason of the application.

        `detail` goes into the log. It must not contain text from the client.
        """
        session = self._runtime.sessions.get(sid)
        if session is not None:
            session.close(reason, detail)

    def close_for_reconnect(self, sid: str) -> None:
        """End a session so that a socket.io client reconnects by itself, perhaps to another gateway.

        A WebSocket closes with 1012 and without a close packet. A polling client gets its queued packets and a close
        packet in the answer to the waiting or the next GET.
        """
        self.close(sid, Reason.RECONNECT)

    @property
    def unfetched(self) -> int:
        """Return how many closed polling sessions have packets that their clients have not fetched yet."""
        return self._runtime.unfetched

    def stop_accepting(self) -> None:
        """Answer new handshakes with 503 and Retry-After. Existing sessions continue, also over new connections."""
        self._endpoint.is_accepting = False

    @property
    def is_accepting(self) -> bool:
        """Tell whether new sessions are accepted."""
        return self._endpoint.is_accepting

    async def shutdown(self, seconds: float = 5.0) -> None:
        """End all sessions, within about `seconds`. Idempotent.

        1. Stop accepting sessions. 2. Close all transports, in slices. 3. Wait for the application's disconnect
        handlers. 4. Stop the timer, and cancel the remaining tasks.
        """
        self.stop_accepting()
        deadline = self._runtime.now() + seconds
        while self._runtime.sessions:
            for sid in [*self._runtime.sessions][:_SHUTDOWN_SLICE]:
                self.close(sid, Reason.RECONNECT)
            await asyncio.sleep(0)
        await self._runtime.drain(deadline)
