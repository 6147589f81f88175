"""Run a Roomcast process: settings, command line, logs, health and metrics.

* `settings`      read environment variables, with one line for a bad one
* `command`       `python -m <process>`: `--help`, exit statuses, the event loop
* `logs`          structlog, one line an entry
* `redis_faults`  warns about a Redis that is too old or evicts keys
* `health_server` `/healthz`, `/readyz` and `/metrics`, on a port of their own

Nothing here knows what a process does; `gateway`, `presence` and `media` import this package and never each other.
"""
