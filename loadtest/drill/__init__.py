"""Cause each alert on a separate cluster, and check that it fires and clears: `python -m loadtest.drill`.

* `causes`   a small cause for each alert, and the fix that the runbook names; `refused_sessions` has some of them
* `watch`    Prometheus on the cluster, with alerts whose times are shortened
* `__main__` runs the causes one after the other and prints a table

The cluster, the clients that chat, and the commands to Redis come from `loadtest.chaos`.
"""
