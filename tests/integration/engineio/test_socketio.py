"""Socket.IO v5 on our Engine.IO server: the protocol, bad packets, the order of events, slow connect handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio
from aiohttp import ClientSession

from roomcast.engineio import Reason, Rules
from roomcast.socketio.server import MAX_REFUSED_CONNECTS, SocketServer, create_server
from tests.integration.engineio.client import Polling, WebSocket, serving
from tests.waiting import until

PATH = "socket.io"


class App:
    """A small application: echoes, acks, and handlers that wait until the test releases them."""

    def __init__(self, **options: Any) -> None:
        self.sio: SocketServer = create_server(
            node="7", namespaces=["/", "/custom"], always_connect=True, cors_allowed_origins="*", **options
        )
        self.gate = asyncio.Event()
        self.seen: list[Any] = []
        self.gone: dict[str, str] = {}
        self.eio_gone: list[str] = []
        for namespace in ("/", "/custom"):
            self.sio.on("connect", self.connect, namespace)
            self.sio.on("disconnect", self.disconnect, namespace)
            self.sio.on("*", self.any, namespace)
            self.sio.on("message-with-ack", self.acked, namespace)
            self.sio.on("wait", self.wait, namespace)

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        if isinstance(auth, dict) and auth.get("slow"):
            await self.gate.wait()
        if isinstance(auth, dict) and auth.get("crash"):
            raise RuntimeError("a bug in the application")
        self.seen.append(("connect", auth))

    async def disconnect(self, sid: str, reason: str) -> None:
        self.gone[sid] = reason

    async def any(self, event: str, sid: str, *args: Any) -> None:
        self.seen.append((event, *args))
        if event == "message":
            await self.sio.emit("message-back", args, to=sid)

    async def acked(self, sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    async def wait(self, sid: str, number: int, padding: str = "") -> int:
        self.seen.append(("wait", number))
        await self.gate.wait()
        return number

    def is_empty(self) -> bool:
        """Return whether no state of any client is left."""
        manager = self.sio.manager
        leftovers = [manager.rooms, manager.pending_connect, manager.pending_disconnect, manager.callbacks]
        packets = [self.sio._binary_packet, self.sio._busy, self.sio._refused_connects]
        return not any([*leftovers, *packets, self.sio.environ, self.sio.eio.sockets])


@pytest.fixture
async def app() -> App:
    return App(rules=Rules(connect_seconds=5))


@pytest.fixture
async def address(app: App) -> AsyncIterator[str]:
    async with serving(app.sio, PATH) as address:
        yield address


async def raw(address: str) -> WebSocket:
    socket = await WebSocket.open(address, PATH)
    assert str(await socket.receive())[0] == "0"
    return socket


async def connected(address: str) -> WebSocket:
    socket = await raw(address)
    socket.send("40")
    assert str(await socket.receive()).startswith('40{"sid":"g7.')
    return socket


class TestProtocol:
    async def test_a_connect_with_a_payload_opens_any_known_namespace(self, app: App, address: str) -> None:
        socket = await raw(address)
        socket.send('40{"token":"1"}')
        assert str(await socket.receive()).startswith('40{"sid":')
        socket.send('40/custom,{"token":"2"}')
        assert str(await socket.receive()).startswith('40/custom,{"sid":')
        assert app.seen == [("connect", {"token": "1"}), ("connect", {"token": "2"})]
        socket.drop()

    async def test_a_connect_to_an_unknown_namespace_is_refused(self, address: str) -> None:
        socket = await connected(address)
        socket.send("40/x")
        assert await socket.receive() == '44/x,{"message":"Invalid namespace"}'
        socket.send('42["message",1]')
        assert await socket.receive() == '42["message-back",1]'
        socket.drop()

    async def test_an_event_is_handled_and_acked(self, address: str) -> None:
        socket = await connected(address)
        socket.send('42["message",1,"2",{"3":[true]}]')
        assert await socket.receive() == '42["message-back",1,"2",{"3":[true]}]'
        socket.send('42456["message-with-ack",1,"2",{"3":[false]}]')
        assert await socket.receive() == '43456[1,"2",{"3":[false]}]'
        socket.drop()

    async def test_an_event_with_bytes_is_handled_and_acked(self, address: str) -> None:
        socket = await connected(address)
        parts = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
        for name, answer in (('-["message"', '2-["message-back",'), ('-789["message-with-ack"', "2-789[")):
            socket.send(f"452{name},{parts}]")
            socket.send(b"\x01\x02\x03")
            socket.send(b"\x04\x05\x06")
            got = [await socket.receive() for _ in range(3)]
            assert got == [
                ("45" if "back" in answer else "46") + answer + parts + "]",
                b"\x01\x02\x03",
                b"\x04\x05\x06",
            ]
        socket.drop()

    async def test_a_client_that_leaves_one_namespace_stays_in_the_other(self, app: App, address: str) -> None:
        socket = await connected(address)
        socket.send("40/custom")
        await socket.receive()
        socket.send("41/custom,")
        socket.send('42["message","still here"]')
        assert await socket.receive() == '42["message-back","still here"]'
        assert list(app.gone.values()) == [Reason.CLIENT_DISCONNECT]
        socket.drop()

    async def test_one_post_may_have_the_connect_and_events(self, address: str) -> None:
        async with ClientSession() as http:
            client = await Polling.open(http, address, PATH)
            assert await client.post('40\x1e42["message","a"]\x1e421["message-with-ack"]') == (200, "ok")
            packets: list[str] = []
            while len(packets) < 3:
                packets += (await client.get())[1].split("\x1e")
            assert packets[0].startswith("40{")
            assert sorted(packets[1:]) == ['42["message-back","a"]', "431[]"]


class TestClients:
    """The client of python-socketio, unchanged."""

    @pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
    async def test_a_client_sends_and_reconnects_after_a_close(
        self, app: App, address: str, transports: list[str]
    ) -> None:
        client = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.1)
        connects: list[str] = []
        client.on("connect", lambda: connects.append(client.get_sid()))
        await client.connect(f"http://{address}", transports=transports, wait_timeout=10)
        assert await client.call("message-with-ack", {"a": b"\x01"}, timeout=20) == {"a": b"\x01"}
        (eio_sid,) = app.sio.eio.sockets
        app.sio.eio.close_for_reconnect(eio_sid)
        await until(lambda: len(connects) == 2, "the client has reconnected")
        assert await client.call("message-with-ack", 2, timeout=20) == 2
        assert app.gone == {connects[0]: Reason.RECONNECT}
        await client.disconnect()
        await until(app.is_empty, "no client is left")

    async def test_the_server_emits_to_a_room_and_calls_a_client(self, app: App, address: str) -> None:
        first, second = socketio.AsyncClient(), socketio.AsyncClient()
        heard: list[str] = []
        second.on("news", heard.append)
        first.on("question", lambda text: text + "!")
        await first.connect(f"http://{address}", wait_timeout=10)
        await second.connect(f"http://{address}", transports=["websocket"], wait_timeout=10)
        await app.sio.enter_room(second.get_sid(), "room")
        await app.sio.emit("news", "hello", room="room")
        await until(lambda: heard == ["hello"], "the room gets the message")
        assert await app.sio.call("question", "really", to=first.get_sid(), timeout=20) == "really!"
        await app.sio.save_session(first.get_sid(), {"user": "ada"})
        assert await app.sio.get_session(first.get_sid()) == {"user": "ada"}
        await first.disconnect()
        await second.disconnect()


class TestBadPackets:
    @pytest.mark.parametrize(
        "packet",
        [
            "4abc",
            "42{}",
            "42",
            '42["connect"]',
            '42["disconnect"]',
            '42["disconnecting"]',
            '42abc["message"]',
            '42["message",NaN]',
            '42["message",Infinity]',
            '4511-["message"]',
            '459999999999-["message"]',
            "44{}",
            "40",
            b"\x01 without a header",
            '42["message",' + "[" * 2000 + "]" * 2000 + "]",
        ],
    )
    async def test_a_bad_packet_closes_the_connection_within_half_a_second(
        self, app: App, address: str, packet: str | bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = await connected(address)
        socket = await connected(address)
        caplog.clear()
        caplog.set_level(logging.INFO)
        started = asyncio.get_running_loop().time()
        socket.send(packet)
        assert await socket.closed() == 1003
        assert asyncio.get_running_loop().time() - started < 0.5
        assert not [entry for entry in app.seen if entry[0] != "connect"], "no handler ran"
        other.send('42["message","valid"]')
        assert await other.receive() == '42["message-back","valid"]'
        assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]
        other.drop()
        await until(app.is_empty, "no client is left")

    @pytest.mark.parametrize("packet", ['42["message"]', "41", '421["message"]', "431[]", "40[]"])
    async def test_a_packet_before_the_connect_closes_the_connection(self, address: str, packet: str) -> None:
        socket = await raw(address)
        socket.send(packet)
        assert await socket.closed() == 1003

    async def test_attachments_outside_of_all_namespaces_close_the_connection(self, app: App, address: str) -> None:
        """Otherwise the complete packet would cancel the timeout of a session without a namespace."""
        socket = await connected(address)
        socket.send("41")
        socket.send('451-["message",{"_placeholder":true,"num":0}]')
        assert await socket.closed() == 1003
        await until(app.is_empty, "no client is left")

    async def test_too_many_refused_connects_close_the_connection(self, app: App, address: str) -> None:
        socket = await connected(address)
        for _ in range(2):  # an accepted CONNECT resets the count
            for _ in range(MAX_REFUSED_CONNECTS - 1):
                socket.send("40/unknown,")
                assert await socket.receive() == '44/unknown,{"message":"Invalid namespace"}'
            socket.send("41")
            socket.send("40")
            assert str(await socket.receive()).startswith('40{"sid":')
        for _ in range(MAX_REFUSED_CONNECTS + 1):
            socket.send("40/unknown,")
        assert await socket.closed() == 1008
        await until(app.is_empty, "no client is left")

    async def test_a_text_in_place_of_an_attachment_closes_the_connection(self, address: str) -> None:
        socket = await connected(address)
        socket.send('451-["message",{"_placeholder":true,"num":0}]')
        socket.send('42["message"]')
        assert await socket.closed() == 1003

    async def test_a_placeholder_without_its_attachment_closes_the_connection(self, address: str) -> None:
        socket = await connected(address)
        socket.send('451-["message",{"_placeholder":true,"num":5}]')
        socket.send(b"\x01")
        assert await socket.closed() == 1003

    async def test_an_event_for_a_namespace_without_connect_is_ignored(self, address: str) -> None:
        socket = await connected(address)
        socket.send('42/custom,["message","x"]')
        socket.send('42["message","y"]')
        assert await socket.receive() == '42["message-back","y"]'
        socket.drop()

    async def test_a_packet_whose_attachments_do_not_arrive_closes_the_connection(
        self, app: App, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roomcast.socketio.server.ATTACHMENT_SECONDS", 0.2)
        socket = await connected(address)
        socket.send('452-["message",{"_placeholder":true,"num":0}]')
        socket.send(b"\x01")
        assert await socket.closed() == 1008
        await until(lambda: [*app.gone.values()] == [Reason.ATTACHMENT_TIMEOUT], "the reason is reported")
        await until(app.is_empty, "no client is left")


class TestTimeouts:
    async def test_a_session_without_a_connect_is_closed(self, address: str) -> None:
        app = App(connect_seconds=0.2)
        async with serving(app.sio, PATH) as other:
            socket = await raw(other)
            assert await socket.closed() == 1008
            polling = ClientSession()
            async with polling as http:
                client = await Polling.open(http, other, PATH)
                assert await client.get() == (200, "1")
            await until(app.is_empty, "no client is left")

    async def test_a_transport_without_a_namespace_is_closed(self, app: App) -> None:
        app = App(connect_seconds=0.3)
        async with serving(app.sio, PATH) as address:
            socket = await connected(address)
            socket.send("41")
            assert await socket.closed() == 1008

    async def test_a_disconnect_by_the_server_closes_the_transport(self, app: App, address: str) -> None:
        socket = await connected(address)
        (sid,) = app.sio.environ
        await app.sio.disconnect(app.sio.manager.sid_from_eio_sid(sid, "/"))
        assert [await socket.receive(), await socket.receive()] == ["41", "1"]
        assert await socket.closed() == 1000


class TestOrder:
    async def test_events_start_in_order_and_run_concurrently(self, app: App, address: str) -> None:
        socket = await connected(address)
        app.seen.clear()
        for number in range(200):
            socket.send(f'42{number}["wait",{number}]')
        await until(lambda: len(app.seen) == 200, "all events have started")
        assert app.seen == [("wait", number) for number in range(200)]
        app.gate.set()
        acks = [str(await socket.receive()) for _ in range(200)]
        assert acks == [f"43{number}[{number}]" for number in range(200)]
        socket.drop()

    async def test_a_pong_is_read_while_a_handler_waits(self) -> None:
        app = App(rules=Rules(ping_interval=0.1, ping_timeout=5))
        async with serving(app.sio, PATH) as address:
            socket = await connected(address)
            socket.send('421["wait",1]')
            for _ in range(6):
                assert await socket.receive() == "2"
                socket.send("3")
            app.gate.set()
            assert "431[1]" in [await socket.receive(), await socket.receive()]
            socket.drop()

    async def test_events_sent_after_a_connect_wait_for_the_connect_handler(self, app: App, address: str) -> None:
        socket = await raw(address)
        socket.send('40{"slow":true}')
        socket.send('42["message","early"]')
        assert str(await socket.receive()).startswith("40{")
        await asyncio.sleep(0.05)
        assert app.seen == []
        app.gate.set()
        assert await socket.receive() == '42["message-back","early"]'
        assert app.seen == [("connect", {"slow": True}), ("message", "early")]
        socket.drop()

    @pytest.mark.parametrize(("count", "most"), [(2_100, 1_050), (40, 30)])
    async def test_events_above_the_limit_of_pending_events_are_not_read_from_the_socket(
        self, app: App, address: str, count: int, most: int
    ) -> None:
        """Send many small events, or 40 of 100 kB: twice the limit of pending bytes of one client."""
        padding = "x" * (4_000_000 // count if count < 100 else 0)
        socket = await connected(address)
        (session,) = app.sio.eio.sockets.values()
        for number in range(count):
            socket.send(f'42{number}["wait",{number},"{padding}"]')
        await until(lambda: session.is_input_paused, "the server has paused reading")
        assert len(app.seen) <= most
        app.gate.set()
        acks = {str(await socket.receive()) for _ in range(count)}
        assert acks == {
            f"43{number}[{number}]" for number in range(count)
        }  # acks may change order, because the last events need not wait
        assert app.seen[1:] == [("wait", number) for number in range(count)]
        assert not session.is_input_paused
        socket.drop()
        await until(app.is_empty, "no client is left")


class TestSlowConnect:
    async def test_a_websocket_client_that_disconnects_during_the_connect_handler_leaves_no_state(
        self, app: App, address: str
    ) -> None:
        socket = await raw(address)
        socket.send('40{"slow":true}')
        await until(lambda: app.sio.manager.rooms, "the connect is under way")
        socket.drop()
        await until(lambda: not app.sio.eio.sockets, "the transport is closed")
        app.gate.set()
        await until(app.is_empty, "no client is left")
        assert list(app.gone.values()) == [Reason.TRANSPORT_CLOSE]

    async def test_a_polling_client_that_disconnects_during_the_connect_handler_leaves_no_state(
        self, app: App, address: str
    ) -> None:
        async with ClientSession() as http:
            client = await Polling.open(http, address, PATH)
            await client.post('40{"slow":true}')
            await until(lambda: app.sio.manager.rooms, "the connect is under way")
            await client.post("1")
            app.gate.set()
            await until(app.is_empty, "no client is left")

    async def test_a_client_is_refused_and_leaves_no_state_when_the_connect_handler_raises(
        self, app: App, address: str
    ) -> None:
        socket = await raw(address)
        socket.send('40{"crash":true}')
        assert str(await socket.receive()).startswith("40{")
        assert await socket.receive() == '44{"message":"Unable to connect"}'
        assert not app.sio.manager.rooms
        socket.drop()
        await until(app.is_empty, "no client is left")


def test_an_unknown_or_invalid_option_is_refused() -> None:
    assert create_server(node="3", max_http_buffer_size=5000).eio.rules.max_payload == 5000
    assert create_server(node="3").eio.generate_id().startswith("g3.")
    with pytest.raises(TypeError):
        create_server(node="3", ping_intervall=3)
    with pytest.raises(ValueError, match="ping_interval"):
        create_server(node="3", ping_interval=0)
    with pytest.raises(ValueError, match="node"):
        create_server(node="../3")
    with pytest.raises(ValueError, match="transports"):
        create_server(node="3", transports=["flashsocket"])
