"""Each alert fires on the time series of its fault, clears after the fault, and has a section in the runbook."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy import tools
from deploy.layout import ROOT

ALERTS: Final = ROOT / "deploy/observability/alerts.yaml"
RUNBOOK: Final = ROOT / "docs/runbook.md"
RULES: Final[dict[str, dict[str, Any]]] = {
    rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
}
SEVERITIES: Final = {"critical", "warning", "info"}

_GATEWAY: Final = 'job="gateway",instance="g1:9000"'
_BUCKETS: Final = 'instance="g1:9000",job="gateway",le='


def histogram(name: str, slow: str, fast: str) -> dict[str, str]:
    """Return the time series of a histogram: `fast` for the bucket of 10 ms, `slow` for those of 5 s and +Inf."""
    return {
        f'{name}_bucket{{{_BUCKETS}"0.01"}}': fast,
        f'{name}_bucket{{{_BUCKETS}"5"}}': slow,
        f'{name}_bucket{{{_BUCKETS}"+Inf"}}': slow,
    }


FAULTS: Final[dict[str, dict[str, str]]] = {
    # per alert, time series with one value a minute: 20 minutes with the fault, then 40 minutes without it
    "RoomcastGatewayDown": {f"up{{{_GATEWAY}}}": "0x20 1x40"},
    "RoomcastNoGatewayReady": {f"roomcast_gateway_ready{{{_GATEWAY}}}": "0x20 1x40"},
    "RoomcastGatewayNotReady": {
        f"roomcast_gateway_ready{{{_GATEWAY}}}": "0x20 1x40",
        f"roomcast_gateway_drain_state{{{_GATEWAY}}}": "0x60",
    },
    "RoomcastDrainStuck": {f"roomcast_gateway_drain_state{{{_GATEWAY}}}": "1x20 0x40"},
    "RoomcastLoopLag": histogram("roomcast_gateway_loop_lag_seconds", "0+60x60", "0+0x20 60+60x40"),
    "RoomcastSlowAcks": histogram("roomcast_gateway_event_seconds", "0+60x60", "0+0x20 60+60x40"),
    "RoomcastEventErrors": {
        f'roomcast_gateway_events_total{{{_GATEWAY},event="message:send",outcome="ok"}}': "0+600x60",
        f'roomcast_gateway_events_total{{{_GATEWAY},event="message:send",outcome="unavailable"}}': "0+60x20 1200x40",
    },
    "RoomcastPublishHookFails": {
        f'roomcast_gateway_publish_hook_total{{{_GATEWAY},outcome="accepted"}}': "0+600x60",
        f'roomcast_gateway_publish_hook_total{{{_GATEWAY},outcome="deadline"}}': "0+60x20 1200x40",
    },
    "RoomcastRedisReconnects": {f"roomcast_gateway_redis_reconnects{{{_GATEWAY}}}": "0+1x20 20x40"},
    "RoomcastMissingPackets": {f"roomcast_gateway_missing_packets_total{{{_GATEWAY}}}": "0+120x20 2400x40"},
    "RoomcastResyncs": {f"roomcast_gateway_resyncs_total{{{_GATEWAY}}}": "0+1x20 20x40"},
    "RoomcastCanaryLost": {f"roomcast_gateway_canary_losses_total{{{_GATEWAY}}}": "0+1x20 20x40"},
    "RoomcastForgedMessages": {f"roomcast_gateway_forged_messages_total{{{_GATEWAY}}}": "0+1x20 20x40"},
    "RoomcastSlowClients": {f"roomcast_gateway_slow_clients_total{{{_GATEWAY}}}": "0+60x20 1200x40"},
    "RoomcastSignInsRefused": {
        f'roomcast_gateway_connects_total{{{_GATEWAY},outcome="ok"}}': "0+60x60",
        f'roomcast_gateway_connects_total{{{_GATEWAY},outcome="unauthorized"}}': "0+60x20 1200x40",
    },
    "RoomcastSessionsRefused": {
        f'roomcast_gateway_refused_requests_total{{{_GATEWAY},status="503"}}': "0+120x20 2400x40"
    },
    "RoomcastFileDescriptors": {
        f"process_open_fds{{{_GATEWAY}}}": "900x20 100x40",
        f"process_max_fds{{{_GATEWAY}}}": "1000x60",
    },
    "RoomcastPlainHotPath": {f"roomcast_gateway_hotpath_compiled{{{_GATEWAY}}}": "0x20 1x40"},
    "RoomcastNoSweeperLeads": {'roomcast_presence_leader{instance="p1:9000"}': "0x20 1x40"},
    "RoomcastExpirySuspended": {'roomcast_presence_doubts_total{reason="gap",instance="p1:9000"}': "0+16x20 320x40"},
    "RoomcastNoSignerReady": {'roomcast_media_ready{instance="m1:9000"}': "0x20 1x40"},
    "RoomcastStorageDown": {'roomcast_media_storage_up{instance="m1:9000"}': "0x20 1x40"},
    "RoomcastUploadsFailing": {
        'roomcast_media_requests_total{action="sign",outcome="ok"}': "0+60x60",
        'roomcast_media_requests_total{action="sign",outcome="media_unavailable"}': "0+60x20 1200x40",
    },
    "RoomcastApiNotReady": {'roomcast_api_ready{instance="a1:9000"}': "0x20 1x40"},
    "RoomcastApiFailing": {
        'roomcast_api_requests_total{method="GET",route="/v1/cluster",status="200"}': "0+60x60",
        'roomcast_api_requests_total{method="GET",route="/v1/cluster",status="503"}': "0+60x20 1200x40",
    },
}


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run([tools.require("promtool"), *arguments], check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def alerts_expected(name: str, *, fires: bool) -> dict[str, Any]:
    """Return promtool's expectation that the alert fires, or that it does not. Labels and texts are not compared."""
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)'
    return {"expr": query, "eval_time": "19m" if fires else "58m", "exp_samples": [{"value": int(fires)}]}


def test_every_alert_has_time_series_of_its_fault() -> None:
    assert set(FAULTS) == set(RULES)


def test_the_rules_are_valid() -> None:
    assert promtool("check", "rules", ALERTS) == ""


@pytest.mark.parametrize("name", RULES)
def test_an_alert_fires_during_its_fault_and_clears_afterwards(name: str, tmp_path: Path) -> None:
    case = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": series, "values": values} for series, values in FAULTS[name].items()],
                "promql_expr_test": [alerts_expected(name, fires=True), alerts_expected(name, fires=False)],
            }
        ],
    }
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(case))
    assert promtool("test", "rules", path) == ""


@pytest.mark.parametrize("name", RULES)
def test_an_alert_has_a_severity_and_a_section_in_the_runbook(name: str) -> None:
    rule = RULES[name]
    assert rule["labels"]["severity"] in SEVERITIES
    assert {"summary", "description", "runbook"} <= set(rule["annotations"])
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", (ROOT / page).read_text(), re.M)}
    assert anchor in headings


def test_the_runbook_has_no_section_without_an_alert() -> None:
    assert set(re.findall(r"^## (Roomcast\w+)$", RUNBOOK.read_text(), re.M)) == set(RULES)


def test_every_metric_in_a_rule_exists() -> None:
    documented = set(re.findall(r"^\| `(roomcast_\w+)` \|", (ROOT / "docs/operations.md").read_text(), re.M))
    for name, rule in RULES.items():
        used = {re.sub(r"_bucket$", "", metric) for metric in re.findall(r"roomcast_\w+", str(rule["expr"]))}
        assert used <= documented, name
