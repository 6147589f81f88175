"""The benchmark computes its figures from the result of a load client."""

import pytest

from loadtest.bench.growth import _chain_connected
from loadtest.bench.measure import delivery_figures, rest_figures


def test_the_cost_of_a_message_excludes_the_idle_cost_of_the_server() -> None:
    run = {"cpu": {"servers": 2.0}, "seconds": 4.0, "sent": 1000}
    assert rest_figures(run, rest=0.1) == {"rest_percent": 10.0, "above_rest_us": pytest.approx(1600.0)}


def test_the_cost_of_a_delivery_through_nginx_is_the_sum_over_servers_redis_and_nginx() -> None:
    cpu = {"servers": 2.0, "redis": 1.0, "nginx": 0.5, "client": 9.0}
    latencies = {"p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0}
    run = {"cpu": cpu, "seconds": 4.0, "sent": 10, "deliveries": 1000, "lost": 0, "refused": 0, **latencies}
    assert delivery_figures(run, through_nginx=True)["chain_us"] == pytest.approx(3500.0)
    assert "chain_us" not in delivery_figures(run, through_nginx=False)


def test_the_cost_of_a_connection_through_nginx_is_the_sum_over_servers_redis_and_nginx() -> None:
    made = {"cpu": {"servers": 10.0, "redis": 2.0, "nginx": 4.0}, "seconds": 20.0}
    figures = _chain_connected(made, {"servers": 200 * 2**20, "redis": 20 * 2**20, "nginx": 400 * 2**20})
    assert figures["chain_connect_us"] == pytest.approx(800.0)
    assert figures["chain_kib"] == pytest.approx(figures["memory_kib"] + figures["nginx_kib"] + figures["redis_kib"])
    assert figures["connect_rate"] == 1000
