"""The limits of the protocol, and of the lists that Roomcast stores. Sizes are bytes, and durations are seconds."""

from __future__ import annotations

from typing import Final

HEARTBEAT_SECONDS: Final = 30
ONLINE_SECONDS: Final = 60
TYPING_SECONDS: Final = 6
MAX_LIST: Final = 100
MAX_PAGE_BYTES: Final = 1_000_000
"""The most bytes of the messages or reports on one page, except for a page with one. `room_read.lua` has it, too."""
MAX_MESSAGE_BYTES: Final = 16_384
MAX_DATA_BYTES: Final = 4_096
"""The most bytes of `data` of an application, as compact JSON in UTF-8."""
MAX_DATA_DEPTH: Final = 8
"""The deepest nesting of objects and lists in `data` of an application. The object itself has depth 1."""
CUSTOM_EVENTS_PER_SECOND: Final = 20
"""The most `room:emit` events of one connection per second, on average.

The connections of a user on one gateway share one limit: the sum of the limits of at most four connections.
"""
CUSTOM_EVENTS_BURST: Final = 40
MAX_TOKEN: Final = 8_192
"""The most characters of a token."""
MAX_TOKEN_ID: Final = 128
"""The most characters of a `jti` or `sid` claim."""
MAX_SEQ: Final = 2**53
"""The largest `seq`: JavaScript numbers represent integers up to 2^53 exactly."""
MAX_WATCHED_USERS: Final = 200
MAX_SHOWN_DEVICES: Final = 20
"""The most devices of one user that are shown to others. `_presence.lua` has the same number."""
MAX_NOTE_SECONDS: Final = 366 * 86_400
"""The longest time, in seconds, from now to the end of a note."""
MAX_PRESENCE_ROOM: Final = 200
MAX_ROOMS_PER_CONNECTION: Final = 100
MAX_ROOMS_PER_USER: Final = 500
MAX_SANCTIONS: Final = 1_000
"""The most mutes and bans in one room."""
MAX_MENTIONS: Final = 20
"""The most users whom one message mentions."""
MAX_COUNTED_MENTIONS: Final = 100
"""The highest count of mentions that is shown, because `room_append.lua` does not store more mentions."""
MAX_BLOCKED: Final = 500
"""The most users on one block list."""
MAX_REPORTS: Final = 10_000
"""The most open reports of a cluster. One more report deletes the oldest."""
ROOM_LIST_SECONDS: Final = 90 * 86_400
"""Seconds for which a user's room list is kept after its last change."""
