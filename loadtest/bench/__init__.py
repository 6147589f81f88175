"""The benchmark: the same work for several servers, one after the other, in interleaved rounds.

The runner (`runner`) starts one server kind at a time: two processes of it and one Redis of their own (`peer*`, `role`),
then a load client (`agent`) in a process of its own. The load client opens WebSockets, decodes frames and nothing more, and
reads the servers' CPU time from `/proc` at the very moments at which it starts and ends counting deliveries.

Pure modules, tested without a server: `workloads` (what is done), `frames` (RFC 6455, the client's half), `dialects` (what
each server kind wants to hear), `stats`, `report`, `chart`. Shells: `agent`, `processes`, `install`, `runner`, `growth`.
"""
