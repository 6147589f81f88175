"""Publish messages into rooms."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Sequence
from typing import Any, Final, Literal

from redis.asyncio import RedisCluster

from roomcast.contract import keys
from roomcast.contract.app_data import check_data
from roomcast.contract.backend.redis_link import check_ids, translated
from roomcast.contract.backend.uploads import Uploads
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import CLIENT_ID
from roomcast.contract.inbox import mention_refusal, read_lines, summary_keys
from roomcast.contract.limits import MAX_MENTIONS, MAX_MESSAGE_BYTES, MAX_SEQ
from roomcast.contract.log_scripts import PublishReceipt, Rewrite, dedup_field, place_of, read_receipt
from roomcast.contract.texts import clean_name, is_blank

_CLIENT_ID: Final = re.compile(CLIENT_ID)


class Messages(Uploads):
    """The method of `Backend` that publishes messages."""

    async def publish(
        self,
        room: str,
        user: str,
        text: str | None = None,
        *,
        data: dict[str, Any] | None = None,
        upload: str | None = None,
        reply_to: int | None = None,
        name: str | None = None,
        kind: Literal["system", "text"] = "system",
        id: str | None = None,  # noqa: A002 (the protocol's name)
        mentions: Sequence[str] = (),
    ) -> PublishReceipt:
        """Publish a message with a text, data or both into a room, in the name of `user`. Return its receipt.

        `data`: a JSON object of the application, see `roomcast.contract.app_data`. `kind` "text": as if the user had
        written the message. Without a text, the kind is then `data`, as for messages of clients.

        `name`: shown beside the message; by default the name in the user's profile, else the id.

        `upload`: a verified upload of `user` into this room, see `complete_upload`. With it, the message's kind is
        `media`, and a text is optional. `reply_to`: the `seq` of another message.

        `id`: at most 64 printable ASCII characters. For at least an hour, a call with the same id publishes nothing and
        returns the first receipt with `duplicate` set. Without `id`, a repeated call publishes a second message.
        `mentions`: at most 20 users. Raise FORBIDDEN when one of these users does not read the room.
        """
        check_ids(room, user)
        if upload is None or text is not None or data is not None:
            check_content(text, data)
        if reply_to is not None and not 1 <= reply_to <= MAX_SEQ:
            raise RoomcastError(Code.BAD_REQUEST, f"a seq is a number from 1 to {MAX_SEQ}")
        message_id = str(uuid.uuid4()) if id is None else id
        check_message_id(message_id)
        media = None if upload is None else await self._media_of(upload, user, room)
        message: dict[str, Any] = {"id": message_id, "user": user, "name": await self._name_of(user, name)}
        message["kind"] = "media" if media else "data" if kind == "text" and text is None else kind
        if mentions:  # room_append.lua expects the mentions directly after the kind
            message["mentions"] = await self._require_readers(room, mentions)
        message |= {
            key: value
            for key, value in (("text", text), ("media", media), ("data", data), ("reply_to", reply_to))
            if value is not None
        }
        return await self._append(room, message, is_system=message["kind"] == "system")

    async def _name_of(self, user: str, name: str | None) -> str:
        """Return the name to show: `name` if given, else the name in the user's profile, else the user id."""
        if given := clean_name(name or ""):
            return given
        with translated(Code.UNAVAILABLE):  # nothing is published yet
            stored = await self._redis.execute_command("HGET", self._keyspace.name(keys.user_person(user)), "name")
        return stored.decode() if stored else user

    async def _require_readers(self, room: str, users: Sequence[str]) -> list[str]:
        """Return each user once. Raise FORBIDDEN when one of the users does not read the room."""
        unique = list(dict.fromkeys(users))
        if len(unique) > MAX_MENTIONS:
            raise RoomcastError(Code.TOO_LARGE, f"a message mentions at most {MAX_MENTIONS} users")
        for user in unique:
            check_ids(None, user)
        reply = await self._script("room_summary", summary_keys(room), ("", *unique), is_read_only=True)
        strangers = []
        for line in read_lines(room, unique, reply):
            if not line.reads_room(is_listed=False):
                is_listed = bool(await self._call("HEXISTS", keys.user_rooms(line.user), room))
                strangers += [] if line.reads_room(is_listed=is_listed) else [line.user]
        if strangers:
            raise mention_refusal(room, strangers)
        return unique

    async def _append(
        self, room: str, message: dict[str, Any], rewrites: Sequence[Rewrite] = (), *, is_system: bool
    ) -> PublishReceipt:
        """Append a message with these fields. Raise StaleRewriteError if an entry to rewrite has changed.

        `is_system`: see `dedup_field`.
        """
        tail = json.dumps(message, ensure_ascii=False, separators=(",", ":"))[1:].encode()
        place = place_of(room)
        run_id = await self._run_id(place.names[0])
        dedup = dedup_field(message["user"], message["id"], is_system=is_system)
        args = self._form.arguments(place, dedup, secrets.token_hex(8), run_id, tail, rewrites)
        return read_receipt(await self._script("room_append", place.names, args))

    async def _run_id(self, key: str) -> str:
        """Return the run id of the server of `key`. Each call reads it again, because a failover changes it."""
        with translated(Code.UNAVAILABLE):
            if isinstance(self._redis, RedisCluster):
                await self._redis.initialize()
                node = self._redis.get_node_from_key(self._keyspace.name(key))
                info: dict[str, Any] = await self._redis.info("server", target_nodes=node)
            else:
                info = await self._redis.info("server")
        return str(info["run_id"])


def check_message_id(message_id: str) -> None:
    """Raise BAD_REQUEST for a malformed message id."""
    if not _CLIENT_ID.fullmatch(message_id):
        raise RoomcastError(Code.BAD_REQUEST, "an id has 1 to 64 printable ASCII characters")


def check_content(text: str | None, data: dict[str, Any] | None) -> None:
    """Raise BAD_REQUEST or TOO_LARGE for a text or data that is not allowed. Raise BAD_REQUEST if both are None."""
    if text is None and data is None:
        raise RoomcastError(Code.BAD_REQUEST, "text or data is needed")
    if text is not None:
        _check_text(text)
    if data is not None:
        check_data(data)


def _check_text(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise RoomcastError(Code.BAD_REQUEST, "the text is not valid Unicode") from None
    if not 1 <= size <= MAX_MESSAGE_BYTES:
        raise RoomcastError(Code.TOO_LARGE, f"a text must have 1 to {MAX_MESSAGE_BYTES} bytes")
    if is_blank(text):
        raise RoomcastError(Code.BAD_REQUEST, "the text has no visible character")
