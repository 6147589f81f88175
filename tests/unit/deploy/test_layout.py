"""The ports of a cluster, and the bounds on the numbers of its processes."""

from __future__ import annotations

import pytest

from deploy.layout import HIGHEST_BASE, MAX_APIS, MAX_GATEWAYS, MAX_SIGNERS, MAX_SWEEPERS, Counts, Ports


def test_no_two_processes_share_a_port() -> None:
    ports = Ports(8080)
    taken = [ports.page, ports.redis, ports.s3]
    taken += [ports.gateway(n) for n in range(1, MAX_GATEWAYS + 1)]
    taken += [ports.gateway_metrics(n) for n in range(1, MAX_GATEWAYS + 1)]
    taken += [ports.sweeper_metrics(n) for n in range(1, MAX_SWEEPERS + 1)]
    taken += [port(n) for n in range(1, MAX_APIS + 1) for port in (ports.api, ports.api_metrics)]
    taken += [ports.signer_metrics(n) for n in range(1, MAX_SIGNERS + 1)]
    assert len(set(taken)) == len(taken)
    assert (ports.gateway(1), ports.gateway(16), ports.redis, ports.s3) == (8181, 8196, 8421, 8422)


@pytest.mark.parametrize("page", [0, -1, HIGHEST_BASE + 1, 70_000])
def test_a_base_port_without_enough_ports_above_is_refused(page: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 65185"):
        Ports(page)


def test_with_the_highest_base_all_ports_are_valid() -> None:
    assert Ports(HIGHEST_BASE).api_metrics(MAX_APIS) == 65_535


@pytest.mark.parametrize("counts", [{"gateways": 17}, {"gateways": -1}, {"sweepers": 5}, {"signers": 5}, {"apis": 5}])
def test_a_number_of_processes_outside_its_bounds_is_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(counts))} must be from 0 to"):
        Counts(**counts)
