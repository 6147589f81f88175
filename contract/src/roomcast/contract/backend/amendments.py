"""Read a room's log (history), and amend its messages (edit, delete, react).

An amendment is a log entry with its own `seq` that edits or deletes a message, or adds a reaction. A call may be
repeated with the same `id`, also after the message was deleted. A back end is trusted: it may act as any user. Only an
edit checks the author of the message, so that no text appears under the name of another user.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec

from roomcast.contract import amendments as amend
from roomcast.contract import keys
from roomcast.contract.backend.messages import Messages, check_content, check_message_id
from roomcast.contract.backend.redis_link import check_ids
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_LIST, MAX_SEQ
from roomcast.contract.log_scripts import (
    PublishReceipt,
    Rewrite,
    StaleRewriteError,
    dedup_field,
    place_of,
    read_page,
)
from roomcast.contract.texts import canonical_emoji, is_blank

_MAX_TRIES: Final = 5
_MAX_EMOJI: Final = 16


class Amendment(NamedTuple):
    """An edit, deletion or reaction: its fields except `id`, `user` and `name`, and its rewrites of older entries."""

    fields: dict[str, Any]
    rewrites: list[Rewrite]
    is_system: bool = False
    """True if the target is a system message."""


Prepare = Callable[[], Awaitable[Amendment]]
"""Reads the target, and returns the amendment to append."""


class HistoryPage(NamedTuple):
    """One page of a room's log, oldest message first. Its `seq` numbers are valid within `epoch`.

    `seq`: the newest `seq` of the room; `first`: the lowest `seq` in the log; `more`: whether the log has more messages
    in the direction that was read.
    """

    room: str
    epoch: str
    seq: int
    first: int
    messages: list[dict[str, Any]]
    more: bool


class Amendments(Messages):
    """Read and amend messages in the name of users."""

    async def history(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> HistoryPage:
        """Return up to `limit` (1 to 100) messages: the last messages before `before`, or the first after `after`.

        If both are None, return the newest messages. A room that was never used has an empty page.
        """
        check_ids(room)
        if before is not None and after is not None:
            raise RoomcastError(Code.BAD_REQUEST, "give before or after, not both")
        if not 1 <= limit <= MAX_LIST:
            raise RoomcastError(Code.BAD_REQUEST, f"a page has 1 to {MAX_LIST} messages")
        at = _checked_seq(after if after is not None else before or 0)
        place = place_of(room)
        direction = "before" if after is None else "after"
        args = (direction, at, limit, secrets.token_hex(8), await self._run_id(place.names[0]), self._retention.idle_ms)
        page = read_page(await self._script("room_read", place.names[:2], args))
        messages = [msgspec.json.decode(entry, type=dict[str, Any]) for entry in page.entries if entry]
        return HistoryPage(room, page.epoch, page.seq, page.first, messages, _has_more(messages, page, after))

    async def edit(
        self,
        room: str,
        user: str,
        target: int,
        text: str | None = None,
        *,
        data: dict[str, Any] | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 (the protocol's name)
    ) -> PublishReceipt:
        """Replace the text of the message `target`, its data or both, in the name of its author `user`.

        Raise NOT_FOUND for a deleted or missing message, FORBIDDEN when another user wrote it, and CONFLICT when other
        amendments change the message at each of several tries.
        """
        check_content(text, data)

        async def prepare() -> Amendment:
            entry, message = await self._target(room, target, system=True)
            if message["user"] != user:
                raise RoomcastError(Code.FORBIDDEN, "only the author may edit a message")
            content = amend.edited_content(message, text, data)
            rewrites = [amend.edited(entry, message, content), *await self._earlier_edit(room, message)]
            return Amendment({"kind": "edit", "target": target, **content}, rewrites, _is_system(message))

        return await self._amend(room, user, target, name, id, prepare)

    async def delete(
        self,
        room: str,
        user: str,
        target: int,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> PublishReceipt:
        """Delete the message `target` of any author in the name of `user`. Raise NOT_FOUND or CONFLICT as `edit`."""

        async def prepare() -> Amendment:
            entry, message = await self._target(room, target, system=True)
            rewrites = [amend.deleted(entry, message), *await self._earlier_edit(room, message)]
            return Amendment({"kind": "delete", "target": target}, rewrites, _is_system(message))

        return await self._amend(room, user, target, name, id, prepare)

    async def react(
        self,
        room: str,
        user: str,
        target: int,
        emoji: str,
        *,
        on: bool = True,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> PublishReceipt:
        """Add a reaction of `user` to the message `target`, or remove it (`on` False). Raise NOT_FOUND as `edit`."""
        plain = canonical_emoji(emoji)
        if not 1 <= len(emoji) <= _MAX_EMOJI or is_blank(plain):
            raise RoomcastError(Code.BAD_REQUEST, f"an emoji has 1 to {_MAX_EMOJI} visible characters")

        async def prepare() -> Amendment:
            await self._target(room, target)
            return Amendment({"kind": "reaction", "target": target, "emoji": plain, "on": on}, [])

        return await self._amend(room, user, target, name, id, prepare)

    async def _amend(
        self, room: str, user: str, target: int, name: str | None, message_id: str | None, prepare: Prepare
    ) -> PublishReceipt:
        """Append the amendment with its rewrites. If an entry to rewrite has changed, prepare the amendment again."""
        check_ids(room, user)
        _checked_seq(target)
        made = str(uuid.uuid4()) if message_id is None else message_id
        check_message_id(made)
        author = {"id": made, "user": user, "name": await self._name_of(user, name)}
        for _ in range(_MAX_TRIES):
            try:
                fields, rewrites, is_system = await prepare()
                return await self._append(room, author | fields, rewrites, is_system=is_system)
            except StaleRewriteError:
                continue
            except RoomcastError as error:
                known = await self._find_receipt(room, user, made) if error.code is Code.NOT_FOUND else None
                if known is None:
                    raise
                return known  # a repeated call: the first call, or a later deletion, deleted the target
        raise RoomcastError(Code.CONFLICT, "other users are changing this message")

    async def _find_receipt(self, room: str, user: str, message_id: str) -> PublishReceipt | None:
        """Return the receipt of a message id, if the room still has it. The id may belong to any target."""
        fields = (dedup_field(user, message_id, is_system=True), dedup_field(user, message_id))
        for key in (keys.room_ids(room), keys.room_ids_old(room)):
            for value in filter(None, await self._call("HMGET", key, *fields)):
                seq, time, epoch = value.decode().split(" ")
                return PublishReceipt(int(seq), int(time), epoch, duplicate=True)
        return None

    async def _target(self, room: str, seq: int, *, system: bool = False) -> tuple[bytes, dict[str, Any]]:
        entry = await self._call("HGET", keys.room_log(room), seq)
        return entry or b"", amend.load_target(entry, system=system)

    async def _earlier_edit(self, room: str, message: dict[str, Any]) -> list[Rewrite]:
        seq = message.get("edited")
        entry = await self._call("HGET", keys.room_log(room), seq) if seq else None
        return [amend.superseded(entry)] if entry else []


def _is_system(message: dict[str, Any]) -> bool:
    return bool(message["kind"] == "system")


def _checked_seq(seq: int) -> int:
    if not 0 <= seq <= MAX_SEQ:
        raise RoomcastError(Code.BAD_REQUEST, f"a seq is a number up to {MAX_SEQ}")
    return seq


def _has_more(messages: list[dict[str, Any]], page: Any, after: int | None) -> bool:
    if not messages:
        return False
    if after is None:
        return bool(messages[0]["seq"] > page.first)
    return bool(messages[-1]["seq"] < page.seq)
