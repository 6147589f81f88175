"""Write the Grafana dashboards in `dashboards/`: `python -m deploy.observability.dashboards`.

A panel has a title, a unit and PromQL queries. The rest of its JSON is the same for all panels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).with_name("dashboards")
_WIDTH: Final = 24
_HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


_ACKED_SENDS: Final = 'roomcast_gateway_events_total{event="message:send",outcome="ok"}'


_LISTS: Final = 'roomcast_gateway_events_total{event="inbox:list"}'


class Panel(NamedTuple):
    """One time series panel. `queries`: legend → PromQL. `unit`: a unit of Grafana, such as `s` or `bytes`."""

    title: str
    unit: str
    queries: dict[str, str]


class Dashboard(NamedTuple):
    """A dashboard: file name, title, panels in reading order."""

    name: str
    title: str
    panels: Sequence[Panel]


def _p99(metric: str, by: str = "instance") -> str:
    return f"histogram_quantile(0.99, sum by ({by}, le) (rate({metric}_bucket[$__rate_interval])))"


def _rate(metric: str, by: str = "instance") -> str:
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


DASHBOARDS: Final = (
    Dashboard(
        "overview",
        "Roomcast: overview",
        (
            Panel("Connections", "short", {"all": "sum(roomcast_gateway_connections)"}),
            Panel("Connections per gateway", "short", {"{{instance}}": "roomcast_gateway_connections"}),
            Panel("Ready gateways", "short", {"ready": "sum(roomcast_gateway_ready)"}),
            Panel("Events by outcome", "ops", {"{{outcome}}": _rate("roomcast_gateway_events_total", "outcome")}),
            Panel("Time from event to ack, p99", "s", {"{{instance}}": _p99("roomcast_gateway_event_seconds")}),
            Panel("Loop lag, p99", "s", {"{{instance}}": _p99("roomcast_gateway_loop_lag_seconds")}),
            Panel("Packets to clients", "ops", {"{{instance}}": _rate("roomcast_gateway_sent_packets_total")}),
            Panel("Users present", "short", {"present": "sum(roomcast_presence_present_users)"}),
            Panel(
                "Media requests by outcome", "ops", {"{{outcome}}": _rate("roomcast_media_requests_total", "outcome")}
            ),
        ),
    ),
    Dashboard(
        "gateway",
        "Roomcast: gateways",
        (
            Panel("Connections", "short", {"{{instance}}": "roomcast_gateway_connections"}),
            Panel("Sign-ins by outcome", "ops", {"{{outcome}}": _rate("roomcast_gateway_connects_total", "outcome")}),
            Panel(
                "Disconnects by reason", "ops", {"{{reason}}": _rate("roomcast_gateway_disconnects_total", "reason")}
            ),
            Panel(
                "Refused requests by status",
                "ops",
                {"{{status}}": _rate("roomcast_gateway_refused_requests_total", "status")},
            ),
            Panel("Events by name", "ops", {"{{event}}": _rate("roomcast_gateway_events_total", "event")}),
            Panel(
                "Messages handled by the fast path",
                "ops",
                {"{{instance}}": _rate("roomcast_gateway_fast_path_messages_total")},
            ),
            Panel(
                "Messages for the publish hook, by outcome",
                "ops",
                {"{{outcome}}": _rate("roomcast_gateway_publish_hook_total", "outcome")},
            ),
            Panel(
                "Inbox: events, rooms in events, lists",
                "ops",
                {
                    "events": f"sum({_rate('roomcast_gateway_inbox_events_total')})",
                    "rooms": f"sum({_rate('roomcast_gateway_inbox_lines_total')})",
                    "lists": f"sum({_rate(_LISTS)})",
                },
            ),
            Panel(
                "Inboxes catching up after a lost subscription",
                "short",
                {"{{instance}}": "roomcast_gateway_inbox_waiting"},
            ),
            Panel("Bytes to clients", "Bps", {"{{instance}}": _rate("roomcast_gateway_sent_bytes_total")}),
            Panel("Bytes from clients", "Bps", {"{{instance}}": _rate("roomcast_gateway_received_bytes_total")}),
            Panel("Writes to sockets", "ops", {"{{instance}}": _rate("roomcast_gateway_writes_total")}),
            Panel("Slow clients disconnected", "ops", {"{{instance}}": _rate("roomcast_gateway_slow_clients_total")}),
            Panel(
                "Drain state: 0 serving, 1 draining, 2 drained, 3 cordoned",
                "short",
                {"{{instance}}": "roomcast_gateway_drain_state"},
            ),
            Panel("Greatest loop lag since the start", "s", {"{{instance}}": "roomcast_gateway_loop_lag_max_seconds"}),
            Panel("CPU", "percentunit", {"{{instance}}": _rate('process_cpu_seconds_total{job="gateway"}')}),
            Panel("Memory", "bytes", {"{{instance}}": 'process_resident_memory_bytes{job="gateway"}'}),
            Panel("File descriptors in use", "percentunit", {"{{instance}}": "process_open_fds / process_max_fds"}),
        ),
    ),
    Dashboard(
        "redis",
        "Roomcast: Redis, seen by the gateways",
        (
            Panel("All Redis connections open: 1 if yes", "short", {"{{instance}}": "roomcast_gateway_redis_up"}),
            Panel(
                "Reconnects to Redis since the start", "short", {"{{instance}}": "roomcast_gateway_redis_reconnects"}
            ),
            Panel("Subscribed rooms", "short", {"{{instance}}": "roomcast_gateway_rooms"}),
            Panel(
                "Room packets that pub/sub lost",
                "ops",
                {"{{instance}}": _rate("roomcast_gateway_missing_packets_total")},
            ),
            Panel(
                "Room packets read from the logs",
                "ops",
                {"{{instance}}": _rate("roomcast_gateway_filled_packets_total")},
            ),
            Panel("Forged messages", "ops", {"{{instance}}": _rate("roomcast_gateway_forged_messages_total")}),
            Panel("Resyncs", "ops", {"{{instance}}": _rate("roomcast_gateway_resyncs_total")}),
            Panel("Canary probes lost", "ops", {"{{instance}}": _rate("roomcast_gateway_canary_losses_total")}),
        ),
    ),
    Dashboard(
        "presence-and-media",
        "Roomcast: presence and media",
        (
            Panel("Leading sweeper: 1 if it leads", "short", {"{{instance}}": "roomcast_presence_leader"}),
            Panel("Users present", "short", {"{{instance}}": "roomcast_presence_present_users"}),
            Panel(
                "Users set offline by the sweeper",
                "ops",
                {"{{instance}}": _rate("roomcast_presence_expired_users_total")},
            ),
            Panel(
                "Sweeper passes by outcome", "ops", {"{{outcome}}": _rate("roomcast_presence_passes_total", "outcome")}
            ),
            Panel("Duration of a sweeper pass, p99", "s", {"{{instance}}": _p99("roomcast_presence_pass_seconds")}),
            Panel(
                "Suspensions of expiry, by reason",
                "ops",
                {"{{reason}}": _rate("roomcast_presence_doubts_total", "reason")},
            ),
            Panel("Media requests by action", "ops", {"{{action}}": _rate("roomcast_media_requests_total", "action")}),
            Panel(
                "Duration of a media request, p99",
                "s",
                {"{{action}}": _p99("roomcast_media_request_seconds", "action")},
            ),
            Panel("Storage accepts signed requests: 1 if yes", "short", {"{{instance}}": "roomcast_media_storage_up"}),
            Panel("Duration of a storage call, p99", "s", {"{{instance}}": _p99("roomcast_media_storage_seconds")}),
            Panel("Media requests in progress", "short", {"{{instance}}": "roomcast_media_in_flight_requests"}),
        ),
    ),
    Dashboard(
        "api",
        "Roomcast: the HTTP API",
        (
            Panel("Requests by status", "ops", {"{{status}}": _rate("roomcast_api_requests_total", "status")}),
            Panel("Requests by route", "ops", {"{{route}}": _rate("roomcast_api_requests_total", "route")}),
            Panel("Duration of a request, p99", "s", {"{{route}}": _p99("roomcast_api_request_seconds", "route")}),
            Panel("Requests in progress", "short", {"{{instance}}": "roomcast_api_in_flight_requests"}),
            Panel("Ready API processes", "short", {"ready": "sum(roomcast_api_ready)"}),
            Panel("Loop lag", "s", {"{{instance}}": "roomcast_api_loop_lag_seconds"}),
            Panel("CPU", "percentunit", {"{{instance}}": _rate('process_cpu_seconds_total{job="api"}')}),
            Panel("Memory", "bytes", {"{{instance}}": 'process_resident_memory_bytes{job="api"}'}),
        ),
    ),
    Dashboard(
        "load-test",
        "Roomcast: load test",
        (
            Panel("Connections", "short", {"all": "sum(roomcast_gateway_connections)"}),
            Panel(
                "Messages acked",
                "ops",
                {"acked": f"sum({_rate(_ACKED_SENDS)})"},
            ),
            Panel("Packets to clients", "ops", {"all": f"sum({_rate('roomcast_gateway_sent_packets_total')})"}),
            Panel("Time from event to ack, p99", "s", {"{{instance}}": _p99("roomcast_gateway_event_seconds")}),
            Panel("Loop lag, p99", "s", {"{{instance}}": _p99("roomcast_gateway_loop_lag_seconds")}),
            Panel(
                "CPU of gateways", "percentunit", {"{{instance}}": _rate('process_cpu_seconds_total{job="gateway"}')}
            ),
            Panel("Memory of gateways", "bytes", {"{{instance}}": 'process_resident_memory_bytes{job="gateway"}'}),
            Panel(
                "Packets per write",
                "short",
                {
                    "{{instance}}": f"{_rate('roomcast_gateway_sent_packets_total')}"
                    f" / {_rate('roomcast_gateway_writes_total')}"
                },
            ),
        ),
    ),
)


def render(dashboard: Dashboard) -> str:
    """Return the dashboard as Grafana's JSON, two panels to a row."""
    document = {
        "uid": f"roomcast-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["roomcast"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }
    return json.dumps(document, indent=2) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    width = _WIDTH // 2
    targets = [
        {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend, "datasource": _SOURCE}
        for index, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {"x": number % 2 * width, "y": number // 2 * _HEIGHT, "w": width, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def main() -> None:
    """Write every dashboard."""
    FOLDER.mkdir(exist_ok=True)
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.name}.json").write_text(render(dashboard))


if __name__ == "__main__":
    main()
