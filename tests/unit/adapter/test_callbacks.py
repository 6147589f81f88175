"""Callbacks that wait for acks."""

from roomcast.adapter.callbacks import RemoteCallbacks, expect_ack, run, take_ack
from roomcast.adapter.local_members import Client


def test_take_ack_returns_the_callback_of_each_ack_id_once() -> None:
    client = Client("s", "e", None)
    assert [expect_ack(client, print), expect_ack(client, len), expect_ack(client, None)] == [1, 2, None]
    assert take_ack(client, 2) is len
    assert take_ack(client, 2) is None
    assert take_ack(client, 1) is print


def test_an_unexpected_ack_has_no_callback() -> None:
    assert take_ack(Client("s", "e", None), 1) is None


def test_above_the_limit_the_oldest_callback_is_dropped() -> None:
    remote = RemoteCallbacks(limit=2)
    first, second, third = (remote.add(callback) for callback in (min, max, sum))
    assert len(remote) == 2
    assert remote.take(first) is None
    assert (remote.take(second), remote.take(third)) == (max, sum)


def test_an_event_without_a_callback_is_not_registered() -> None:
    remote = RemoteCallbacks()
    assert remote.add(None) == 0
    assert len(remote) == 0


async def test_plain_and_asynchronous_callbacks_run() -> None:
    got: list[int] = []

    async def later(value: int) -> None:
        got.append(value)

    await run(got.append, [1])
    await run(later, [2])
    await run(None, [3])
    assert got == [1, 2]
