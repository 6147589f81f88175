"""The vocabulary that every Roomcast process shares.

Four files hold all names that cross a process boundary, each name once:

* `keys`      every Redis key and channel: type, writer, reader, lifetime, hash tag
* `events`    what browsers and gateways say to each other, and the limits on it
* `envelope`  what processes say to each other through Redis
* `errors`    numbered error codes, and whether a retry can help

`scripts/` holds one commented Lua file per atomic change in Redis; `lua` loads them.
`vectors/` holds golden data for tests: names for Python and TypeScript, room packets for Python and Lua.
`backend` is the small client for back ends that publish into rooms, `python -m roomcast.contract` its command line.

`redis_client` makes the Redis clients of all but the gateways, which have links of their own.
`log_entry` and `tokens` are what gateways and back ends do alike: entering a message, signing a token.

But for `backend` and `redis_client` nothing here does I/O, and nothing imports a process: the direction is
process -> contract -> nothing.
"""

PROTOCOL_VERSION = 1
"""The version of the browser protocol and of every envelope between processes."""
