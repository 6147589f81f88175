"""The benchmark: several kinds of servers do the same work. Each round measures every kind once.

A *row* is one measurement, with its line in the report. The runner measures one kind of server at a time. It starts two
processes of that kind, a Redis of their own, and a load client (`load_client`) in another process. The load client
opens WebSockets, sends messages, and counts the deliveries. It reads the servers' CPU time from `/proc` before and
after.

Pure modules, tested without a server: `workloads` (the load), `frames` (the client's half of RFC 6455), `dialects`
(the protocol of each kind of server), `stamps`, `stats`, `results`, `report`, `chart`, `lag`. Modules with I/O:
`load_client` and its `client_connection`, `processes`, `procfs`, `stalls`, `measure`, `growth`, the rows that measure
only Roomcast (`presence`, `presence_changes`, `presence_million`, `inbox`), `rows` (the list of all rows), and the
command line in `__main__`.
"""
