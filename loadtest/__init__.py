"""Load tests and benchmarks: measure how much load a cluster carries, and compare its costs with other servers.

* `locustfile`, `stages`, `scenarios`, `results`  locust users against any deployment, judged by targets
* `load`    calls locust for the cluster of this checkout (`make load`)
* `drill`   causes every alert on a cluster of its own (`make drill`)
* `bench`   compares Roomcast with its peers in CPU microseconds per delivery (`make bench`)
* `peers`, `rivals`  the servers that `bench` starts, with their small programs

No process of the cluster imports anything from here.
"""
