"""The nginx.conf of a local cluster."""

from __future__ import annotations

import re

from deploy import nginx_config, template
from deploy.layout import ROOT, Ports

VALUES = nginx_config.local_values(Ports(8080), cpus=2, open_files=20_000)


def test_every_placeholder_has_a_value_and_every_value_is_used() -> None:
    assert template.names(nginx_config.TEMPLATE.read_text()) == set(VALUES)


def test_the_configuration_names_all_gateways_up_to_the_capacity() -> None:
    text = nginx_config.render(VALUES)
    upstreams = ("WebSocket", "polling", "sign-in", "its own")
    for number in range(1, 17):
        assert len(re.findall(rf"server 127\.0\.0\.1:{8180 + number}\b", text)) == len(upstreams)
        assert f"upstream gateway_{number} {{" in text


def test_the_api_has_a_route_only_if_it_is_requested() -> None:
    assert "/api/" not in nginx_config.render(VALUES)
    shown = nginx_config.local_values(Ports(8080), cpus=1, open_files=1, has_api_route=True)
    assert "proxy_pass http://127.0.0.1:8423/;" in nginx_config.render(shown)


def test_nginx_listens_on_the_loopback_address_only() -> None:
    assert re.findall(r"^\s*listen (\S+)", nginx_config.render(VALUES), re.M) == ["127.0.0.1:8080"]


def test_connections_and_workers_depend_on_the_machine_up_to_a_bound() -> None:
    assert VALUES["NGINX_CONNECTIONS"] == "20000"
    assert nginx_config.local_values(Ports(1), cpus=64, open_files=10**6)["NGINX_CONNECTIONS"] == "65536"
    assert nginx_config.local_values(Ports(1), cpus=64, open_files=10**6)["NGINX_WORKERS"] == "4"


def test_nginx_does_not_try_the_next_gateway_after_a_503() -> None:
    text = nginx_config.render(VALUES)
    assert "proxy_next_upstream error timeout http_502;" in text
    assert "http_503" not in text


def test_the_read_timeout_is_longer_than_ping_interval_and_timeout() -> None:
    ping_interval_and_timeout_seconds = 25 + 20
    match = re.search(r"location /socket\.io/ .*?proxy_read_timeout (\d+)s;", nginx_config.render(VALUES), re.S)
    assert match is not None
    assert int(match[1]) > ping_interval_and_timeout_seconds


def test_the_body_limit_of_the_storage_is_a_little_above_the_upload_limit() -> None:
    values = nginx_config.local_values(Ports(1), cpus=1, open_files=1, upload_bytes=1_000_000)
    assert 1_000_000 < int(values["S3_MAX_BODY"]) < 1_100_000


def test_every_gateway_keeps_getting_new_websockets_after_a_failure() -> None:
    """Without `max_fails=0`, nginx leaves a gateway out after one failure, until a WebSocket to that gateway ends."""
    rendered = nginx_config.render(nginx_config.local_values(Ports(8080), cpus=2, open_files=1024))
    upstream = rendered.split("upstream websocket_sessions {")[1].split("}")[0]
    servers = [line for line in upstream.splitlines() if "server 127" in line]
    assert len(servers) == 16
    assert all("max_fails=0" in line for line in servers)


def test_a_larger_capacity_lists_more_gateways() -> None:
    text = nginx_config.render(nginx_config.local_values(Ports(8080), cpus=2, open_files=1024, capacity=40))
    assert [number for number in range(1, 99) if f"upstream gateway_{number} {{" in text] == list(range(1, 41))


def test_the_helm_chart_sets_every_placeholder() -> None:
    chart = (ROOT / "deploy" / "chart" / "roomcast" / "templates" / "nginx.yaml").read_text()
    given = set(re.findall(r"- \{name: ([A-Z0-9_]+), value:", chart))
    assert given - {"NGINX_ENVSUBST_OUTPUT_DIR"} == template.names(nginx_config.TEMPLATE.read_text())
