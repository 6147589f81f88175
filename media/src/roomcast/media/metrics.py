"""Count the work of a signer: the metrics that implement the `Observer` protocols."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from roomcast.process.process_metrics import ProcessMetrics

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics(ProcessMetrics):
    """The metrics of the signer, the storage, the storage health and the sweep, in a separate registry."""

    def __init__(self) -> None:
        super().__init__(
            "roomcast_media",
            "1 while Redis answers, the storage accepts signed requests, and the signer is not draining",
        )
        registry = self._registry
        self._requests = Counter(
            "roomcast_media_requests", "Requests by action and outcome", ["action", "outcome"], registry=registry
        )
        self._request_seconds = Histogram(
            "roomcast_media_request_seconds",
            "Time from reading a request to its answer, by action",
            ["action"],
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge("roomcast_media_in_flight_requests", "Requests in progress", registry=registry)
        self._claimed = Counter(
            "roomcast_media_claimed", "Requests of dead signers that this signer took over", registry=registry
        )
        self._bus_failures = Counter(
            "roomcast_media_redis_failures", "Failed attempts to read requests from Redis", registry=registry
        )
        self._storage_seconds = Histogram(
            "roomcast_media_storage_seconds",
            "Duration of calls to the storage, by operation",
            ["operation"],
            buckets=SECONDS,
            registry=registry,
        )
        self._storage_failures = Counter(
            "roomcast_media_storage_failures",
            "Failed calls to the storage, by operation",
            ["operation"],
            registry=registry,
        )
        self._storage_up = Gauge(
            "roomcast_media_storage_up", "1 while the storage accepts signed requests", registry=registry
        )
        self._swept = Counter(
            "roomcast_media_swept",
            "Uploads cleaned up by the sweep, by kind: `completed` or `abandoned`",
            ["kind"],
            registry=registry,
        )

    def handled(self, action: str, outcome: str, seconds: float) -> None:
        """Count one request with its outcome and the time from reading it to its answer."""
        self._requests.labels(action, outcome).inc()
        self._request_seconds.labels(action).observe(seconds)

    def in_flight(self, count: int) -> None:
        """Set the number of requests in progress."""
        self._in_flight.set(count)

    def claimed(self, count: int) -> None:
        """Count requests that were taken over from other signers."""
        self._claimed.inc(count)

    def bus_failed(self) -> None:
        """Count a failed read from Redis."""
        self._bus_failures.inc()

    def storage_call(self, operation: str, seconds: float, failed: bool) -> None:
        """Count a call to the storage with its time."""
        self._storage_seconds.labels(operation).observe(seconds)
        if failed:
            self._storage_failures.labels(operation).inc()

    def storage_up(self, is_up: bool) -> None:
        """Set whether the storage accepts signed requests."""
        self._storage_up.set(is_up)

    def swept(self, kind: str, count: int) -> None:
        """Count uploads that a sweep removed from its list."""
        self._swept.labels(kind).inc(count)
