"""One Redis connection: cuts, timeouts, many replies at once, and a backlog of messages."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial

import pytest
import redis
import uvloop

from roomcast.adapter.redis.command_pipeline import SLICE_REPLIES
from roomcast.adapter.redis.connection import ConnectionLost, RedisConnection, RedisConnectionError, open_connection
from roomcast.wire.redis_url import parse
from tests.waiting import until


def test_a_cut_connection_fails_its_calls_without_a_traceback(
    redis_url: str, redis_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        uvloop.run(_call_through_a_cut(redis_url, redis_port))
    assert caplog.text == ""


async def _call_through_a_cut(url: str, port: int) -> None:
    for _ in range(5):
        link = await open_connection(parse(url), name="test-link")
        replies = []
        with redis.Redis(port=port) as admin:
            own = next(row["id"] for row in admin.client_list() if row["name"] == "test-link")
            admin.client_kill_filter(_id=own)
        try:
            for _ in range(200):
                replies.append(link.call("PING"))
                await asyncio.sleep(0)
        except RedisConnectionError:
            pass
        done = await asyncio.gather(*replies, return_exceptions=True)
        assert all(isinstance(reply, RedisConnectionError) or reply == b"PONG" for reply in done)
        assert not link.is_open


async def test_a_call_times_out_also_after_an_idle_period(redis_url: str) -> None:
    """The timer runs only while a call is pending, so the next call must start it again."""
    link = await open_connection(parse(redis_url), timeout_seconds=0.2, name="test-link")
    await link.call("PING")
    await asyncio.sleep(0.5)
    assert link.is_open
    with pytest.raises(ConnectionLost):
        await link.call("BLPOP", "nothing comes", 2)
    assert not link.is_open


async def test_the_time_of_a_stalled_event_loop_does_not_count_as_waiting_for_redis(redis_url: str) -> None:
    """The loop stalls before it has sent the command, as when the process or the whole machine is suspended."""
    link = await open_connection(parse(redis_url), timeout_seconds=0.2, name="test-link")
    reply = link.call("PING")
    time.sleep(0.5)
    assert await reply == b"PONG"
    assert link.is_open
    link.close()


async def test_calls_time_out_although_redis_replies_if_it_falls_behind() -> None:
    """Redis replies to ten calls per timeout, and has a thousand to reply to: the last caller would wait for 20 s."""
    server = await asyncio.start_server(_reply_slowly, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    make = partial(RedisConnection, timeout_seconds=0.2)
    _, link = await asyncio.get_running_loop().create_connection(make, host, port)
    replies = [link.call("PING") for _ in range(1_000)]
    done = await asyncio.gather(*replies, return_exceptions=True)
    assert done[0] == b"PONG"
    assert isinstance(done[-1], ConnectionLost)
    assert not link.is_open
    server.close()
    await server.wait_closed()


async def _reply_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        for _ in range(1_000):
            writer.write(b"+PONG\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
    writer.close()


async def test_many_replies_in_one_read_are_handled_in_slices_and_in_order(redis_url: str) -> None:
    """Each reply wakes its caller in the next turn of the loop. Ten thousand replies at once would stall the loop."""
    link = await open_connection(parse(redis_url), name="test-link", timeout_seconds=60)
    came: list[bytes] = []
    per_turn: list[int] = []
    for number in range(2_000):
        link.call("ECHO", number).add_done_callback(lambda reply: came.append(reply.result()))
    while len(came) < 2_000:
        before = len(came)
        await asyncio.sleep(0)
        per_turn.append(len(came) - before)
    assert came == [b"%d" % number for number in range(2_000)]
    assert max(per_turn) <= 2 * SLICE_REPLIES  # a turn may handle the end of one read and the start of the next
    link.close()


@pytest.mark.parametrize("is_cut", [False, True])
async def test_a_backlog_of_messages_is_handled_in_slices(redis_url: str, redis_port: int, is_cut: bool) -> None:
    """Flood the connection with messages that take 1 ms each to deliver. With `is_cut`, cut it meanwhile."""
    came: list[int] = []

    def deliver(channel: bytes, data: bytes) -> None:
        came.append(len(data))
        time.sleep(0.001)

    link = await open_connection(parse(redis_url), on_push=deliver, name="test-backlog")
    await link.call("SSUBSCRIBE", "flood")
    with redis.Redis(port=redis_port) as other:
        own = next(row["id"] for row in other.client_list() if row["name"] == "test-backlog")
        pipe = other.pipeline(transaction=False)
        for _ in range(600):
            pipe.execute_command("SPUBLISH", "flood", "x" * 20_000)
        pipe.execute()
        if is_cut:
            await until(lambda: link.has_unread, "some messages are unread")
            other.client_kill_filter(_id=own)
    most = read = 0
    while not (link.lost.done() if is_cut else len(came) == 600):
        before = len(came)
        await asyncio.sleep(0)
        most, read = max(most, len(came) - before), max(read, link._unread_bytes)
    assert most < 100, "one turn of the loop handles one slice"
    assert 0 < len(came) <= 600
    assert read < 5_000_000, "the connection reads no further while many messages are unhandled"
    link.close()
