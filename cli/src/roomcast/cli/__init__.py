"""The operator command `roomcast`: inspect a running cluster through Redis, and act on it.

* `__main__`  the commands: arguments in, tables or JSON out
* `cluster`   reads nodes, rooms, sessions and sizes from Redis
* `doctor`    checks a deployment and advises what to change
* `tail`      follows a room's log
* `output`    tables and JSON (pure)
"""
