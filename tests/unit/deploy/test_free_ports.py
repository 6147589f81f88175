"""Free ports: outside each other's ranges, and a block belongs to one process."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from deploy import free_ports
from deploy.layout import HIGHEST_BASE, HOST, ROOT, Ports


def test_single_ports_are_different_and_free() -> None:
    ports = free_ports.singles(20)
    assert len(set(ports)) == 20
    assert all(free_ports.is_free(port) and port in free_ports.SINGLE for port in ports)


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert not free_ports.is_free(taken.getsockname()[1])


def test_more_ports_than_there_are_is_an_error() -> None:
    with pytest.raises(free_ports.NoFreePortError):
        free_ports.singles(free_ports.ATTEMPTS + 1)


def test_a_cluster_fits_into_a_block_and_blocks_keep_away_from_single_ports() -> None:
    assert Ports(free_ports.BLOCKS.start).s3 - free_ports.BLOCKS.start < free_ports.BLOCK_PORTS
    assert free_ports.BLOCKS[-1] + free_ports.BLOCK_PORTS < min(free_ports.SINGLE.start, HIGHEST_BASE)


def test_a_block_is_held_until_its_process_ends() -> None:
    mine = free_ports.hold_block()
    again = "from deploy import free_ports; print(free_ports._lock(int(sys.argv[1])))"
    command = [sys.executable, "-c", f"import sys; {again}", str(mine)]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "False\n"
    other = "from deploy import free_ports; print(free_ports.hold_block())"
    theirs = int(subprocess.check_output([sys.executable, "-c", other], cwd=ROOT, text=True))
    assert theirs != mine
    command[-1] = str(theirs)
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "True\n"
