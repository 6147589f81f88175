"""The calculator of the gateways, nginx processes and Redis servers that a load needs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from roomcast.cli.__main__ import main
from roomcast.cli.plan import (
    CORE_SHARE,
    GATEWAY_CONNECTIONS,
    MAX_GATEWAYS,
    REDIS_GIB,
    REDIS_MEMORY_SHARE,
    Load,
    Plan,
    plan,
    receivers,
)
from roomcast.cli.unit_costs import COSTS, cost

SIZES = (100, 10_000, 100_000, 1_000_000, 10_000_000)


def test_receivers_is_the_expected_number_of_gateways_with_a_member() -> None:
    assert receivers(1, 10) == pytest.approx(1.0)
    assert receivers(20, 1) == pytest.approx(1.0)
    assert receivers(10_000, 10) == pytest.approx(10.0)
    assert 6.5 < receivers(10, 10) < 6.6


@pytest.mark.parametrize("users", SIZES)
def test_no_process_is_loaded_above_its_limits(users: int) -> None:
    found = plan(Load(users))
    gateway, redis = found.need("gateway"), found.need("redis")
    assert 2 <= gateway.servers <= MAX_GATEWAYS
    assert gateway.cores <= gateway.servers * CORE_SHARE * 1.001
    assert found.connections_per_gateway <= GATEWAY_CONNECTIONS
    assert redis.memory_gib <= redis.servers * REDIS_GIB * REDIS_MEMORY_SHARE
    assert redis.servers == 1 or redis.servers >= 3


def test_a_larger_load_never_needs_fewer_processes() -> None:
    base = Load(200_000)
    more = (
        replace(base, users=400_000),
        replace(base, messages_per_minute=4.0),
        replace(base, room_size=200, rooms_per_user=50),
        replace(base, kept_messages=10_000),
        replace(base, text_bytes=4_000),
        replace(base, reconnect_seconds=2),
    )
    before = plan(base)
    for load in more:
        after = plan(load)
        assert all(new.servers >= old.servers for new, old in zip(after.needs, before.needs, strict=True)), load
        assert after != before or load.reconnect_seconds < base.reconnect_seconds


def test_the_plan_names_the_limiting_resource() -> None:
    def limits(load: Load) -> tuple[str, str]:
        found: Plan = plan(load)
        return found.need("gateway").limit, found.need("redis").limit

    assert limits(Load(500_000, messages_per_minute=0.01)) == ("connections", "memory")
    assert limits(Load(10_000, messages_per_minute=60.0, kept_messages=10)) == ("CPU", "CPU")
    assert limits(Load(20_000, messages_per_minute=0.1, reconnect_seconds=1))[0] == "reconnects"
    assert limits(Load(1_000))[1] == "one server"


def test_a_load_that_needs_more_gateways_than_there_are_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 9999 gateways"):
        plan(Load(10_000_000, messages_per_minute=600.0, room_size=1_000))


def test_a_higher_unit_cost_needs_more_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan(Load(1_000_000))
    expensive = {name: each._replace(value=each.value * 3) for name, each in COSTS.items()}
    monkeypatch.setattr("roomcast.cli.unit_costs.COSTS", expensive)
    assert cost("redis_message_us") == 3 * COSTS["redis_message_us"].value
    after = plan(Load(1_000_000))
    assert all(new.servers >= old.servers for new, old in zip(after.needs, before.needs, strict=True))
    assert after.need("gateway").servers > before.need("gateway").servers


def test_the_command_prints_the_plan() -> None:
    done = CliRunner().invoke(main, ["--json", "plan", "--users", "100000", "--messages", "2", "--kept", "500"])
    assert done.exit_code == 0, done.output
    found = {row["process"]: row["servers"] for row in json.loads(done.output)}
    needs = plan(Load(100_000, 2.0, kept_messages=500)).needs
    assert found == {need.process: need.servers for need in needs}


def test_the_command_refuses_a_load_that_is_too_large() -> None:
    done = CliRunner().invoke(main, ["plan", "--users", "10000000", "--messages", "600", "--room", "1000"])
    assert done.exit_code == 2
    assert "split the load" in done.output
