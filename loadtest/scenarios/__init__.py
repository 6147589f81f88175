"""The users of the load test: the scenarios, and the shared state of one process of a run.

* `chat`, `media`, `disturbances`, `mixed`  the scenarios, as locust user classes
* `user`        the base of all of them: sign-in, rooms, reconnects, acks, the check for losses
* `connection`  one Socket.IO connection over a WebSocket, for gevent
* `position`    which messages of a room a user has received (pure)
* `run_state`   the shared state of one process's users: names, tokens, clock, counts
* `tokens`      gets tokens: from a secret, a command, a file, or a URL
* `clock`       the master's clock, so that send times of different workers can be compared
* `meter`       measures whether this process is saturated
* `options`     the options that the locustfile adds to locust's
* `stages`      reads the stages of `loadtest/stages.py` (pure)
* `lifecycle`   connects these modules to locust's events
"""
