"""The rules of messages, with fakes for the log and for the access to rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.contract.events.messages import MessageDelete, MessageEdit, MessageHistory, MessageReact, MessageSend
from roomcast.gateway.chat.messages import Chat, Review
from roomcast.gateway.operations.daily_bytes import ROOM_BYTES
from roomcast.gateway.sign_in.session import ChatSession
from tests.unit.gateway.fakes import FakeAccess, FakeLog, FakeVoice, refusal, session_of

ROOM = "team"


class Rig:
    """A chat over fakes. `ada` is in the room, `bob` may enter it, `mod` moderates it, `eve` may not enter it."""

    def __init__(self, review: Review | None = None) -> None:
        self.log = FakeLog()
        self.access = FakeAccess(("ada", ROOM), ("bob", ROOM), ("mod", ROOM), moderators=["mod"])
        self.addressed: list[tuple[str, str]] = []
        self.plain: list[tuple[str, str]] = []
        self.voice = FakeVoice()
        self.chat = Chat(
            self.log,
            self.access,
            self._media,
            self._address,
            self._note_plain,
            self.voice,
            self._mentions,
            max_message_bytes=100,
            review=review,
        )
        self.ada = session_of("ada", ROOM)
        self.bob = session_of("bob")
        self.mod = session_of("mod")
        self.eve = session_of("eve")

    async def _media(self, upload: str, user: str, room: str) -> Media:
        await asyncio.sleep(0.01)
        if upload == "missing0":
            raise RoomcastError(Code.NOT_FOUND)
        return {"upload": upload, "type": "image/png"}

    async def _mentions(self, room: str, users: Sequence[str]) -> list[str]:
        await asyncio.sleep(0)
        if "eve" in users:
            raise RoomcastError(Code.FORBIDDEN)
        return list(dict.fromkeys(users))

    async def _address(self, session: ChatSession, room: str) -> None:
        self.addressed.append((session.user, room))

    def _note_plain(self, session: ChatSession, room: str) -> None:
        self.plain.append((session.user, room))

    async def send(self, session: ChatSession, text: str | None = "hi", message_id: str = "1", **more: Any) -> Any:
        return await self.chat.send_message(session, MessageSend(ROOM, message_id, text, **more))


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_text_into_a_joined_room_is_a_plain_send(rig: Rig) -> None:
    assert await rig.send(rig.ada, reply_to=7) == {"seq": 1, "time": 7, "epoch": "e1", "duplicate": False}

    entry = rig.log.read(1)
    assert (entry["kind"], entry["text"], entry["user"], entry["name"], entry["reply_to"]) == (
        "text",
        "hi",
        "ada",
        "Ada",
        7,
    )
    assert rig.plain == [("ada", ROOM)]
    assert rig.addressed == []


async def test_a_text_into_a_room_that_was_not_joined_needs_the_right_to_enter(rig: Rig) -> None:
    await rig.send(rig.bob)

    assert await refusal(rig.send(rig.eve)) is Code.FORBIDDEN
    assert (rig.plain, rig.addressed, rig.log.seq) == ([], [("bob", ROOM)], 1)


async def test_a_muted_user_cannot_send_edit_or_react(rig: Rig) -> None:
    await rig.send(rig.ada)
    target = rig.log.seq
    rig.voice.muted.add("ada")

    assert await refusal(rig.send(rig.ada)) is Code.MUTED
    assert await refusal(rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e", target, "x"))) is Code.MUTED
    assert (
        await refusal(rig.chat.react_to_message(rig.ada, MessageReact(ROOM, "r", target, "x", on=True))) is Code.MUTED
    )


async def test_a_message_of_a_restricted_user_takes_a_slow_mode_turn_and_is_no_plain_send(rig: Rig) -> None:
    rig.voice.restricted.add("ada")
    await rig.send(rig.ada)
    assert (rig.voice.turns, rig.plain) == (["ada"], [])


async def test_a_look_up_that_finds_no_sanction_opens_the_fast_path(rig: Rig) -> None:
    rig.voice.restricted.add("ada")  # the gateway has not read the sanctions of `ada` yet
    rig.log.before_append = rig.voice.restricted.clear
    await rig.send(rig.ada)

    assert (rig.voice.turns, rig.plain) == (["ada"], [("ada", ROOM)])


async def test_a_user_whose_daily_allowance_is_spent_cannot_write_but_can_delete(rig: Rig) -> None:
    await rig.send(rig.ada)
    assert rig.ada.allowance.unreported > ROOM_BYTES, "the first message of a room also counts the bytes of the room"
    rig.ada.allowance.is_spent = True

    assert await refusal(rig.send(rig.ada)) is Code.RATE_LIMITED
    assert await refusal(rig.send(rig.ada, upload="picture0")) is Code.RATE_LIMITED
    assert await refusal(rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e", 1, "x"))) is Code.RATE_LIMITED
    reaction = MessageReact(ROOM, "r", 1, "x", on=True)
    assert await refusal(rig.chat.react_to_message(rig.ada, reaction)) is Code.RATE_LIMITED
    assert rig.log.seq == 1
    assert (await rig.chat.delete_message(rig.ada, MessageDelete(ROOM, "d", 1)))["seq"] == 2


async def test_sends_keep_their_order_after_a_send_with_a_look_up(rig: Rig) -> None:
    sends = [
        rig.send(rig.ada, "one", "1", upload="upload01"),
        rig.send(rig.ada, "two", "2"),
        rig.send(rig.ada, "three", "3", upload="upload02"),
        rig.send(rig.ada, "four", "4"),
    ]
    await asyncio.gather(*sends)
    await rig.send(rig.ada, "five", "5")

    assert rig.log.queued == ["1", "2", "3", "4", "5"]
    assert rig.log.read(1)["media"] == {"upload": "upload01", "type": "image/png"}
    assert rig.log.read(1)["kind"] == "media"


async def test_no_plain_text_overtakes_a_send_with_a_look_up(rig: Rig) -> None:
    """The fast path is closed until the send with the look-up is done. The next plain text opens it again."""
    rig.ada.tickets = {ROOM.encode(): object(), b"other": object()}  # type: ignore[dict-item]
    waiting = [rig.send(rig.ada, "one", "1", upload="upload01"), rig.send(rig.ada, "two", "2")]
    await asyncio.gather(*waiting)

    assert (rig.log.queued, list(rig.ada.tickets)) == (["1", "2"], [b"other"])
    rig.plain.clear()
    await rig.send(rig.ada, "three", "3")
    assert rig.plain == [("ada", ROOM)]


async def test_sends_to_other_rooms_do_not_wait_for_a_look_up(rig: Rig) -> None:
    rig.ada.rooms.add("other")
    waiting = asyncio.gather(rig.send(rig.ada, "one", "1", upload="upload01"))
    await asyncio.sleep(0)
    await rig.chat.send_message(rig.ada, MessageSend("other", "2", "two"))
    await waiting
    assert rig.log.queued == ["2", "1"]


async def test_a_waiting_send_is_refused_if_its_user_is_banned_meanwhile(rig: Rig) -> None:
    """The ban applies at once, although the gateway has not yet removed `ada` from the room."""
    waiting = [asyncio.create_task(rig.send(rig.ada, "one", "1", upload="upload01"))]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(rig.send(rig.ada, "two", "2")))
    await asyncio.sleep(0)
    rig.access.open_to.discard(("ada", ROOM))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert ROOM in rig.ada.rooms
    assert isinstance(outcomes[1], RoomcastError)
    assert outcomes[1].code is Code.FORBIDDEN
    assert "2" not in rig.log.queued


async def test_a_send_whose_look_up_fails_does_not_block_later_sends(rig: Rig) -> None:
    outcomes = await asyncio.gather(
        rig.send(rig.ada, None, "1", upload="missing0"), rig.send(rig.ada, "two", "2"), return_exceptions=True
    )

    assert isinstance(outcomes[0], RoomcastError)
    assert rig.log.queued == ["2"]
    assert rig.ada.sending == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, Code.BAD_REQUEST), ("x" * 101, Code.TOO_LARGE), ("é" * 51, Code.TOO_LARGE), ("\u200b ", Code.BAD_REQUEST)],
)
async def test_missing_blank_and_too_large_texts_are_refused(rig: Rig, text: str | None, code: Code) -> None:
    assert await refusal(rig.send(rig.ada, text)) is code
    if text is not None:
        assert await refusal(rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e", 1, text))) is code
    assert rig.log.queued == []


async def test_a_message_may_have_data_with_a_text_with_an_upload_or_alone(rig: Rig) -> None:
    await rig.send(rig.ada, "a poll", data={"poll": [1, 2]})
    await rig.send(rig.ada, None, "2", data={"poll": []})
    await rig.send(rig.ada, None, "3", upload="upload01", data={})

    entries = [rig.log.read(seq) for seq in (1, 2, 3)]
    assert [entry["kind"] for entry in entries] == ["text", "data", "media"]
    assert [entry["data"] for entry in entries] == [{"poll": [1, 2]}, {"poll": []}, {}]
    assert "text" not in entries[1]


async def test_data_above_its_limits_is_refused(rig: Rig) -> None:
    deep: dict[str, Any] = {}
    for _ in range(8):
        deep = {"in": deep}
    for data in ({"a": "x" * 4_096}, deep):
        assert await refusal(rig.send(rig.ada, "hi", data=data)) is Code.TOO_LARGE
        edit = MessageEdit(ROOM, "e", 1, data=data)
        assert await refusal(rig.chat.edit_message(rig.ada, edit)) is Code.TOO_LARGE
    assert rig.log.queued == []


async def test_an_edit_of_the_text_keeps_the_data_and_an_edit_of_the_data_keeps_the_text(rig: Rig) -> None:
    await rig.send(rig.ada, "old", data={"state": "open"})
    await rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e1", 1, "new"))
    await rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e2", 1, data={"state": "closed"}))

    original, first, second = (rig.log.read(seq) for seq in (1, 2, 3))
    assert (original["text"], original["data"], original["edited"]) == ("new", {"state": "closed"}, 3)
    assert ("text" in first, "data" in first, first["superseded"]) == (False, False, True)
    assert (second["text"], second["data"]) == ("new", {"state": "closed"})
    assert await refusal(rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e3", 1))) is Code.BAD_REQUEST


async def test_only_the_author_edits_a_message_and_its_old_text_is_removed_from_the_log(rig: Rig) -> None:
    await rig.send(rig.ada, "old")
    await rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e1", 1, "new"))
    await rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e2", 1, "newest"))

    for other in (rig.bob, rig.mod, rig.eve):
        assert await refusal(rig.chat.edit_message(other, MessageEdit(ROOM, "e3", 1, "mine"))) is Code.FORBIDDEN
    assert (rig.log.read(1)["text"], rig.log.read(1)["edited"]) == ("newest", 3)
    assert (rig.log.read(2).get("text"), rig.log.read(2)["superseded"]) == (None, True)
    assert "old" not in str(rig.log.entries)


async def test_the_author_and_moderators_delete_a_message(rig: Rig) -> None:
    for number in ("1", "2"):
        await rig.send(rig.ada, "secret", number)

    assert await refusal(rig.chat.delete_message(rig.bob, MessageDelete(ROOM, "d", 1))) is Code.FORBIDDEN
    await rig.chat.delete_message(rig.ada, MessageDelete(ROOM, "d", 1))
    await rig.chat.delete_message(rig.mod, MessageDelete(ROOM, "d", 2))
    assert "secret" not in str(rig.log.entries)
    assert (rig.log.read(1)["deleted"], rig.log.read(2)["deleted"]) == (3, 4)
    assert await refusal(rig.chat.delete_message(rig.ada, MessageDelete(ROOM, "again", 1))) is Code.NOT_FOUND


async def test_a_repeated_deletion_gets_the_receipt_of_the_first_deletion(rig: Rig) -> None:
    await rig.send(rig.ada)
    first = await rig.chat.delete_message(rig.ada, MessageDelete(ROOM, "d", 1))

    assert (await rig.chat.delete_message(rig.ada, MessageDelete(ROOM, "d", 1)))["seq"] == first["seq"]
    assert rig.log.seq == 2


@pytest.mark.parametrize("target", [1, 99])
async def test_a_system_message_or_a_missing_message_cannot_be_amended(rig: Rig, target: int) -> None:
    rig.log.put(kind="system", user="shop", text="paid")

    for work in (
        rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e", target, "x")),
        rig.chat.delete_message(rig.ada, MessageDelete(ROOM, "d", target)),
        rig.chat.react_to_message(rig.ada, MessageReact(ROOM, "r", target, "x", on=True)),
    ):
        assert await refusal(work) is Code.NOT_FOUND


async def test_an_amendment_is_tried_again_if_its_target_changes_meanwhile(rig: Rig) -> None:
    await rig.send(rig.ada, "old")
    texts = ["old", "first", "second"]

    def change() -> None:
        if len(texts) > 1:
            rig.log.entries[1] = rig.log.entries[1].replace(texts.pop(0).encode(), texts[0].encode())

    rig.log.before_append = change
    await rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e", 1, "new"))
    assert rig.log.queued == ["1", "e", "e", "e"]
    assert (rig.log.read(1)["text"], rig.log.seq) == ("new", 2)


async def test_an_amendment_whose_target_changes_at_every_try_is_a_conflict(rig: Rig) -> None:
    await rig.send(rig.ada, "0")
    count = 0

    def change() -> None:
        nonlocal count
        rig.log.entries[1] = rig.log.entries[1].replace(f'"{count}"'.encode(), f'"{count + 1}"'.encode())
        count += 1

    rig.log.before_append = change
    assert await refusal(rig.chat.edit_message(rig.ada, MessageEdit(ROOM, "e", 1, "new"))) is Code.CONFLICT
    assert count == 5


async def test_two_forms_of_one_emoji_are_stored_as_one_form(rig: Rig) -> None:
    await rig.send(rig.ada)
    for message_id, emoji in (("r1", "❤"), ("r2", "❤\ufe0f")):
        await rig.chat.react_to_message(rig.bob, MessageReact(ROOM, message_id, 1, emoji, on=True))

    assert [rig.log.read(seq)["emoji"] for seq in (2, 3)] == ["❤", "❤"]
    assert await refusal(rig.chat.react_to_message(rig.bob, MessageReact(ROOM, "r3", 1, "\ufe0f", on=True))) is (
        Code.BAD_REQUEST
    )


async def test_a_page_of_history_tells_whether_older_messages_exist(rig: Rig) -> None:
    for n in range(5):
        await rig.send(rig.ada, str(n), str(n))

    latest = await rig.chat.read_history(rig.ada, MessageHistory(ROOM, limit=3))
    oldest = await rig.chat.read_history(rig.ada, MessageHistory(ROOM, before=3, limit=3))
    assert (len(latest["messages"]), latest["more"], latest["seq"]) == (3, True, 5)
    assert (len(oldest["messages"]), oldest["more"]) == (2, False)
    assert await refusal(rig.chat.read_history(rig.eve, MessageHistory(ROOM))) is Code.FORBIDDEN


async def test_mentions_are_checked_and_written_directly_after_the_field_kind(rig: Rig) -> None:
    answer = await rig.chat.send_message(rig.ada, MessageSend(ROOM, "m1", text="look", mentions=["bob", "bob"]))
    entry = rig.log.entries[answer["seq"]]
    assert b'"kind": "text", "mentions": ["bob"], "text": "look"' in entry
    assert rig.plain == []
    refused = rig.chat.send_message(rig.ada, MessageSend(ROOM, "m2", text="look", mentions=["eve"]))
    assert await refusal(refused) is Code.FORBIDDEN


class Verdicts:
    """A publish hook whose verdicts the test gives: message id -> a future, which has the refusal or None."""

    def __init__(self) -> None:
        self.given: dict[str, asyncio.Future[Code | None]] = {}

    def covers(self, room: str) -> bool:
        return room == ROOM

    async def review(self, message: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
        verdict = self.given[message["id"]] = asyncio.get_running_loop().create_future()
        if (code := await verdict) is not None:
            raise RoomcastError(code)
        return message["text"], message["data"]


@pytest.mark.parametrize("code", [Code.RATE_LIMITED, Code.UNAVAILABLE, Code.REFUSED])
async def test_messages_do_not_overtake_a_message_that_the_hook_refused_for_now(code: Code) -> None:
    verdicts = Verdicts()
    rig = Rig(verdicts)
    async with asyncio.TaskGroup() as group:
        sends = [group.create_task(outcome(rig.send(rig.ada, message_id=str(number)))) for number in range(4)]
        while len(verdicts.given) < 4:
            await asyncio.sleep(0)
        for message_id, verdict in (("0", None), ("1", code), ("2", Code.REFUSED)):
            verdicts.given[message_id].set_result(verdict)
        await sends[1]
        later = group.create_task(outcome(rig.send(rig.ada, message_id="4")))
        while "4" not in verdicts.given:
            await asyncio.sleep(0)
        for message_id in ("3", "4"):
            verdicts.given[message_id].set_result(None)
    expected = None if code is Code.REFUSED else Code.UNAVAILABLE
    assert [task.result() for task in (*sends, later)] == [None, code, Code.REFUSED, expected, None]
    assert rig.ada.refused_at == {}


async def test_edits_keep_their_order_when_verdicts_take_different_times() -> None:
    verdicts = Verdicts()
    rig = Rig(verdicts)
    target = rig.log.put(user="ada", kind="text", text="draft", id="0")
    async with asyncio.TaskGroup() as group:
        for text in ("first", "second"):
            group.create_task(rig.chat.edit_message(rig.ada, MessageEdit(ROOM, text, target, text)))
        while len(verdicts.given) < 2:
            await asyncio.sleep(0)
        verdicts.given["second"].set_result(None)
        for _ in range(20):  # enough turns of the event loop to publish the second edit
            await asyncio.sleep(0)
        verdicts.given["first"].set_result(None)
    assert rig.log.queued == ["first", "second"]
    assert rig.log.read(target)["text"] == "second"


async def outcome(sending: Awaitable[Any]) -> Code | None:
    """Return the code with which a send is refused, or None."""
    try:
        await sending
    except RoomcastError as error:
        return error.code
    return None
