"""The session core: each test feeds events, and checks the commands that the core returns."""

from __future__ import annotations

import json

import pytest

from roomcast.engineio.core import Phase, SessionCore
from roomcast.engineio.core_commands import (
    AbortConnection,
    AnswerPoll,
    CloseConnection,
    Deliver,
    DropProbe,
    Ended,
    KeepPayload,
    PollAnswer,
    RejectRequest,
    SendPing,
    SendToProbe,
    Switch,
)
from roomcast.engineio.frames import Frames
from roomcast.engineio.oversized import Oversized
from roomcast.engineio.rules import Reason, Rules

RULES = Rules(ping_interval=25, ping_timeout=20, connect_seconds=10, upgrade_seconds=10, max_buffer=100)
HELLO = Frames(b"hello")


def polling(rules: Rules = RULES) -> SessionCore:
    return SessionCore("g1.abc", "192.0.2.1", rules, Phase.POLLING, now=0)


def websocket(rules: Rules = RULES) -> SessionCore:
    return SessionCore("g1.abc", "192.0.2.1", rules, Phase.WEBSOCKET, now=0)


def connected(session: SessionCore) -> SessionCore:
    session.fulfil()
    return session


def upgraded() -> SessionCore:
    session = connected(polling())
    assert session.probe_attached(1)
    session.probe_received("2probe")
    session.probe_received("5")
    return session


class TestHandshake:
    def test_the_open_packet_announces_the_values_that_a_client_needs(self) -> None:
        packet = polling().open_packet(["websocket"])
        assert packet[:1] == b"0"
        assert json.loads(packet[1:]) == {
            "sid": "g1.abc",
            "upgrades": ["websocket"],
            "pingInterval": 25_000,
            "pingTimeout": 20_000,
            "maxPayload": 1_000_000,
        }

    def test_the_open_packet_announces_fractional_intervals_in_milliseconds(self) -> None:
        packet = json.loads(polling(Rules(ping_interval=0.3, ping_timeout=0.2)).open_packet([])[1:])
        assert (packet["pingInterval"], packet["pingTimeout"]) == (300, 200)


class TestPackets:
    def test_a_message_is_delivered_without_its_type(self) -> None:
        assert polling().receive('42["a"]', 1) == [Deliver('2["a"]')]

    def test_the_beginning_of_an_oversized_message_is_delivered_without_its_type(self) -> None:
        assert websocket().receive(Oversized('42["a"', 150_000), 1) == [Deliver(Oversized('2["a"', 150_000))]
        assert polling().receive(Oversized(b"\x01", 150_000), 1) == [Deliver(Oversized(b"\x01", 150_000))]

    @pytest.mark.parametrize("head", ["2probe", "3", "6", "9x", ""])
    def test_an_oversized_packet_of_another_type_ends_the_session(self, head: str) -> None:
        session = websocket()
        session.receive(Oversized(head, 150_000), 1)
        assert session.end_reason == Reason.TOO_LARGE

    def test_an_empty_message_is_delivered(self) -> None:
        assert websocket().receive("4", 1) == [Deliver("")]

    def test_a_binary_packet_is_delivered_as_a_message(self) -> None:
        assert websocket().receive(b"\x01\x02", 1) == [Deliver(b"\x01\x02")]

    def test_a_noop_from_the_client_is_ignored(self) -> None:
        assert websocket().receive("6", 1) == []

    @pytest.mark.parametrize("text", ["", "9x", "abc", "0", "2", "2probe", "5", "7", "٣", "\x004"])
    def test_a_packet_that_a_client_must_not_send_closes_with_1003(self, text: str) -> None:
        session = websocket()
        assert session.receive(text, 1) == [CloseConnection(1003, b"1"), Ended(Reason.PARSE_ERROR)]
        assert session.receive("4hello", 2) == []

    def test_a_close_packet_closes_the_websocket_and_ends_the_session(self) -> None:
        assert websocket().receive("1", 1) == [CloseConnection(1000, b""), Ended(Reason.CLIENT_DISCONNECT)]

    def test_a_close_packet_answers_the_waiting_get_with_a_noop(self) -> None:
        session = polling()
        assert session.poll_opened() == []
        assert session.receive("1", 1) == [AnswerPoll(PollAnswer.NOOP), Ended(Reason.CLIENT_DISCONNECT)]


class TestPolling:
    def test_a_get_waits_and_is_answered_with_all_queued_packets(self) -> None:
        session = polling()
        assert session.poll_opened() == []
        session.enqueue(HELLO)
        session.enqueue(Frames.binary(b"\x01\x02\x03\x04"))
        assert session.poll_ready() == [AnswerPoll(PollAnswer.QUEUE)]
        assert session.take_payload(PollAnswer.QUEUE) == b"4hello\x1ebAQIDBA=="
        assert not session.has_poll

    def test_a_get_is_answered_at_once_if_packets_are_queued(self) -> None:
        session = polling()
        session.enqueue(HELLO)
        assert session.poll_ready() == []
        assert session.poll_opened() == [AnswerPoll(PollAnswer.QUEUE)]

    def test_two_gets_at_once_close_the_session(self) -> None:
        session = polling()
        session.poll_opened()
        assert session.poll_opened() == [AnswerPoll(PollAnswer.CLOSE), Ended(Reason.TRANSPORT_ERROR), RejectRequest()]
        assert session.take_payload(PollAnswer.CLOSE) == b"1"

    def test_two_posts_at_once_close_the_session(self) -> None:
        session = polling()
        assert session.post_opened() == []
        assert session.post_opened() == [Ended(Reason.TRANSPORT_ERROR), RejectRequest()]

    def test_consecutive_posts_do_not_close_the_session(self) -> None:
        session = polling()
        session.post_opened()
        session.post_ended()
        assert session.post_opened() == []

    def test_a_waiting_get_that_the_client_drops_ends_the_session(self) -> None:
        session = polling()
        session.poll_opened()
        assert session.poll_lost() == [Ended(Reason.TRANSPORT_CLOSE)]
        assert session.poll_opened() == [RejectRequest()]

    def test_losing_the_connection_of_an_answered_get_does_not_end_the_session(self) -> None:
        session = polling()
        session.enqueue(HELLO)
        session.poll_opened()
        assert session.poll_lost() == []

    def test_a_get_or_post_after_the_upgrade_is_refused(self) -> None:
        session = upgraded()
        assert session.poll_opened() == [RejectRequest()]
        assert session.post_opened() == [RejectRequest()]


class TestUpgrade:
    def test_a_probe_is_answered_and_the_waiting_get_gets_a_noop(self) -> None:
        session = polling()
        session.poll_opened()
        assert session.probe_attached(1)
        assert session.probe_received("2probe") == [SendToProbe(b"3probe"), AnswerPoll(PollAnswer.NOOP)]
        assert session.take_payload(PollAnswer.NOOP) == b"6"

    def test_a_get_between_probe_and_upgrade_is_answered_at_once(self) -> None:
        session = polling()
        session.probe_attached(1)
        session.probe_received("2probe")
        assert session.poll_opened() == [AnswerPoll(PollAnswer.NOOP)]

    def test_queued_packets_are_sent_by_the_websocket(self) -> None:
        session = polling()
        session.enqueue(HELLO)
        session.probe_attached(1)
        session.probe_received("2probe")
        assert session.probe_received("5") == [Switch((HELLO,))]
        assert (session.queue, session.queued_bytes) == ([], 0)
        assert session.transport_name == "websocket"

    def test_only_one_websocket_may_probe(self) -> None:
        session = polling()
        assert session.probe_attached(1)
        assert not session.probe_attached(1)
        assert not websocket().probe_attached(1)

    @pytest.mark.parametrize("text", ["5", "2", "4hello", b"2probe", ""])
    def test_a_wrong_probe_is_dropped_and_polling_continues(self, text: str | bytes) -> None:
        session = polling()
        session.probe_attached(1)
        assert session.probe_received(text) == [DropProbe()]
        assert session.phase is Phase.POLLING
        assert session.receive("4hello", 2) == [Deliver("hello")]

    def test_after_a_lost_probe_another_websocket_may_probe(self) -> None:
        session = polling()
        session.probe_attached(1)
        session.probe_received("2probe")
        assert session.probe_lost() == []
        assert session.probe_attached(2)

    def test_a_probe_that_takes_too_long_is_dropped(self) -> None:
        session = connected(polling())
        session.probe_attached(1)
        assert session.due == 11
        assert session.tick(10.9) == []
        assert session.tick(11) == [DropProbe()]
        assert session.due == 25

    def test_closing_the_session_drops_the_probe(self) -> None:
        session = polling()
        session.probe_attached(1)
        session.poll_opened()
        assert session.close(Reason.SERVER_DISCONNECT) == [
            DropProbe(),
            AnswerPoll(PollAnswer.CLOSE),
            Ended(Reason.SERVER_DISCONNECT),
        ]


class TestClosingDuringTheUpgrade:
    """After the answer to its probe a client stops polling, so it gets its queued packets over the WebSocket."""

    @staticmethod
    def closed(reason: str) -> SessionCore:
        session = connected(polling())
        assert session.probe_attached(1)
        session.probe_received("2probe")
        session.enqueue(HELLO)
        assert session.close(reason) == []
        assert session.ends_after_upgrade
        return session

    @pytest.mark.parametrize(
        ("reason", "code", "packet"), [(Reason.RECONNECT, 1012, b""), (Reason.SERVER_DISCONNECT, 1000, b"1")]
    )
    def test_the_session_ends_with_the_upgrade(self, reason: str, code: int, packet: bytes) -> None:
        session = self.closed(reason)
        assert session.probe_received("5") == [Switch((HELLO,)), CloseConnection(code, packet), Ended(reason)]
        assert not session.ends_after_upgrade

    def test_until_the_upgrade_no_packet_is_accepted_or_queued(self) -> None:
        session = self.closed(Reason.SERVER_DISCONNECT)
        assert session.receive("4hello", 2) == []
        assert session.enqueue(Frames(b"late")) == []
        assert session.probe_received("5")[0] == Switch((HELLO,))

    def test_an_unexpected_get_is_answered(self) -> None:
        session = self.closed(Reason.RECONNECT)
        assert session.poll_opened() == [AnswerPoll(PollAnswer.QUEUE)]
        assert session.take_payload(PollAnswer.QUEUE) == HELLO.polling
        assert session.probe_received("5")[-1] == Ended(Reason.RECONNECT)

    def test_a_lost_probe_leaves_the_packets_for_the_next_get(self) -> None:
        kept = KeepPayload(HELLO.polling + b"\x1e1")
        assert self.closed(Reason.RECONNECT).probe_lost() == [kept, Ended(Reason.RECONNECT)]
        assert self.closed(Reason.RECONNECT).probe_broke() == [DropProbe(), kept, Ended(Reason.RECONNECT)]
        assert self.closed(Reason.RECONNECT).probe_received("7") == [DropProbe(), kept, Ended(Reason.RECONNECT)]
        assert self.closed(Reason.RECONNECT).tick(11) == [DropProbe(), kept, Ended(Reason.RECONNECT)]

    def test_a_second_close_does_not_wait_for_the_upgrade(self) -> None:
        kept = KeepPayload(HELLO.polling + b"\x1e1")
        assert self.closed(Reason.RECONNECT).close(Reason.RECONNECT) == [DropProbe(), kept, Ended(Reason.RECONNECT)]

    def test_a_close_for_a_ping_timeout_does_not_wait_for_the_upgrade(self) -> None:
        assert self.closed(Reason.RECONNECT).close(Reason.PING_TIMEOUT) == [DropProbe(), Ended(Reason.PING_TIMEOUT)]


class TestHeartbeat:
    def test_the_core_sends_a_ping_and_waits_for_the_pong(self) -> None:
        session = connected(websocket())
        assert session.due == 25
        assert session.tick(24.9) == []
        assert session.tick(25) == [SendPing()]
        assert session.due == 45
        session.receive("3", 30)
        assert session.due == 55

    def test_a_missing_pong_ends_the_session(self) -> None:
        session = connected(websocket())
        session.tick(25)
        assert session.tick(44.9) == []
        assert session.tick(45) == [CloseConnection(1000, b"1"), Ended(Reason.PING_TIMEOUT)]

    def test_an_unexpected_pong_does_not_move_the_next_ping(self) -> None:
        session = connected(websocket())
        session.receive("3", 20)
        assert session.due == 25

    def test_after_a_late_ping_the_client_still_has_most_of_its_ping_timeout(self) -> None:
        session = connected(websocket())
        session.tick(100)
        assert session.due == 100 - 5 + 20

    def test_a_polling_client_gets_the_ping_as_the_answer_to_its_get(self) -> None:
        session = connected(polling())
        session.poll_opened()
        session.tick(25)
        assert session.poll_ready() == [AnswerPoll(PollAnswer.QUEUE)]
        assert session.take_payload(PollAnswer.QUEUE) == b"2"


class TestGuard:
    def test_a_session_without_a_connect_in_time_is_closed_with_1008(self) -> None:
        session = websocket()
        assert session.due == 10
        assert session.tick(10) == [CloseConnection(1008, b"1"), Ended(Reason.CONNECT_TIMEOUT)]

    def test_an_expectation_that_is_not_met_in_time_ends_the_session(self) -> None:
        session = connected(websocket())
        session.expect(13, Reason.ATTACHMENT_TIMEOUT)
        assert session.tick(12) == []
        assert session.tick(13)[-1] == Ended(Reason.ATTACHMENT_TIMEOUT)

    def test_a_fulfilled_expectation_does_not_end_the_session(self) -> None:
        assert connected(websocket()).tick(20) == []


class TestSlowClient:
    def test_the_queue_of_a_polling_client_is_bounded_in_bytes(self) -> None:
        session = polling()
        assert session.enqueue(Frames(b"x" * 59)) == []
        assert session.enqueue(Frames(b"x" * 39)) == []
        assert session.enqueue(Frames(b"x")) == [Ended(Reason.SLOW_CLIENT)]

    def test_a_single_packet_may_exceed_the_bound_of_the_queue(self) -> None:
        session = polling()
        assert session.enqueue(Frames(b"x" * 500)) == []
        assert session.enqueue(Frames(b"x")) == [Ended(Reason.SLOW_CLIENT)]

    def test_the_core_queues_no_packets_of_a_websocket(self) -> None:
        session = websocket()
        assert session.enqueue(HELLO) == []
        assert session.queue == []

    def test_a_slow_websocket_is_aborted_without_a_close_frame(self) -> None:
        assert websocket().close(Reason.SLOW_CLIENT) == [AbortConnection(), Ended(Reason.SLOW_CLIENT)]

    def test_a_flooding_websocket_is_closed_with_1008(self) -> None:
        assert websocket().close(Reason.FLOOD) == [CloseConnection(1008, b"1"), Ended(Reason.FLOOD)]


class TestEnd:
    def test_a_websocket_that_the_server_disconnects_gets_a_close_packet(self) -> None:
        assert websocket().close(Reason.SERVER_DISCONNECT) == [
            CloseConnection(1000, b"1"),
            Ended(Reason.SERVER_DISCONNECT),
        ]

    def test_a_client_that_is_moved_gets_only_the_close_code_1012(self) -> None:
        assert websocket().close(Reason.RECONNECT) == [CloseConnection(1012, b""), Ended(Reason.RECONNECT)]

    def test_the_waiting_get_of_a_client_that_is_moved_is_answered_with_a_close(self) -> None:
        session = polling()
        session.poll_opened()
        assert session.close(Reason.RECONNECT) == [AnswerPoll(PollAnswer.CLOSE), Ended(Reason.RECONNECT)]

    def test_packets_queued_between_two_gets_are_kept_after_a_close(self) -> None:
        session = polling()
        session.enqueue(HELLO)
        assert session.close(Reason.RECONNECT) == [KeepPayload(b"4hello\x1e1"), Ended(Reason.RECONNECT)]

    @pytest.mark.parametrize("reason", [Reason.PARSE_ERROR, Reason.TOO_LARGE, Reason.TRANSPORT_ERROR])
    def test_packets_queued_before_a_violation_are_kept_for_a_polling_client(self, reason: str) -> None:
        """The Engine.IO reference server does the same: it closes when the client has fetched the queue."""
        session = polling()
        session.enqueue(HELLO)
        assert session.close(reason) == [KeepPayload(b"4hello\x1e1"), Ended(reason)]
        assert polling().close(reason) == [Ended(reason)]

    @pytest.mark.parametrize("reason", [Reason.SLOW_CLIENT, Reason.PING_TIMEOUT])
    def test_no_packets_are_kept_for_a_client_that_does_not_fetch_them(self, reason: str) -> None:
        session = polling()
        session.enqueue(HELLO)
        assert session.close(reason) == [Ended(reason)]

    def test_a_lost_websocket_ends_the_session(self) -> None:
        assert websocket().connection_lost() == [Ended(Reason.TRANSPORT_CLOSE)]

    @pytest.mark.parametrize(
        ("code", "reason"), [(1002, Reason.TRANSPORT_ERROR), (1007, Reason.TRANSPORT_ERROR), (1009, Reason.TOO_LARGE)]
    )
    def test_a_websocket_that_breaks_the_protocol_is_closed_with_its_error_code(self, code: int, reason: str) -> None:
        assert websocket().connection_failed(code) == [CloseConnection(code, b""), Ended(reason)]

    def test_events_after_the_end_have_no_effect(self) -> None:
        session = websocket()
        session.close(Reason.SERVER_DISCONNECT)
        assert session.close(Reason.RECONNECT) == []
        assert session.connection_lost() == []
        assert session.connection_failed(1002) == []
        assert session.enqueue(HELLO) == []
        assert session.tick(1000) == []
        assert session.probe_received("2probe") == []
        assert session.poll_lost() == []
        assert session.due == float("inf")
        assert session.end_reason == Reason.SERVER_DISCONNECT
