"""History, edits, deletions and reactions of a back end, under the back end's account on a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from roomcast.contract.backend import Backend, connect
from roomcast.contract.errors import Code, RoomcastError
from tests.redis_accounts import redis_with_accounts


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_with_accounts(tmp_path_factory.mktemp("backend-log")) as url_of:
        yield url_of("backend")


@pytest.fixture
async def backend(url: str) -> AsyncIterator[Backend]:
    async with connect(url) as client:
        yield client


async def fill(backend: Backend, room: str, count: int) -> None:
    for number in range(1, count + 1):
        await backend.publish(room, "ada", f"text {number}", kind="text", id=f"m{number}")


async def test_history_is_read_page_by_page_in_both_directions(backend: Backend) -> None:
    await fill(backend, "team:pages", 5)
    newest = await backend.history("team:pages", limit=2)
    assert [message["seq"] for message in newest.messages] == [4, 5]
    assert (newest.seq, newest.first, newest.more) == (5, 1, True)
    older = await backend.history("team:pages", before=4, limit=3)
    assert [message["text"] for message in older.messages] == ["text 1", "text 2", "text 3"]
    assert not older.more
    newer = await backend.history("team:pages", after=1, limit=2)
    assert ([message["seq"] for message in newer.messages], newer.more) == ([2, 3], True)
    last = await backend.history("team:pages", after=3, limit=2)
    assert ([message["seq"] for message in last.messages], last.more) == ([4, 5], False)
    assert {page.epoch for page in (newest, older, newer, last)} == {newest.epoch}


async def test_an_unused_room_has_an_empty_page(backend: Backend) -> None:
    page = await backend.history("team:unused")
    assert (page.messages, page.seq, page.more) == ([], 0, False)
    assert (await backend.history("team:unused", after=7)).messages == []


async def test_an_edit_replaces_the_text_of_the_message_and_removes_the_text_of_earlier_edits(backend: Backend) -> None:
    await fill(backend, "team:edits", 1)
    await backend.edit("team:edits", "ada", 1, "second", id="e1")
    receipt = await backend.edit("team:edits", "ada", 1, "third", id="e2")
    first, second, third = (await backend.history("team:edits")).messages
    assert (first["text"], first["edited"]) == ("third", receipt.seq)
    assert (second["superseded"], "text" in second) == (True, False)
    assert (third["kind"], third["target"], third["text"]) == ("edit", 1, "third")


async def test_only_the_author_may_edit(backend: Backend) -> None:
    await fill(backend, "team:authors", 1)
    with pytest.raises(RoomcastError) as caught:
        await backend.edit("team:authors", "bob", 1, "mine")
    assert caught.value.code is Code.FORBIDDEN


async def test_a_deletion_leaves_no_text_and_can_be_repeated(backend: Backend) -> None:
    await fill(backend, "team:gone", 1)
    first = await backend.delete("team:gone", "moderator", 1, id="d1")
    again = await backend.delete("team:gone", "moderator", 1, id="d1")
    assert (again.seq, again.duplicate) == (first.seq, True)
    tombstone = (await backend.history("team:gone")).messages[0]
    assert tombstone["deleted"] == first.seq
    assert "text" not in tombstone
    with pytest.raises(RoomcastError) as caught:
        await backend.react("team:gone", "bob", 1, "\U0001f44d")
    assert caught.value.code is Code.NOT_FOUND


async def test_a_back_end_edits_and_deletes_its_system_messages(backend: Backend) -> None:
    notice = await backend.publish("team:notices", "shop", "Order 1 is pait")
    edit = await backend.edit("team:notices", "shop", notice.seq, "Order 1 is paid")
    edited = (await backend.history("team:notices")).messages[0]
    assert (edited["kind"], edited["text"], edited["edited"]) == ("system", "Order 1 is paid", edit.seq)
    with pytest.raises(RoomcastError, match="only back ends edit and delete it") as caught:
        await backend.react("team:notices", "ada", notice.seq, "\U0001f44d")
    assert caught.value.code is Code.NOT_FOUND
    deletion = await backend.delete("team:notices", "shop", notice.seq)
    tombstone, emptied, _ = (await backend.history("team:notices")).messages
    assert (tombstone["deleted"], emptied["superseded"]) == (deletion.seq, True)
    assert "text" not in tombstone
    assert "text" not in emptied


async def test_a_user_cannot_use_up_the_id_of_a_system_message(backend: Backend) -> None:
    """Applications often derive the id of a system message (`order-17-paid`), so a user may guess the id."""
    room = "team:ids"
    await backend.publish(room, "ada", "mine", kind="text", id="paid")
    await backend.publish(room, "ada", "mine", kind="text", id="paid-2")
    paid = await backend.publish(room, "ada", "paid", id="paid")
    again = await backend.publish(room, "ada", "paid", id="paid")
    corrected = await backend.edit(room, "ada", paid.seq, "paid twice", id="paid-2")
    assert [(each.seq, each.duplicate) for each in (paid, again, corrected)] == [(3, False), (3, True), (4, False)]
    deleted = await backend.delete(room, "ada", paid.seq, id="paid-3")
    assert await backend.delete(room, "ada", paid.seq, id="paid-3") == deleted._replace(duplicate=True)


async def test_variants_of_an_emoji_are_one_reaction(backend: Backend) -> None:
    await fill(backend, "team:reactions", 1)
    await backend.react("team:reactions", "bob", 1, "\u2764\ufe0f", id="r1")
    await backend.react("team:reactions", "bob", 1, "\u2764", on=False, id="r2")
    _, given, taken = (await backend.history("team:reactions")).messages
    assert (given["emoji"], given["on"]) == ("\u2764", True)
    assert (taken["emoji"], taken["on"]) == ("\u2764", False)


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_page_limit_out_of_range_is_refused(backend: Backend, limit: int) -> None:
    with pytest.raises(RoomcastError) as caught:
        await backend.history("team:x", limit=limit)
    assert caught.value.code is Code.BAD_REQUEST


async def test_bad_arguments_are_refused(backend: Backend) -> None:
    calls = (
        backend.history("team:x", before=1, after=1),
        backend.history("team:x", before=-1),
        backend.edit("team:x", "ada", 2**53 + 1, "text"),
        backend.delete("team:x", "a b", 1),
        backend.delete("team:x", "ada", 1, id="a b"),
        backend.react("team:x", "ada", 1, "\u200b"),
        backend.react("team:x", "ada", 1, "x" * 17),
        backend.publish("dm:bob:ada", "ada", "nobody could enter this room"),
        backend.history("dm:ada"),
    )
    for call in calls:
        with pytest.raises(RoomcastError) as caught:
            await call
        assert caught.value.code is Code.BAD_REQUEST
