"""Free ports: single ports and blocks are from separate ranges, and a block belongs to one process at a time."""

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


def test_a_request_for_too_many_ports_is_an_error() -> None:
    with pytest.raises(free_ports.NoFreePortError):
        free_ports.singles(free_ports.ATTEMPTS + 1)


def test_a_cluster_fits_into_a_block_and_blocks_lie_below_the_single_ports() -> None:
    assert Ports(free_ports.BLOCKS.start).s3 - free_ports.BLOCKS.start < free_ports.BLOCK_PORTS
    assert free_ports.BLOCKS[-1] + free_ports.BLOCK_PORTS < min(free_ports.SINGLE.start, HIGHEST_BASE)


def test_no_other_process_gets_a_block_before_it_is_released() -> None:
    mine = free_ports.hold_block()
    again = "from deploy import free_ports; print(free_ports._lock(int(sys.argv[1])))"
    command = [sys.executable, "-c", f"import sys; {again}", str(mine)]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "False\n"
    free_ports.release_block(mine)
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "True\n"
    free_ports.release_block(mine)


def test_a_block_is_free_when_its_process_has_ended() -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from deploy import free_ports; print(free_ports._lock(int(sys.argv[1])))",
    ]
    other = "from deploy import free_ports; print(free_ports.hold_block())"
    theirs = int(subprocess.check_output([sys.executable, "-c", other], cwd=ROOT, text=True))
    assert subprocess.check_output([*command, str(theirs)], cwd=ROOT, text=True) == "True\n"
