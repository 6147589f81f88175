"""Two gateways never use the same node number, even after a kill. A gateway may take a free number from Redis."""

from __future__ import annotations

import signal
from pathlib import Path

from roomcast.contract import keys
from tests import servers
from tests.gateways import SECRET as JWT_SECRET
from tests.gateways import Clients, gateway, run_once, store
from tests.waiting import until


def test_a_second_process_with_the_same_number_refuses_to_start(redis_url: str, tmp_path: Path) -> None:
    with gateway(tmp_path, redis_url, "3") as first:
        ended = run_once(
            REDIS_URL=redis_url,
            JWT_SECRET=JWT_SECRET,
            NODE="3",
            PORT=str(servers.free_port()),
            METRICS_PORT=str(servers.free_port()),
        )
        assert ended.returncode == 1
        assert "node number is taken by a running gateway" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert first.is_ready


def test_a_killed_gateway_is_replaced_before_its_lease_ends(redis_url: str, tmp_path: Path) -> None:
    with gateway(tmp_path, redis_url, "3") as first:
        first.kill()
        with store(redis_url) as redis:
            assert redis.expire(keys.node_lease("3"), 3_600)
        with gateway(tmp_path, redis_url, "3") as second:
            assert second.is_ready


async def test_a_gateway_without_a_configured_number_takes_a_free_one(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with (
        gateway(tmp_path, redis_url, "1"),
        gateway(tmp_path, redis_url, "") as second,
        gateway(tmp_path, redis_url, "") as third,
    ):
        nodes = [(await clients(one, "ada")).seen("ready")[0]["node"] for one in (second, third)]
    assert nodes == ["2", "3"]


async def test_a_gateway_whose_number_was_taken_moves_its_clients_and_ends(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with gateway(tmp_path, redis_url, "3", DRAIN_SECONDS="2") as running:
        ada = await clients(running, "ada")
        with store(redis_url) as redis:
            redis.set(keys.node_lease("3"), "another", ex=60)
            redis.set(keys.node_process("3"), "elsewhere/1/1", ex=60)
        await ada.expect_gone(10)
        code = await until(running.process.poll, "the process has ended")
        assert code == 1
        assert "another process holds this gateway's number" in running.said()
        running.process.returncode = -signal.SIGKILL  # so that `stop` does not expect exit code 0
    assert "Traceback" not in running.said()


async def test_a_gateway_is_not_ready_before_it_has_the_lease_of_its_number(redis_url: str, tmp_path: Path) -> None:
    with store(redis_url) as redis:
        redis.set(keys.node_lease("3"), "another", px=14_000)
        redis.set(keys.node_process("3"), "elsewhere/1/1", px=14_000)
    with gateway(tmp_path, redis_url, "3", is_ready=False) as running:
        assert not running.is_ready
        with store(redis_url) as redis:
            redis.delete(keys.node_lease("3"), keys.node_process("3"))
        await until(lambda: running.is_ready, "the gateway is ready once the lease has ended", 8)
