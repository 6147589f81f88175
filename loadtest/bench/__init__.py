"""The benchmark: the same work for several servers, one after the other, in interleaved rounds.

The runner starts one kind of server at a time: two processes of it and one Redis of their own, then a load client
(`agent`) in a process of its own. The load client opens WebSockets, decodes frames and nothing more, and reads the
servers' CPU time from `/proc` at the very moments at which it starts and ends counting deliveries.

Pure modules, tested without a server: `workloads` (what is done), `frames` (RFC 6455, the client's half), `dialects`
(the protocol of each kind of server), `stamps`, `stats`, `results`, `report`, `chart`. Shells: `link` and `agent`
(the load client), `processes`, `procfs`, `measure`, `growth`, and the command line in `__main__`.
"""
