"""Send, edit, delete, react to and read messages. A send, edit, deletion or reaction adds one entry to a room's log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
import orjson

from roomcast.contract import amendments as amend
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.contract.events.messages import MessageDelete, MessageEdit, MessageHistory, MessageReact, MessageSend
from roomcast.contract.ids import DIRECT
from roomcast.contract.texts import canonical_emoji, is_blank
from roomcast.gateway.chat.message_content import check_content
from roomcast.gateway.chat.ports import AckFields
from roomcast.gateway.chat.send_turns import send_turn
from roomcast.gateway.chat.voice import Voice
from roomcast.gateway.operations.daily_bytes import ENTRY_BYTES, ROOM_BYTES, charge
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.room_log import History, PublishReceipt, Rewrite, StaleRewriteError

_MAX_TRIES: Final = 5
ROWS_PER_MENTION: Final = 5
"""Price of one mention in the event limit, in rows (see `EventLimit.charge`). For each mention, Redis needs half the
time of a plain message: the script searches the user's list of unread mentions twice."""
Written = TypeVar("Written", MessageSend, MessageEdit)
Found = TypeVar("Found")


class Amendment(NamedTuple):
    """An edit, deletion or reaction: its entry (`tail` as in `LogStore.append`), and its changes to older entries."""

    tail: bytes
    rewrites: list[Rewrite]


class MessageLog(Protocol):
    """The logs of rooms; see `roomcast.gateway.stores.room_log.LogStore`."""

    def append(
        self, room: str, user: str, message_id: str, tail: bytes, rewrites: Sequence[Rewrite] = ()
    ) -> Awaitable[PublishReceipt]:
        """Queue a message for the log now; the caller awaits the receipt."""
        ...

    async def read_before(self, room: str, seq: int, limit: int) -> History:
        """Return the newest entries below `seq`, or the newest of all if `seq` is 0."""
        ...

    async def read_entry(self, room: str, seq: int) -> bytes | None:
        """Return the JSON of one entry, or None if the entry is not in the log."""
        ...

    async def find_receipt(self, room: str, user: str, message_id: str) -> PublishReceipt | None:
        """Return the receipt of a published message, or None if the log does not remember its id."""
        ...


class MessageAccess(Protocol):
    """The right to read and write in a room; see `roomcast.gateway.chat.room_access.RoomAccess`."""

    async def require_entry(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN for a room that the session may not enter, whether the room exists or not."""
        ...

    async def require_entry_now(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN as `require_entry` does, but also check a joined room."""
        ...

    async def is_moderator(self, session: ChatSession, room: str) -> bool:
        """Return whether the session may delete other people's messages."""
        ...


class Review(Protocol):
    """Asks the application about messages; see `roomcast.gateway.publish_hook.hook.PublishHook`."""

    def covers(self, room: str) -> bool:
        """Return whether the hook reviews messages into this room."""
        ...

    async def review(self, message: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
        """Return the text and data with which to publish the message.

        Raise REFUSED if the hook refuses the message. Raise RATE_LIMITED or UNAVAILABLE if the hook gives no
        verdict, unless the settings then accept messages.
        """
        ...


MediaOf = Callable[[str, str, str], Awaitable[Media]]
"""`(upload, user, room)` -> the `media` field for a verified upload; raises the errors of `Uploads.read_verified`."""

CheckMentions = Callable[[str, Sequence[str]], Awaitable[list[str]]]
"""`(room, users)` -> the users without repetitions; raises FORBIDDEN if a user does not read the room."""

Address = Callable[[ChatSession, str], Awaitable[None]]
"""Called before the first message of a session into a direct room, to announce the room to the other person."""

OnPlainSend = Callable[[ChatSession, str], None]
"""Called after a send if the session's next sends into the room need no look-up: they may take the fast path."""


class Chat:
    """The use cases behind `message:*`. They return the fields that the ack has besides `ok`."""

    def __init__(
        self,
        log: MessageLog,
        access: MessageAccess,
        media_of: MediaOf,
        address: Address,
        on_plain_send: OnPlainSend,
        voice: Voice,
        check_mentions: CheckMentions,
        *,
        max_message_bytes: int,
        review: Review | None = None,
    ) -> None:
        self._review = review
        self._log = log
        self._access = access
        self._media_of = media_of
        self._address = address
        self._max_bytes = max_message_bytes
        self._on_plain_send = on_plain_send
        self._voice = voice
        self._check_mentions = check_mentions

    async def send_message(self, session: ChatSession, p: MessageSend) -> AckFields:
        """Answer `message:send`.

        A plain text into a joined room is queued before the first `await` of this method. So the sends of a client
        keep their order, although their acks are awaited concurrently.
        """
        if p.text is None and p.upload is None and p.data is None:
            raise RoomcastError(Code.BAD_REQUEST, "text, upload or data is needed")
        check_content(p.text, p.data, self._max_bytes)
        if self._is_plain(session, p):
            receipt = await self._append(session, p.room, p.id, _tail(session, p, None, None))
        else:
            receipt = await self._send_looked_up(session, p)
        if receipt.seq == 1:
            session.allowance.unreported += ROOM_BYTES
        if self._is_plain(session, p):  # also after a look-up that found no restriction
            self._on_plain_send(session, p.room)
        return _receipt(receipt)

    def _is_plain(self, session: ChatSession, p: MessageSend) -> bool:
        """Return whether the send needs no look-up, and no earlier send of the session into the room is waiting."""
        if p.upload is not None or p.mentions is not None or self._is_reviewed(p.room):
            return False
        if p.room in session.sending or p.room not in session.rooms:
            return False
        if not self._voice.is_unrestricted(session.user, p.room):
            return False
        return not p.room.startswith(DIRECT) or p.room in session.addressed

    def _is_reviewed(self, room: str) -> bool:
        return self._review is not None and self._review.covers(room)

    async def _send_looked_up(self, session: ChatSession, p: MessageSend) -> PublishReceipt:
        try:
            return await (await self._send_in_turn(session, p))
        except RoomcastError as error:
            known = await self._receipt_of_refused(session, p.room, p.id, error)
            if known is None:
                raise
            return known

    async def _send_in_turn(self, session: ChatSession, p: MessageSend) -> Awaitable[PublishReceipt]:
        """Do the look-ups of the message concurrently with earlier sends, but queue the message after these sends.

        A refused send also waits for the earlier sends into the room, so that no later send overtakes them.
        """
        with send_turn(session, p.room) as before:
            tail = await self._in_order(session, p.room, before, self._look_up(session, p))
            if before is not None or self._is_reviewed(p.room):
                await self._require_still(session, p.room)
            if not session.identity.ops:
                await self._voice.take_turn(session.user, p.room)
            await self._address(session, p.room)
            return self._append(session, p.room, p.id, tail)

    async def _in_order(
        self, session: ChatSession, room: str, before: asyncio.Future[None] | None, look_up: Awaitable[Found]
    ) -> Found:
        """Do the look-ups of a message, and wait for the earlier sends of the session into the room.

        If the publish hook has refused one of these for now, refuse this message, too: otherwise it would overtake that
        message, which the client sends again. Messages that were sent after that refusal are not refused.
        """
        begun, is_refused_for_now = time.monotonic(), False
        try:
            found = await look_up
        except RoomcastError as error:
            is_refused_for_now = error.code.retryable and self._is_reviewed(room)
            raise
        finally:
            if before is not None:
                await before
            if is_refused_for_now:
                session.refused_at[room] = time.monotonic()
        if begun < session.refused_at.get(room, 0.0):
            raise RoomcastError(Code.UNAVAILABLE, "an earlier message to the room was refused for now")
        return found

    async def _look_up(self, session: ChatSession, p: MessageSend) -> bytes:
        """Check the right to write, the mentions and the upload; return the JSON of the message to publish."""
        await self._require_voice(session, p.room)
        if p.mentions:
            session.limit.charge(rows=ROWS_PER_MENTION * len(p.mentions))
        mentions = await self._check_mentions(p.room, p.mentions) if p.mentions else None
        media = await self._media_of(p.upload, session.user, p.room) if p.upload else None
        more = {"media": media, "mentions": mentions, "reply_to": p.reply_to}
        return _tail(session, await self._reviewed(session, p, "send", **more), media, mentions)

    async def _reviewed(self, session: ChatSession, p: Written, action: str, **more: Any) -> Written:
        """Ask the publish hook, and return the message with the content to publish."""
        if self._review is None or not self._review.covers(p.room):
            return p
        author = {"user": session.user, "name": session.identity.name}
        message = {"event": action, "room": p.room, "id": p.id, **author, "text": p.text, "data": p.data, **more}
        text, data = await self._review.review(message)
        return msgspec.structs.replace(p, text=text, data=data)

    async def _receipt_of_refused(
        self, session: ChatSession, room: str, message_id: str, error: RoomcastError
    ) -> PublishReceipt | None:
        """Return the receipt of a refused message if a message with this id was published before; else None."""
        if error.code not in (Code.REFUSED, Code.UNAVAILABLE, Code.RATE_LIMITED) or not self._is_reviewed(room):
            return None
        return await self._log.find_receipt(room, session.user, message_id)

    def _append(self, session: ChatSession, room: str, message_id: str, tail: bytes) -> Awaitable[PublishReceipt]:
        """Queue a message for the log now, and count its bytes. Raise RATE_LIMITED if the daily allowance is spent."""
        charge(session.allowance, len(tail) + ENTRY_BYTES, time.monotonic())
        return self._log.append(room, session.user, message_id, tail)

    async def edit_message(self, session: ChatSession, p: MessageEdit) -> AckFields:
        """Answer `message:edit`: only the author may edit."""
        if p.text is None and p.data is None:
            raise RoomcastError(Code.BAD_REQUEST, "text or data is needed")
        check_content(p.text, p.data, self._max_bytes)
        await self._require_voice(session, p.room)
        if not self._is_reviewed(p.room):
            return _receipt(await self._append_edit(session, p))
        with send_turn(session, p.room) as before:
            try:
                review = self._reviewed(session, p, "edit", target=p.target)
                reviewed = await self._in_order(session, p.room, before, review)
            except RoomcastError as error:
                known = await self._receipt_of_refused(session, p.room, p.id, error)
                if known is None:
                    raise
                return _receipt(known)
            await self._require_still(session, p.room)
            return _receipt(await self._append_edit(session, reviewed))

    async def _append_edit(self, session: ChatSession, p: MessageEdit) -> PublishReceipt:
        async def amendment() -> Amendment:
            entry, message = await self._target(p.room, p.target)
            if message["user"] != session.user:
                raise RoomcastError(Code.FORBIDDEN, "only the author may edit a message")
            content = amend.edited_content(message, p.text, p.data)
            rewrites = [amend.edited(entry, message, content), *await self._earlier_edit(p.room, message)]
            tail = _fields(session, p.id, "edit", target=p.target, **content)
            charge(session.allowance, len(tail) + ENTRY_BYTES, time.monotonic())
            return Amendment(tail, rewrites)

        return await self._amend(session, p.room, p.id, amendment)

    async def delete_message(self, session: ChatSession, p: MessageDelete) -> AckFields:
        """Answer `message:delete`: the author and moderators may delete."""
        await self._access.require_entry(session, p.room)

        tail = _fields(session, p.id, "delete", target=p.target)

        async def amendment() -> Amendment:
            entry, message = await self._target(p.room, p.target)
            if message["user"] != session.user and not await self._access.is_moderator(session, p.room):
                raise RoomcastError(Code.FORBIDDEN, "only the author, an admin or the owner deletes")
            return Amendment(tail, [amend.deleted(entry, message), *await self._earlier_edit(p.room, message)])

        session.allowance.unreported += ENTRY_BYTES  # a deletion is never refused: it frees more bytes than it adds
        return _receipt(await self._amend(session, p.room, p.id, amendment))

    async def react_to_message(self, session: ChatSession, p: MessageReact) -> AckFields:
        """Answer `message:react`. All spellings of an emoji are stored in one canonical form."""
        emoji = canonical_emoji(p.emoji)
        if is_blank(emoji):
            raise RoomcastError(Code.BAD_REQUEST, "the emoji is blank")
        await self._require_voice(session, p.room)

        tail = _fields(session, p.id, "reaction", target=p.target, emoji=emoji, on=p.on)
        charge(session.allowance, len(tail) + ENTRY_BYTES, time.monotonic())

        async def amendment() -> Amendment:
            await self._target(p.room, p.target)
            return Amendment(tail, [])

        return _receipt(await self._amend(session, p.room, p.id, amendment))

    async def _require_voice(self, session: ChatSession, room: str) -> None:
        """Raise unless the session may enter the room and write there. Mutes do not apply to operators."""
        await self._access.require_entry(session, room)
        await self._require_unmuted(session, room)

    async def _require_still(self, session: ChatSession, room: str) -> None:
        """Check the right to write again: the user may have lost this right during a wait of up to several seconds."""
        if session.is_expelled:
            raise RoomcastError(Code.REVOKED)
        await self._access.require_entry_now(session, room)
        await self._require_unmuted(session, room)

    async def _require_unmuted(self, session: ChatSession, room: str) -> None:
        if not session.identity.ops:
            await self._voice.require_voice(session.user, room)

    async def read_history(self, session: ChatSession, p: MessageHistory) -> AckFields:
        """Answer `message:history`: a page of older messages, oldest first."""
        await self._access.require_entry(session, p.room)
        async with session.limit.reading():
            page = await self._log.read_before(p.room, p.before or 0, p.limit)
            session.limit.charge(size=page.size)
        lowest = min(page.seq, (p.before or page.seq + 1) - 1) - len(page.entries) + 1
        messages = [orjson.Fragment(entry) for entry in page.entries]
        more = bool(page.entries) and lowest > page.first
        return {"room": p.room, "epoch": page.epoch, "seq": page.seq, "messages": messages, "more": more}

    async def _amend(
        self,
        session: ChatSession,
        room: str,
        message_id: str,
        amendment: Callable[[], Awaitable[Amendment]],
    ) -> PublishReceipt:
        """Append an entry with rewrites; read the target again if another amendment changed the target first."""
        for _ in range(_MAX_TRIES):
            try:
                return await self._log.append(room, session.user, message_id, *await amendment())
            except StaleRewriteError:
                continue
            except RoomcastError as error:
                if error.code is not Code.NOT_FOUND or not (
                    known := await self._log.find_receipt(room, session.user, message_id)
                ):
                    raise
                return known  # this is a resend: its first send deleted the target, or the target was deleted later
        raise RoomcastError(Code.CONFLICT, "other users are changing this message")

    async def _target(self, room: str, seq: int) -> tuple[bytes, dict[str, Any]]:
        entry = await self._log.read_entry(room, seq)
        return entry or b"", amend.load_target(entry)

    async def _earlier_edit(self, room: str, message: dict[str, Any]) -> list[Rewrite]:
        seq = message.get("edited")
        entry = await self._log.read_entry(room, seq) if seq else None
        return [amend.superseded(entry)] if entry else []


def _tail(session: ChatSession, p: MessageSend, media: Media | None, mentions: list[str] | None) -> bytes:
    """Return the JSON of a new message. `mentions` directly follows `kind`, where `room_append.lua` searches for it."""
    kind = "media" if media is not None else "text" if p.text is not None else "data"
    shown = {"mentions": mentions, "text": p.text, "media": media, "data": p.data, "reply_to": p.reply_to}
    return _fields(session, p.id, kind, **shown)


def author_of(session: ChatSession) -> bytes:
    """Return the JSON between id and text in a session's plain messages (see `plain_sends`)."""
    return _fields(session, "", "text", text="").removeprefix(b'"id":""').removesuffix(b'""}')


def _fields(session: ChatSession, message_id: str, kind: str, **fields: Any) -> bytes:
    """Return the JSON of the message's fields that follow `room, seq, epoch, time`, without the opening brace."""
    message: dict[str, Any] = {"id": message_id, "user": session.user, "name": session.identity.name, "kind": kind}
    message.update((key, value) for key, value in fields.items() if value is not None)
    return orjson.dumps(message)[1:]


def _receipt(receipt: PublishReceipt) -> AckFields:
    return receipt._asdict()
