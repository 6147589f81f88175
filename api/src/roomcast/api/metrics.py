"""Count and log the requests of the API, which the guard reports."""

from __future__ import annotations

from typing import Final

import structlog
from prometheus_client import Counter, Gauge, Histogram

from roomcast.process.process_metrics import ProcessMetrics

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
NO_ROUTE: Final = "none"
OTHER_METHOD: Final = "other"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics(ProcessMetrics):
    """The metrics of requests and readiness, in a separate registry."""

    def __init__(self) -> None:
        self._log = structlog.get_logger(__name__)
        super().__init__("roomcast_api", "1 while Redis answers and the process is not draining")
        registry = self._registry
        self._requests = Counter(
            "roomcast_api_requests",
            "Requests by method, route and status",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "roomcast_api_request_seconds",
            "Time from request to answer, by route",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge("roomcast_api_in_flight_requests", "Requests in progress", registry=registry)
        self._faults = Counter("roomcast_api_faults", "Unexpected exceptions during requests", registry=registry)

    def answered(self, method: str, route: str, status: int, seconds: float, request_id: str, key: str) -> None:
        """Count one request; log a warning if its status is 500 or above."""
        method = method if method in _METHODS else OTHER_METHOD  # a caller may send any text as the method
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if status >= 500:
            self._log.warning("request_failed", method=method, route=route, status=status, request=request_id, key=key)
        else:
            self._log.debug("request", method=method, route=route, status=status, request=request_id, key=key)

    def in_flight(self, count: int) -> None:
        """Set the number of requests in progress."""
        self._in_flight.set(count)

    def fault(self, error: Exception, request_id: str) -> None:
        """Count and log an exception that has no error code."""
        self._faults.inc()
        self._log.error("fault", request=request_id, exc_info=error)
