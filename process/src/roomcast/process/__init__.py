"""Run a Roomcast process: settings, command line, logs, health and metrics.

* `settings`         reads environment variables; a bad variable ends the process with one line
* `command`          `python -m <process>`: `--help`, exit statuses, the event loop
* `logs`             structlog, one line per entry
* `redis_faults`     warns about a Redis that is too old or evicts keys
* `health_server`    `/healthz`, `/readyz` and `/metrics`, on a port of their own
* `http_runner`, `listen`, `tls`          aiohttp servers, their sockets, and their certificate
* `process_metrics`, `resource_usage`     metrics that several processes have

This package does not depend on the work of a process. `gateway`, `presence`, `media` and `api` import this package, but
these four do not import each other.
"""
