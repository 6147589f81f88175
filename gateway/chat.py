"""Messages: send, edit, delete, react, read back. Each is one entry of a room's log, in one order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, ClassVar, Final, Protocol

import orjson
from msgspec import Meta, Struct

from contract.errors import Code, RoomcastError
from contract.events import Media, MessageDelete, MessageEdit, MessageHistory, MessageReact, MessageSend, Seq, Text
from contract.ids import DIRECT
from gateway import amend
from gateway.adapter.link import OnReply
from gateway.session import Session
from gateway.stores.log import LogStore, Receipt, Rewrite, StaleRewriteError

_MAX_TRIES: Final = 5
Answer = dict[str, Any]


class Doorkeeper(Protocol):
    """Who may be in a room."""

    async def require(self, session: Session, room: str) -> None:
        """Raises FORBIDDEN for a room that the session may not enter, whether it exists or not."""
        ...

    async def is_moderator(self, session: Session, room: str) -> bool: ...

    async def address(self, session: Session, room: str) -> None:
        """Before the first message of a session into a direct room: the other person learns of the room."""
        ...


class PlainSend(Struct, forbid_unknown_fields=True):
    """`contract.events.MessageSend` without an upload: nothing is accepted here that it would refuse.

    `room` is checked by its being joined, `id` by `has_valid_id`: both patterns together cost as much as all the rest.
    """

    room: str
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    text: Text
    reply_to: Seq | None = None
    upload: ClassVar[None] = None

    def has_valid_id(self) -> bool:
        """Printable ASCII without spaces, as `contract.events.ClientId` wants it."""
        text = self.id
        return text.isascii() and text.isprintable() and " " not in text


MediaOf = Callable[[str, str, str], Awaitable[Media]]
"""`(upload, user, room)` -> what a message says about a verified upload; raises RoomcastError."""


class Chat:
    """The use cases behind `message:*`. Answers are what the ack adds to `ok`."""

    def __init__(self, log: LogStore, door: Doorkeeper, media_of: MediaOf, *, max_message_bytes: int) -> None:
        self._log = log
        self._door = door
        self._media_of = media_of
        self._max_bytes = max_message_bytes

    async def send(self, session: Session, p: MessageSend) -> Answer:
        """Without an upload, and in a joined room, the message is queued before this first awaits: order is kept."""
        if p.text is None and p.upload is None:
            raise RoomcastError(Code.BAD_REQUEST, "text or upload is needed")
        self._check_size(p.text)
        if self.is_plain(session, p):
            receipt = await self._log.append(p.room, session.user, p.id, _tail(session, p, None))
        else:
            receipt = await (await self._send_in_turn(session, p))
        return _receipt(receipt)

    def is_plain(self, session: Session, p: MessageSend | PlainSend) -> bool:
        """A text into a joined room, with no earlier send waiting: nothing to look up."""
        text = p.text
        if p.upload is not None or text is None or session.sending is not None or p.room not in session.rooms:
            return False
        if p.room.startswith(DIRECT) and p.room not in session.addressed:
            return False
        return len(text) * 4 <= self._max_bytes or len(text.encode()) <= self._max_bytes

    def send_plain(self, session: Session, p: PlainSend, on_reply: OnReply) -> bool:
        """Queue a plain message; `on_reply` gets the script's reply. False: only `send` can do it. Raises LinkDown."""
        identity = session.identity
        message: Answer = {"id": p.id, "user": identity.user, "name": identity.name, "kind": "text", "text": p.text}
        if p.reply_to is not None:
            message["reply_to"] = p.reply_to
        return self._log.send(p.room, identity.user, p.id, orjson.dumps(message)[1:], on_reply)

    async def _send_in_turn(self, session: Session, p: MessageSend) -> Awaitable[Receipt]:
        """Look up what the message needs first, while later sends of this client wait for their turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before, session.sending = session.sending, turn
        try:
            if before is not None:
                await before
            await self._door.require(session, p.room)
            await self._door.address(session, p.room)
            media = await self._media_of(p.upload, session.user, p.room) if p.upload else None
            return self._log.append(p.room, session.user, p.id, _tail(session, p, media))
        finally:
            turn.set_result(None)
            if session.sending is turn:
                session.sending = None

    async def edit(self, session: Session, p: MessageEdit) -> Answer:
        self._check_size(p.text)
        await self._door.require(session, p.room)

        async def rewrites() -> list[Rewrite]:
            entry, message = await self._target(p.room, p.target)
            if message["user"] != session.user:
                raise RoomcastError(Code.FORBIDDEN, "only the author edits")
            return [amend.edited(entry, message, p.text), *await self._earlier_edit(p.room, message)]

        tail = _fields(session, p.id, "edit", target=p.target, text=p.text)
        return _receipt(await self._amend(session, p.room, p.id, tail, rewrites))

    async def delete(self, session: Session, p: MessageDelete) -> Answer:
        await self._door.require(session, p.room)

        async def rewrites() -> list[Rewrite]:
            entry, message = await self._target(p.room, p.target)
            if message["user"] != session.user and not await self._door.is_moderator(session, p.room):
                raise RoomcastError(Code.FORBIDDEN, "only the author, an admin or the owner deletes")
            return [amend.deleted(entry, message), *await self._earlier_edit(p.room, message)]

        tail = _fields(session, p.id, "delete", target=p.target)
        return _receipt(await self._amend(session, p.room, p.id, tail, rewrites))

    async def react(self, session: Session, p: MessageReact) -> Answer:
        await self._door.require(session, p.room)

        async def rewrites() -> list[Rewrite]:
            await self._target(p.room, p.target)
            return []

        tail = _fields(session, p.id, "reaction", target=p.target, emoji=p.emoji, on=p.on)
        return _receipt(await self._amend(session, p.room, p.id, tail, rewrites))

    async def history(self, session: Session, p: MessageHistory) -> Answer:
        await self._door.require(session, p.room)
        page = await self._log.before(p.room, p.before or 0, p.limit)
        lowest = min(page.seq, (p.before or page.seq + 1) - 1) - len(page.entries) + 1
        messages = [orjson.Fragment(entry) for entry in page.entries]
        more = bool(page.entries) and lowest > page.first
        return {"room": p.room, "epoch": page.epoch, "seq": page.seq, "messages": messages, "more": more}

    async def _amend(
        self,
        session: Session,
        room: str,
        message_id: str,
        tail: bytes,
        rewrites: Callable[[], Awaitable[list[Rewrite]]],
    ) -> Receipt:
        """Append with rewrites, reading the target again when somebody amended it at the same time."""
        for _ in range(_MAX_TRIES):
            try:
                return await self._log.append(room, session.user, message_id, tail, await rewrites())
            except StaleRewriteError:
                continue
            except RoomcastError as error:
                if error.code is not Code.NOT_FOUND or not (
                    known := await self._log.known(room, session.user, message_id)
                ):
                    raise
                return known  # a resend of what took effect: its target was deleted by it, or since
        raise RoomcastError(Code.CONFLICT, "the message is being changed by others")

    async def _target(self, room: str, seq: int) -> tuple[bytes, dict[str, Any]]:
        entry = await self._log.entry(room, seq)
        return entry or b"", amend.load_target(entry)

    async def _earlier_edit(self, room: str, message: dict[str, Any]) -> list[Rewrite]:
        seq = message.get("edited")
        entry = await self._log.entry(room, seq) if seq else None
        return [amend.superseded(entry)] if entry else []

    def _check_size(self, text: str | None) -> None:
        if text is not None and len(text) * 4 > self._max_bytes and len(text.encode()) > self._max_bytes:
            raise RoomcastError(Code.TOO_LARGE, f"a text holds at most {self._max_bytes} bytes")


def _tail(session: Session, p: MessageSend, media: Media | None) -> bytes:
    return _fields(session, p.id, "text" if media is None else "media", text=p.text, media=media, reply_to=p.reply_to)


def _fields(session: Session, message_id: str, kind: str, **fields: Any) -> bytes:
    """The JSON of a message after `room, seq, epoch, time`, without the opening brace."""
    message: dict[str, Any] = {"id": message_id, "user": session.user, "name": session.identity.name, "kind": kind}
    message.update((key, value) for key, value in fields.items() if value is not None)
    return orjson.dumps(message)[1:]


def _receipt(receipt: Receipt) -> Answer:
    return receipt._asdict()
