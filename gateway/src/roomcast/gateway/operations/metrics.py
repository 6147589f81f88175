"""Count the events that a gateway reports, and expose the counts to Prometheus; see also `counters`."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.gc_collector import GCCollector

from roomcast.adapter.observer import AdapterObserver
from roomcast.engineio.write_buffer import Traffic
from roomcast.gateway.chat import plain_sends
from roomcast.gateway.inbox.counters import InboxFigures
from roomcast.gateway.operations.counters import EventCounters, LabelledCounter, PlainHistogram
from roomcast.gateway.operations.histogram import OutcomeCounter
from roomcast.gateway.operations.observer import GatewayObserver
from roomcast.hotpath import module_loader
from roomcast.process.resource_usage import ProcessUsage

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LAG_SECONDS: Final = tuple(
    ms / 1000 for ms in (1, 2.5, 5, 7.5, 10, 12.5, 15, 17.5, 20, 25, 30, 40, 50, 75, 100, 150, 250, 500, 1000, 2500)
)


class EngineMetrics:
    """Observes the Engine.IO server: sessions, bytes and writes.

    Per-message counts are plain numbers; `settle` adds them to the Prometheus counters.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._opened = LabelledCounter(
            "roomcast_gateway_sessions", "Engine.IO sessions opened, by transport", ["transport"], registry
        )
        self._upgraded = Counter(
            "roomcast_gateway_upgrades", "Polling sessions upgraded to WebSocket", registry=registry
        )
        self._closed = LabelledCounter(
            "roomcast_gateway_sessions_closed",
            "Engine.IO sessions ended, by transport and reason",
            ["transport", "reason"],
            registry,
        )
        self._refused = LabelledCounter(
            "roomcast_gateway_refused_requests",
            "HTTP requests refused, by status and reason",
            ["status", "reason"],
            registry,
        )
        self._received = Counter("roomcast_gateway_received_bytes", "Bytes received from clients", registry=registry)
        self._writes = Counter(
            "roomcast_gateway_writes", "Writes to WebSockets, and polling answers", registry=registry
        )
        self._packets = Counter("roomcast_gateway_sent_packets", "Packets sent to clients", registry=registry)
        self._sent = Counter("roomcast_gateway_sent_bytes", "Bytes sent to clients", registry=registry)
        self._slow = Counter(
            "roomcast_gateway_slow_clients", "Clients disconnected because they read too slowly", registry=registry
        )
        self._slow_bytes = Gauge(
            "roomcast_gateway_slow_client_bytes",
            "Most unsent bytes that a slow client had when it was disconnected",
            registry=registry,
        )
        self._most_waiting = 0
        self.traffic = Traffic()

    def opened(self, transport: str) -> None:
        self._opened.increment(transport)

    def upgraded(self) -> None:
        self._upgraded.inc()

    def closed(self, transport: str, reason: str) -> None:
        self._closed.increment(transport, reason)

    def refused(self, status: int, reason: str) -> None:
        self._refused.increment(str(status), reason)

    def settle(self) -> None:
        """Add the counts since the last exposition to the Prometheus counters."""
        traffic = self.traffic
        for counter, name in (
            (self._received, "received"),
            (self._writes, "writes"),
            (self._packets, "packets"),
            (self._sent, "sent"),
        ):
            counter.inc(getattr(traffic, name))
            setattr(traffic, name, 0)

    def cut_slow(self, waiting: int) -> None:
        self._slow.inc()
        if waiting > self._most_waiting:
            self._most_waiting = waiting
            self._slow_bytes.set(waiting)


class InboxMetrics:
    """Exposes the figures of the inbox. `inbox:list` requests are counted with the other client events."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._live = Gauge("roomcast_gateway_inbox_live", "Clients with a live inbox", registry=registry)
        self._waiting = Gauge(
            "roomcast_gateway_inbox_waiting",
            "Users and clients whose inboxes are catching up after a lost subscription",
            registry=registry,
        )
        self._catch_up = Gauge(
            "roomcast_gateway_inbox_catch_up_seconds",
            "Duration of the last catching up of inboxes after a lost subscription",
            registry=registry,
        )
        self._events = Counter("roomcast_gateway_inbox_events", "`inbox` events sent to clients", registry=registry)
        self._lines = Counter(
            "roomcast_gateway_inbox_lines", "Rooms in the `inbox` events sent to clients", registry=registry
        )
        self._resets = Counter(
            "roomcast_gateway_inbox_resets",
            "Clients that were told to request their whole inbox again",
            registry=registry,
        )
        self._before = (0, 0, 0)

    def settle(self, figures: InboxFigures) -> None:
        """Set the metrics from the figures, at a scrape."""
        self._live.set(figures.live)
        self._waiting.set(figures.waiting)
        self._catch_up.set(figures.catch_up_seconds)
        now = (figures.events, figures.lines, figures.resets)
        for counter, before, total in zip((self._events, self._lines, self._resets), self._before, now, strict=True):
            counter.inc(total - before)
        self._before = now


class AdapterMetrics(AdapterObserver):
    """Observes the adapter: lost packets, forged messages, deaf connections."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._missing = Counter(
            "roomcast_gateway_missing_packets", "Room packets that did not arrive through pub/sub", registry=registry
        )
        self._filled = Counter(
            "roomcast_gateway_filled_packets",
            "Room packets read from the log because pub/sub lost them or a back end has no cluster key",
            registry=registry,
        )
        self._forged = Counter(
            "roomcast_gateway_forged_messages",
            "Messages that arrived through Redis with a missing or wrong seal, and were dropped",
            registry=registry,
        )
        self._resyncs = Counter(
            "roomcast_gateway_resyncs",
            "Times that a room's members were told to join again, because lost packets are not in the log",
            registry=registry,
        )
        self._canary_losses = Counter(
            "roomcast_gateway_canary_losses",
            "Subscriptions reopened because a canary probe did not arrive",
            registry=registry,
        )

    def gap(self, room: str, missing: int) -> None:
        self._missing.inc(missing)

    def filled(self, room: str, count: int) -> None:
        self._filled.inc(count)

    def resync(self, room: str) -> None:
        self._resyncs.inc()

    def forged(self) -> None:
        self._forged.inc()

    def deaf(self) -> None:
        self._canary_losses.inc()


class LoopMetrics:
    """Exposes the lateness of the event loop."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = PlainHistogram(
            "roomcast_gateway_loop_lag_seconds",
            "Lateness of the event loop at each measurement",
            _LAG_SECONDS,
            registry,
        ).durations
        self._busy = PlainHistogram(
            "roomcast_gateway_loop_busy_seconds",
            "Part of the lateness in which the event loop's own thread used the CPU",
            _LAG_SECONDS,
            registry,
        ).durations
        self._lag_max = Gauge(
            "roomcast_gateway_loop_lag_max_seconds",
            "Greatest lateness of the event loop since the start",
            registry=registry,
        )
        self._worst_lag = 0.0

    def record(self, lag: float, busy: float) -> None:
        """Record the event loop's lateness, and the CPU time of its own thread within it, in seconds."""
        self._lag.observe(lag)
        self._busy.observe(busy)
        if lag > self._worst_lag:
            self._worst_lag = lag
            self._lag_max.set(lag)


class Metrics(GatewayObserver):
    """Observes the chat, with its own registry and the metrics of the other parts. Labels are few and bounded."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        ProcessUsage(registry)
        GCCollector(registry=registry)
        self._registry = registry
        self.engine = EngineMetrics(registry)
        self.inbox = InboxMetrics(registry)
        self.connections = Gauge("roomcast_gateway_connections", "Signed-in clients", registry=registry)
        self._connects = LabelledCounter(
            "roomcast_gateway_connects",
            "Sign-ins by outcome: `ok`, or the reason of the refusal",
            ["outcome"],
            registry,
        )
        self._tokens_refused = LabelledCounter(
            "roomcast_gateway_refused_tokens", "Tokens refused at sign-in or refresh, by reason", ["reason"], registry
        )
        self._disconnects = LabelledCounter(
            "roomcast_gateway_disconnects", "Disconnects of signed-in clients, by reason", ["reason"], registry
        )
        self._events = EventCounters(_SECONDS, registry)
        self.fast_path = Counter(
            "roomcast_gateway_fast_path_messages", "Messages handled by the fast path", registry=registry
        )
        self.compiled = Gauge(
            "roomcast_gateway_hotpath_compiled",
            "1 if the hot path is compiled, 0 if it is plain Python",
            registry=registry,
        )
        self.compiled.set(module_loader.is_compiled(plain_sends.__name__))
        self.rooms = Gauge("roomcast_gateway_rooms", "Rooms that this gateway subscribes to", registry=registry)
        self.adapter = AdapterMetrics(registry)
        self.redis_up = Gauge("roomcast_gateway_redis_up", "1 while all Redis connections are open", registry=registry)
        self.isolated = Gauge(
            "roomcast_gateway_isolated",
            "1 while the gateway refuses events and delivers nothing, after a long cut from Redis",
            registry=registry,
        )
        self.redis_reconnects = Gauge(
            "roomcast_gateway_redis_reconnects", "Redis connections reopened since the start", registry=registry
        )
        self.ready = Gauge("roomcast_gateway_ready", "1 while the gateway accepts new sessions", registry=registry)
        self._hook = LabelledCounter(
            "roomcast_gateway_publish_hook",
            "Messages that needed a verdict of the publish hook, by outcome",
            ["outcome"],
            registry,
        )
        self._hook_seconds = PlainHistogram(
            "roomcast_gateway_publish_hook_seconds",
            "Time from a message to the verdict or failure of the publish hook",
            _SECONDS,
            registry,
        ).durations
        self._hook_open = Gauge(
            "roomcast_gateway_publish_hook_open",
            "1 while the circuit of the publish hook is open, because its endpoint keeps failing",
            registry=registry,
        )
        self._drain = Gauge(
            "roomcast_gateway_drain_state",
            "State of the gateway: 0 serving, 1 draining, 2 drained, 3 cordoned",
            registry=registry,
        )
        self.loop = LoopMetrics(registry)

    def connected(self) -> None:
        self._connects.increment("ok")

    def refused(self, reason: str) -> None:
        self._connects.increment(reason)

    def token_refused(self, reason: str) -> None:
        """Count a refused token; `reason` is a value of `TokenFault`."""
        self._tokens_refused.increment(reason)

    def disconnected(self, reason: str) -> None:
        self._disconnects.increment(reason or "unknown")

    def event(self, name: str, outcome: str, seconds: float) -> None:
        self._events.counter_of(name, outcome).add(seconds)

    def tally(self, name: str, outcome: str) -> OutcomeCounter:
        return self._events.counter_of(name, outcome)

    def publish_hook(self, outcome: str, seconds: float, *, is_open: bool) -> None:
        self._hook.increment(outcome)
        self._hook_seconds.observe(seconds)
        self._hook_open.set(is_open)

    def drain(self, state: str) -> None:
        self._drain.set(("serving", "draining", "drained", "cordoned").index(state))

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        self.engine.settle()
        return generate_latest(self._registry)
