"""The results of a load test: rows, targets, plots, and the page that shows them.

* `rows`       the figures of each kind of request or delivery, from locust's statistics (pure)
* `slo`        targets from a file, and which targets held (pure)
* `collector`  gathers counts and figures over time from all workers
* `plots`      line charts as SVG (pure)
* `page`       one self-contained HTML page (pure)
* `verdict`    the end of a run: the summary on the terminal and the exit status
"""
