"""Load tests and comparison: what a cluster can carry, and what it costs beside its peers.

* `load`    locust users through nginx against a running cluster, judged by targets (`make load`)
* `bench`   this gateway and its peers side by side, CPU microseconds per delivery (`make bench`)
* `peers`   the small server programs of the peers that `bench` starts

Nothing here is imported by a process of the cluster.
"""
