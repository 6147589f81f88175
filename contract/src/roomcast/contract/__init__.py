"""The names and rules that every Roomcast process shares.

These modules contain all names that cross a process boundary, each name once:

* `keys`      every Redis key and channel: type, writer, reader, lifetime, hash tag
* `events`    the protocol between browsers and gateways; `limits` has its limits
* `envelope`  the messages between processes through Redis
* `errors`    numbered error codes, and whether a retry can help

`scripts/` contains one commented Lua file per atomic change in Redis; `lua` loads the files.
`vectors/` contains test data with expected results: names for Python and TypeScript, room packets for Python and Lua.
`backend` is the client for back ends, and `python -m roomcast.contract` its command line.

`redis_client` makes the Redis clients of all processes except the gateways, which use `roomcast.adapter.redis`.
Gateways and back ends share `log_scripts` (arguments and replies of the scripts of the log), `tokens` (signing), and
the rules for ids (`ids`), texts (`texts`), data (`app_data`), rooms (`room_info`, `directory`), users (`profile`,
`presence`), inboxes (`inbox`), and edits and deletions (`amendments`). `signatures` signs requests to the publish hook.

Only the clients (`backend`, `http_backend`, `api_keys`, `redis_client`) do network I/O. No module imports a process:
processes import the contract, and the contract imports only `roomcast.wire`.
"""

PROTOCOL_VERSION = 1
"""The version of the browser protocol and of every envelope between processes."""
