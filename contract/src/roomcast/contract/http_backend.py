"""`Backend` over HTTP: the same methods, which call the HTTP API instead of Redis. Install `roomcast-contract[http]`.

    async with http_backend.connect("https://chat.example.com/api", "rck_…") as backend:
        await backend.publish("public:lobby", "billing", "Invoice 17 is paid", name="Billing")

This client is for back ends without access to Redis. Each method needs a scope of the API key; without the scope it
raises FORBIDDEN. The errors are those of `roomcast.contract.backend`: UNAVAILABLE when nothing was done, and
OUTCOME_UNKNOWN when no answer came. After these, repeat the call (`publish` with the same id).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import httpx

from roomcast.contract.backend import (
    CLOCK_SKEW_SECONDS,
    TOKEN_LIFE_SECONDS,
    Backend,
    ClusterInfo,
    Device,
    GatewayInfo,
    HistoryPage,
    InboxLine,
    InboxPage,
    ListedRoom,
    Member,
    MemberPage,
    Occupancy,
    Presence,
    RoomInfo,
)
from roomcast.contract.backend.redis_link import check_ids
from roomcast.contract.http_link import HttpLink, as_part, present
from roomcast.contract.limits import MAX_LIST
from roomcast.contract.log_scripts import PublishReceipt
from roomcast.contract.profile import Profile

_TIMEOUT_SECONDS: Final = 15.0
"""The timeout of a request, in seconds. It is longer than the API waits for the signers."""

_QUERY_USERS: Final = 1_000


class HttpBackend(HttpLink):
    """The client for back ends over HTTP. `client` has the API's base URL, and sends the API key."""

    # --- messages ---

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
        """Publish a message into a room in the name of `user`. Return its receipt."""
        check_ids(room, user)
        body = present(user=user, text=text, data=data, upload=upload, reply_to=reply_to, name=name, kind=kind, id=id)
        if mentions:
            body["mentions"] = list(mentions)
        return _receipt(await self._send("POST", f"/v1/rooms/{as_part(room)}/messages", body))

    async def history(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> HistoryPage:
        """Return up to `limit` messages: the newest, or the last before `before`, or the first after `after`."""
        check_ids(room)
        query = present(before=before, after=after, limit=limit)
        found = await self._send("GET", f"/v1/rooms/{as_part(room)}/messages", query=query)
        return HistoryPage(**{name: found[name] for name in HistoryPage._fields})

    async def edit(
        self,
        room: str,
        user: str,
        target: int,
        text: str | None = None,
        *,
        data: dict[str, Any] | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> PublishReceipt:
        """Replace the text of the message `target`, its data or both, in the name of its author `user`."""
        check_ids(room, user)
        body = present(user=user, text=text, data=data, name=name, id=id)
        return _receipt(await self._send("PATCH", f"/v1/rooms/{as_part(room)}/messages/{target}", body))

    async def delete(
        self,
        room: str,
        user: str,
        target: int,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> PublishReceipt:
        """Delete the message `target` of any author in the name of `user`."""
        check_ids(room, user)
        query = present(user=user, name=name, id=id)
        return _receipt(await self._send("DELETE", f"/v1/rooms/{as_part(room)}/messages/{target}", query=query))

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
        """Add a reaction of `user` to the message `target`, or remove it (`on` False)."""
        check_ids(room, user)
        body = present(user=user, emoji=emoji, on=on, name=name, id=id)
        return _receipt(await self._send("POST", f"/v1/rooms/{as_part(room)}/messages/{target}/reactions", body))

    # --- custom events ---

    async def emit_to_user(self, user: str, event: str, data: dict[str, Any] | None = None) -> None:
        """Send an event to all devices of a user."""
        check_ids(None, user)
        await self._send("POST", f"/v1/users/{as_part(user)}/events", present(event=event, data=data))

    async def emit_to_room(self, room: str, event: str, data: dict[str, Any] | None = None) -> None:
        """Send an event to all clients that have joined a room."""
        check_ids(room)
        await self._send("POST", f"/v1/rooms/{as_part(room)}/events", present(event=event, data=data))

    async def emit_to_all(self, event: str, data: dict[str, Any] | None = None) -> None:
        """Send an event to all connected clients."""
        await self._send("POST", "/v1/events", present(event=event, data=data))

    # --- uploads ---

    async def sign_upload(
        self,
        user: str,
        room: str,
        name: str,
        *,
        type: str = "",  # noqa: A002 (the protocol's name)
        size: int,
        width: int | None = None,
        height: int | None = None,
    ) -> dict[str, Any]:
        """Return a form for one file of `user` in `room`."""
        body = present(user=user, room=room, name=name, type=type, size=size, width=width, height=height)
        return dict(await self._send("POST", "/v1/uploads", body))

    async def complete_upload(self, user: str, upload: str) -> dict[str, Any]:
        """Let a signer verify an uploaded file. Return `{media}`."""
        return dict(await self._send("POST", f"/v1/uploads/{as_part(upload)}/complete", {"user": user}))

    async def upload_url(self, user: str, upload: str) -> dict[str, Any]:
        """Return a link to a verified file: `{url, expires}`."""
        return dict(await self._send("GET", f"/v1/uploads/{as_part(upload)}/link", query={"user": user}))

    # --- rooms ---

    async def create_room(
        self, room: str, owner: str, *, kind: Literal["private", "public"] = "private", name: str = ""
    ) -> None:
        """Store a room with this owner."""
        await self._send("POST", "/v1/rooms", present(room=room, owner=owner, kind=kind, name=name or None))

    async def grant(
        self, room: str, user: str, role: Literal["admin", "member"] = "member", *, by: str | None = None
    ) -> None:
        """Make `user` a member of a stored room, or change the member's role. The owner keeps the owner role."""
        check_ids(room, user)
        await self._send("PUT", f"/v1/rooms/{as_part(room)}/members/{as_part(user)}", present(role=role, by=by))

    async def remove(self, room: str, user: str) -> bool:
        """Delete a membership, and remove the user from the room. Return whether there was a membership."""
        check_ids(room, user)
        found = await self._send("DELETE", f"/v1/rooms/{as_part(room)}/members/{as_part(user)}")
        return bool(found["removed"])

    async def kick(self, room: str, user: str) -> None:
        """Remove a user from a room on every gateway."""
        check_ids(room, user)
        await self._send("POST", f"/v1/rooms/{as_part(room)}/kicks/{as_part(user)}")

    async def close_room(self, room: str) -> None:
        """Delete a room with its history and memberships, and remove all users from it."""
        check_ids(room)
        await self._send("DELETE", f"/v1/rooms/{as_part(room)}")

    async def update_room(
        self, room: str, *, name: str | None = None, topic: str | None = None, data: dict[str, Any] | None = None
    ) -> None:
        """Change the name, topic or data of a stored room, and tell its members on every gateway."""
        check_ids(room)
        await self._send("PATCH", f"/v1/rooms/{as_part(room)}", present(name=name, topic=topic, data=data))

    async def transfer_room(self, room: str, user: str) -> None:
        """Make a member the owner of a stored room. The previous owner becomes an admin."""
        check_ids(room, user)
        await self._send("PUT", f"/v1/rooms/{as_part(room)}/owner", {"user": user})

    async def room(self, room: str) -> RoomInfo:
        """Return the description and counts of a room."""
        check_ids(room)
        return RoomInfo(**await self._send("GET", f"/v1/rooms/{as_part(room)}"))

    async def members(self, room: str, *, cursor: str | None = None, limit: int = MAX_LIST) -> MemberPage:
        """Return about `limit` stored members: the first members, or the members after `cursor`."""
        check_ids(room)
        query = present(cursor=cursor, limit=limit)
        found = await self._send("GET", f"/v1/rooms/{as_part(room)}/members", query=query)
        return MemberPage([Member(**member) for member in found["members"]], found["next"])

    async def occupancy(self, room: str) -> Occupancy:
        """Return the number of users who are in a room now, and their ids."""
        check_ids(room)
        found = await self._send("GET", f"/v1/rooms/{as_part(room)}/occupancy")
        return Occupancy(found["occupants"], found["users"])

    async def set_slow_mode(self, room: str, seconds: int) -> None:
        """Let each user of a room send one message per `seconds` seconds; 0 ends the slow mode."""
        check_ids(room)
        await self._send("PUT", f"/v1/rooms/{as_part(room)}/slow-mode", {"seconds": seconds})

    # --- people ---

    async def profile(self, user: str) -> Profile:
        """Return the profile of a user."""
        check_ids(None, user)
        return Profile(**await self._send("GET", f"/v1/users/{as_part(user)}/profile"))

    async def set_profile(
        self, user: str, *, name: str | None = None, picture: str | None = None, data: dict[str, Any] | None = None
    ) -> None:
        """Change the profile of a user, on every gateway within seconds. An unknown user becomes known."""
        check_ids(None, user)
        await self._send("PATCH", f"/v1/users/{as_part(user)}/profile", present(name=name, picture=picture, data=data))

    async def rooms_of(self, user: str) -> list[ListedRoom]:
        """Return a user's room list, sorted by room id."""
        check_ids(None, user)
        found = await self._send("GET", f"/v1/users/{as_part(user)}/rooms")
        return [ListedRoom(**row) for row in found["rooms"]]

    async def inbox(self, user: str, *, after: str | None = None, limit: int = 50) -> InboxPage:
        """Return a page of a user's inbox, the latest activity first."""
        check_ids(None, user)
        found = await self._send("GET", f"/v1/users/{as_part(user)}/inbox", query=present(after=after, limit=limit))
        rooms = [InboxLine(**row) for row in found["rooms"]]
        return InboxPage(rooms, found["more"], found["after"], found["unread"], found["mentions"])

    async def presence(self, users: Collection[str], *, devices: bool = False) -> dict[str, Presence]:
        """Return the presence of each user as others see it. `devices`: include all devices."""
        wanted, found = list(users), {}
        for start in range(0, len(wanted), _QUERY_USERS):
            body = {"users": wanted[start : start + _QUERY_USERS], "devices": devices}
            for row in (await self._send("POST", "/v1/presence/query", body))["users"]:
                shown = tuple(Device(**device) for device in row["devices"])
                found[row["user"]] = Presence(row["status"], row["last_seen"], row["note"], row["until"], shown)
        return found

    async def allow_rooms(self, user: str, per_day: int | None) -> None:
        """Let `user` create `per_day` rooms a day. None: the gateways' setting applies."""
        check_ids(None, user)
        await self._send("PUT", f"/v1/users/{as_part(user)}/room-allowance", {"per_day": per_day})

    async def allow_bytes(self, user: str, per_day: int | None) -> None:
        """Let `user` write `per_day` bytes into rooms a day. None: the gateways' setting applies."""
        check_ids(None, user)
        await self._send("PUT", f"/v1/users/{as_part(user)}/byte-allowance", {"per_day": per_day})

    async def disconnect(self, user: str) -> None:
        """Close the connections of `user` on every gateway."""
        check_ids(None, user)
        await self._send("POST", f"/v1/users/{as_part(user)}/disconnect")

    # --- revocations ---

    async def revoke_user(
        self,
        user: str,
        *,
        issued_before: float | None = None,
        seconds: float = TOKEN_LIFE_SECONDS,
        skew_seconds: float = CLOCK_SKEW_SECONDS,
    ) -> None:
        """Refuse every token of `user` issued up to now, and close the user's connections within seconds."""
        check_ids(None, user)
        body = present(issued_before=issued_before, seconds=int(seconds), skew_seconds=skew_seconds)
        await self._send("POST", f"/v1/users/{as_part(user)}/revocation", body)

    async def revoke_session(self, session: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse all tokens with this `sid` claim, and close their connections within seconds."""
        await self._send("POST", f"/v1/sign-ins/{as_part(session)}/revocation", {"seconds": int(seconds)})

    async def revoke_token(self, jti: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse the token with this `jti` claim, and close its connections within seconds."""
        await self._send("POST", f"/v1/tokens/{as_part(jti)}/revocation", {"seconds": int(seconds)})

    # --- moderation ---

    async def mute(self, user: str, *, room: str | None = None, seconds: float | None = None) -> None:
        """Let `user` read but not write: in one room, or everywhere."""
        await self._sanction("PUT", "mute", user, room, seconds)

    async def unmute(self, user: str, *, room: str | None = None) -> None:
        """Lift a mute."""
        await self._sanction("DELETE", "mute", user, room)

    async def ban(self, user: str, *, room: str | None = None, seconds: float | None = None) -> None:
        """Ban `user` from a room, or from signing in at all."""
        await self._sanction("PUT", "ban", user, room, seconds)

    async def unban(self, user: str, *, room: str | None = None) -> None:
        """Lift a ban."""
        await self._sanction("DELETE", "ban", user, room)

    async def reports(self, *, after: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Return open reports after the id `after`, oldest first, as `Backend.reports` does."""
        return list((await self._send("GET", "/v1/reports", query=present(after=after, limit=limit)))["reports"])

    async def resolve_report(self, number: str) -> None:
        """Close a report. For a closed or unknown report, do nothing."""
        await self._send("DELETE", f"/v1/reports/{as_part(number)}")

    # --- cluster ---

    async def cluster(self) -> ClusterInfo:
        """Return the gateways with their connections, and the number of users present."""
        found = await self._send("GET", "/v1/cluster")
        gateways = [GatewayInfo(**gateway) for gateway in found["gateways"]]
        return ClusterInfo(gateways, found["connections"], found["users_present"])

    async def sign_token(self, user: str, *, name: str | None = None, seconds: int = 12 * 3600, **claims: Any) -> str:
        """Return a token for `user`, signed by the API. `claims`: see `roomcast.contract.tokens.sign`."""
        found = await self._send("POST", "/v1/tokens", present(user=user, name=name, seconds=seconds, **claims))
        return str(found["token"])

    async def _sanction(
        self, method: str, kind: str, user: str, room: str | None, seconds: float | None = None
    ) -> None:
        check_ids(room, user)
        body = {"seconds": None if seconds is None else int(seconds)} if method == "PUT" else None
        await self._send(method, f"/v1/users/{as_part(user)}/{kind}", body, query=present(room=room))


AnyBackend = Backend | HttpBackend
"""A client for back ends, over Redis or over HTTP. Both have the same methods and errors."""


@asynccontextmanager
async def connect(url: str, key: str, *, timeout: float = _TIMEOUT_SECONDS) -> AsyncIterator[HttpBackend]:
    """Make an HttpBackend for the API at `url` with an API key, and close its connections at the end."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout) as client:
        yield HttpBackend(client)


def _receipt(found: Mapping[str, Any]) -> PublishReceipt:
    return PublishReceipt(found["seq"], found["time"], found["epoch"], found["duplicate"])
