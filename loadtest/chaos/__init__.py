"""`make chaos`: inject a fault into a running cluster under load, then account for every message.

* `journal`, `checker`: what clients wrote down, and the verdict over it (pure; after Jepsen's queue checks);
* `timeline`, `outbox`, `waits`: what a client does with what it hears and what it wants to say (pure);
* `wire`, `person`, `crowd`: a thousand real clients in one event loop, on WebSockets through nginx;
* `rig`, `redis_admin`, `gauges`, `proxy`, `private`: the hands: kill, pause, cut, measure;
* `faults/`: one function per row of the table; `catalogue` lists them;
* `trial`, `report`, `__main__`: a row from start to verdict, the table, the command line.

Clients behave like `web/sdk`: they come back with jittered backoff, join again with `since`, hold live messages back
until they have caught up, and resend what was not acked under the same id. One in five is *plain*: it repairs no hole
by itself, as a bare socket.io-client would not, so that what the gateways promise is seen without the client's help.
"""
