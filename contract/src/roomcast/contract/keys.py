"""The names of all Redis keys and channels.

| name | type | writer | reader | lifetime |
|---|---|---|---|---|
| `room:{R}:log` | hash seq -> message JSON | gateway, back end | gateway | last N messages; idle logs expire |
| `room:{R}:meta` | hash | gateway, back end | gateway | outlives the log; see below |
| `room:{R}:ids`, `:ids:old` | hash `user:id` -> receipt | gateway, back end | same script | rotated hourly, bounded |
| `room:{R}:members` | hash user -> role | gateway, back end | gateway | while the room is stored |
| `room:{R}:counts` | hash, see `_unread.lua` | gateway, back end | gateway | as the meta |
| `room:{R}:kicked` | hash user (`*`: all) -> ms of the last kick | gateway, back end | gateway | 1 day past a kick |
| `room:{R}:read` | hash user -> seq | gateway, back end | gateway | expires with the meta |
| `room:{R}:occupants` | zset `user|node` -> expiry | gateway | gateway, back end | entries 60 s, the key 120 s |
| `room:{R}:nodes_of` | hash user -> number of nodes | gateway | gateway, back end | as `occupants` |
| `room:{R}` | sharded channel | gateway, back end | gateways with a member | |
| `activity:XX` | channel, the ids of active rooms | gateway, back end | gateways with an inbox | |
| `namespace:{S}` | sharded channel | gateway, back end | every gateway | |
| `room:{R}:sanctions` | hash `mute:U`, `ban:U` -> end in ms, `slow` -> s | gateway, back end | gateway | bounded |
| `room:{R}:slow` | hash user -> ms of the last message | gateway, back end | gateway | 6 h past the last message |
| `user:{U}:sanctions` | hash `mute`, `ban` -> end in ms (0: none) | back end | gateway | until lifted |
| `user:{U}:blocked` | set of users | gateway | gateway | bounded |
| `rooms:directory` | zset of `name`, line break, public room | gateway, back end | gateway, back end | bounded |
| `people:directory` | zset of `name`, line break, user | gateway, back end | gateway | bounded |
| `moderation:reports` | stream of reports | gateway, back end | gateway, back end | bounded |
| `room:{R}:reports` | zset id of a report -> unix ms | gateway, back end | gateway | bounded; 90 days past a report |
| `node:{N}` | sharded channel | gateway, media | gateway N | |
| `node:{N}:lease` | string, incarnation | gateway N | gateway N, presence, back end | 15 s, refreshed every 5 s |
| `node:{N}:process` | string, `host/pid/start` of the holder | gateway N | gateway N | as the lease |
| `node:{N}:state` | string, such as `cordoned` | gateway N | operators | as the lease; missing while N serves |
| `user:{U}` | sharded channel | gateway, back end | gateways with a device of U | |
| `user:{U}:rooms` | hash room -> name | gateway, back end | gateway, back end | capped, expires after 90 days |
| `user:{U}:person` | hash name, picture, data | gateway, back end | gateway, back end | 90 days past a sign-in |
| `user:{U}:events` | hash node -> events of the last second | gateway | gateway | 5 s; only of busy users |
| `user:{U}:created` | hash, rooms created today, allowance | gateway, back end | same script | 1 day, or an allowance |
| `user:{U}:reported` | hash, reports of today | gateway | same script | 1 day |
| `user:{U}:written` | hash, bytes written today, allowance | gateway, back end | same script | 1 day, or an allowance |
| `presence:{s}:seen` | zset user -> unix seconds | gateway, presence | presence, gateway, back end | swept |
| `presence:{s}:conn:U` | hash connection -> MessagePack | gateway, presence | presence, gateway, back end | 5 min |
| `presence:{s}:choice:U` | MessagePack, the status that U chose | gateway | gateway | 30 days past its last use |
| `presence:{s}:ends` | zset user -> ms, end of the next note | gateway, presence | presence | swept; 30 days |
| `presence:{s}:last` | zset user -> unix seconds last seen | presence, gateway | gateway, back end | 30 days, swept |
| `presence:{s}:node:N:I` | set of `user|connection` | gateway, presence | presence, back end | as its node; 10 min |
| `presence:{s}:mark` | string, ms of the last sweep, ms until which no user expires | presence | presence | 1 day |
| `presence:{s}` | sharded channel | presence, gateway | gateway | |
| `presence:nodes` | hash `N:I` -> unix seconds | gateway, presence | presence, back end | swept |
| `presence:sweeper` | string, lease | presence | presence | 6 s |
| `media:requests` | stream + group `signers` | gateway, media, back end | media | capped length |
| `media:replies:{I}` | list of signers' replies to a back end | media, back end | back end | 30 s |
| `media:incoming` | zset final key -> unix ms | media | media | swept once the form has expired |
| `media:sweeper` | string, lease | media | media | 30 s |
| `upload:{U}` | hash | media | gateway, media, back end | upload expiry, then retention |
| `user:{U}:uploads` | zset upload -> unix ms | media | media | as the last form of the user |
| `user:{U}:upload_bytes` | string, bytes announced | media | media | 24 h past the first |
| `revoked:{token:J}`, `revoked:{user:U}` | string | back end | gateway | as long as tokens live |
| `revoked:{session:S}` | string | back end | gateway | as long as tokens live |
| `control` | channel | gateway, back end, operators | gateway | |
| `api:keys` | hash digest -> JSON of an API key | operator | API | until revoked |
| `api:rate:{I}` | string, ms until which a key's requests are paid | API | same script | seconds |

A stored room exists until it is closed. But a stored room that a user created, and that has no message, is removed with
its members and sanctions after UNUSED_ROOM_SECONDS. The meta of a room that is not stored and has no messages expires
five minutes after the last read of the room, but not while a user is in the room.

`{…}` is the cluster hash tag. All keys of one script have the same hash tag. Room and user ids cannot contain braces.
Applications that use the adapter without the chat choose any names; `tag` encodes the braces in them.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final
from zlib import crc32

from roomcast.wire.channels import namespace_channel as namespace_channel
from roomcast.wire.channels import node_channel as node_channel
from roomcast.wire.channels import room_channel as room_channel
from roomcast.wire.channels import tag as tag

PRESENCE_SHARDS = 16
"""The number of shards of presence. To change it, stop all gateways first, because users move to other shards."""

KICK_SECONDS = 86_400
"""Seconds for which the record of a kick is kept. Gateways read it after a loss of their subscriptions."""

UNUSED_ROOM_SECONDS = 7 * 86_400
"""Seconds after which a room that a user created is removed if it has no message."""

CONTROL = "control"
API_KEYS = "api:keys"
MEDIA_REQUESTS = "media:requests"
MEDIA_GROUP = "signers"
REPLIES_SECONDS = 30
"""Seconds for which a reply to a back end is kept."""
BACK_END_NODE = "backend-"
"""The beginning of a back end's `reply_to`. Back ends may not subscribe, so signers push the reply to a list."""
MEDIA_INCOMING = "media:incoming"
MEDIA_SWEEPER = "media:sweeper"
REPORTS = "moderation:reports"
DIRECTORY = "rooms:directory"
PEOPLE = "people:directory"
PRESENCE_NODES = "presence:nodes"
PRESENCE_SWEEPER = "presence:sweeper"


def room_log(room: str) -> str:
    return f"room:{{{tag(room)}}}:log"


def room_meta(room: str) -> str:
    return f"room:{{{tag(room)}}}:meta"


def room_ids(room: str) -> str:
    return f"room:{{{tag(room)}}}:ids"


def room_ids_old(room: str) -> str:
    return f"room:{{{tag(room)}}}:ids:old"


def room_members(room: str) -> str:
    return f"room:{{{tag(room)}}}:members"


def room_counts(room: str) -> str:
    return f"room:{{{tag(room)}}}:counts"


def room_kicked(room: str) -> str:
    return f"room:{{{tag(room)}}}:kicked"


def room_read(room: str) -> str:
    return f"room:{{{tag(room)}}}:read"


def room_occupants(room: str) -> str:
    return f"room:{{{tag(room)}}}:occupants"


def room_nodes_of(room: str) -> str:
    return f"room:{{{tag(room)}}}:nodes_of"


def room_sanctions(room: str) -> str:
    return f"room:{{{tag(room)}}}:sanctions"


def room_slow(room: str) -> str:
    return f"room:{{{tag(room)}}}:slow"


def activity_channel(room: str) -> str:
    """Return the channel on which `room_append.lua` announces a room's activity: one of 256, by the id's SHA-1."""
    return f"activity:{sha1(tag(room).encode(), usedforsecurity=False).hexdigest()[:2]}"


def room_reports(room: str) -> str:
    return f"room:{{{tag(room)}}}:reports"


def user_sanctions(user: str) -> str:
    return f"user:{{{user}}}:sanctions"


def user_blocked(user: str) -> str:
    return f"user:{{{user}}}:blocked"


def node_lease(node: str) -> str:
    return f"node:{{{node}}}:lease"


def node_process(node: str) -> str:
    return f"node:{{{node}}}:process"


def node_state(node: str) -> str:
    return f"node:{{{node}}}:state"


def user_channel(user: str) -> str:
    return f"user:{{{user}}}"


def user_rooms(user: str) -> str:
    return f"user:{{{user}}}:rooms"


def user_person(user: str) -> str:
    return f"user:{{{user}}}:person"


def user_events(user: str) -> str:
    return f"user:{{{user}}}:events"


def user_created(user: str) -> str:
    return f"user:{{{user}}}:created"


def user_reported(user: str) -> str:
    return f"user:{{{user}}}:reported"


def user_written(user: str) -> str:
    return f"user:{{{user}}}:written"


OF_CLOSED_ROOMS: Final = (
    room_log,
    room_meta,
    room_ids,
    room_ids_old,
    room_members,
    room_read,
    room_counts,
    room_sanctions,
    room_slow,
    room_reports,
)
"""The keys that are deleted when a room is closed. `room_kicked` stays, for gateways that miss the control message."""


def presence_shard(user: str) -> int:
    """Return the shard of a user: CRC-32 of the id, modulo the number of shards."""
    return crc32(user.encode()) % PRESENCE_SHARDS


def presence_seen(shard: int) -> str:
    return f"presence:{{{shard}}}:seen"


def presence_last(shard: int) -> str:
    return f"presence:{{{shard}}}:last"


def presence_ends(shard: int) -> str:
    return f"presence:{{{shard}}}:ends"


def presence_connections(shard: int, user: str) -> str:
    return f"presence:{{{shard}}}:conn:{user}"


def presence_choice(shard: int, user: str) -> str:
    return f"presence:{{{shard}}}:choice:{user}"


def presence_node(shard: int, node: str, incarnation: str) -> str:
    return f"presence:{{{shard}}}:node:{node}:{incarnation}"


def presence_mark(shard: int) -> str:
    return f"presence:{{{shard}}}:mark"


def presence_channel(shard: int) -> str:
    return f"presence:{{{shard}}}"


def media_replies(reply_to: str) -> str:
    return f"media:replies:{{{reply_to}}}"


def upload(upload_id: str) -> str:
    return f"upload:{{{upload_id}}}"


def user_uploads(user: str) -> str:
    return f"user:{{{user}}}:uploads"


def user_upload_bytes(user: str) -> str:
    return f"user:{{{user}}}:upload_bytes"


def revoked_token(jti: str) -> str:
    return f"revoked:{{token:{tag(jti)}}}"


def revoked_session(session: str) -> str:
    return f"revoked:{{session:{tag(session)}}}"


def revoked_user(user: str) -> str:
    return f"revoked:{{user:{user}}}"


def api_rate(key_id: str) -> str:
    return f"api:rate:{{{key_id}}}"
