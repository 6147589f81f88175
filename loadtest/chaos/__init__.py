"""`make chaos`: inject a fault into a running cluster under load, then account for every message.

* `journal`, `checker`: the record that clients keep, and the verdict on it (pure; modelled on Jepsen's queue checks);
* `timeline`, `outbox`, `backoff`: received messages, unacked messages, and waits of one client (pure);
* `client_connection`, `client`, `crowd`: a thousand clients in one event loop, on WebSockets through nginx;
* `fault_tools`, `redis_admin`, `gauges`, `proxy`, `unsupervised`, `exit_codes`: tools that run and kill processes,
  delay and cut connections, and read metrics;
* `redis_topologies`: Redis under Sentinel, and Redis Cluster;
* `faults/`: one function for each fault; `catalogue` lists the experiments of the table in docs/reliability.md;
* `experiment`, `report`, `__main__`: one experiment from start to verdict, the table, the command line.

Clients behave like `web/sdk`: they reconnect with jittered backoff, join again with `since`, hold live messages back
until they have caught up, and resend unacked messages under the same id. One client in five is *plain*: it fills no gap
by itself, like a bare socket.io-client. Plain clients show what the gateways guarantee without the client's help.
"""
