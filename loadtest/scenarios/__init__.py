"""The users of the load test: the scenarios, and the shared state of one process of a run.

* `chat`, `media`, `disturbances`, `mixed`  the scenarios, as locust user classes
* `user`        the base of all of them: sign-in, rooms, reconnects, acks, the check for losses
* `connection`  one Socket.IO connection over a WebSocket, for gevent
* `position`    which messages of a room a user has received (pure)
* `run`         the shared state of one process's users: names, tokens, clock, counts
* `tokens`      where tokens come from: a secret, a command, a file, a URL
* `clock`       send times that compare across workers
* `meter`       measures this process: is it saturated?
* `options`     the options that locust gets
* `stages`      reads the stages of `loadtest/stages.py` (pure)
* `lifecycle`   connects these modules to locust's events
"""
