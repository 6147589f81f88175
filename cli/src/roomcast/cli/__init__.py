"""The operator command `roomcast`: inspect a running cluster through Redis, and act on it.

* `__main__`        the command line, with all commands
* `options`         the options of every command: the URL of Redis, tables or JSON
* `inspection`      the commands that only read
* `actions`         the commands that change the cluster
* `rooms`           the commands for rooms and profiles
* `api_keys`        the commands for keys of the HTTP API
* `cluster`         reads nodes, rooms, sessions and sizes from Redis
* `gateway_orders`  sends an order to a gateway, and waits for its effect
* `doctor`          checks a deployment and advises what to change, with `process_health` and `redis_accounts`
* `plan`            calculates how many servers a load needs, from `unit_costs` (pure)
* `tail`            follows a room's log
* `output`          tables and JSON (pure)
"""
