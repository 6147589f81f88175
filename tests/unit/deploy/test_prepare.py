"""The faults that prevent the start of a cluster, and the folders that are made for a cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy import prepare
from deploy.cluster import free_base
from deploy.layout import ROOT, Ports
from deploy.prepare import CannotStart


@pytest.mark.parametrize("which", ["page", "redis", "s3"])
def test_the_error_names_the_port_that_is_taken(which: str) -> None:
    ports = Ports(free_base())
    port = getattr(ports, which)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CannotStart, match=rf"^port {port} .*PORT="):
        prepare.check_ports(ports)
    prepare.check_ports(ports)


def test_the_ports_of_gateways_that_do_not_start_are_also_checked() -> None:
    ports = Ports(free_base())
    with socket.create_server(("127.0.0.1", ports.gateway(16))), pytest.raises(CannotStart, match="gateway 16"):
        prepare.check_ports(ports)


def test_a_second_cluster_cannot_start_in_the_same_folder(tmp_path: Path) -> None:
    with prepare.claimed(tmp_path):
        assert prepare.supervisor_pid(tmp_path) == os.getpid()
        with pytest.raises(CannotStart, match=f"process {os.getpid()}"), prepare.claimed(tmp_path):
            pass
    assert prepare.supervisor_pid(tmp_path) is None


def test_a_pid_file_without_a_lock_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "supervisor.pid").write_text("1")
    assert prepare.supervisor_pid(tmp_path) is None


def test_the_page_is_readable_by_all_users(tmp_path: Path) -> None:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True, mode=0o700)
    (built / "index.html").write_text("page")
    (built / "index.html").chmod(0o600)
    (tmp_path / "run").mkdir()
    with prepare.public_folder(tmp_path) as public:
        prepare.publish_page(built, public)
        modes = {
            path.relative_to(public / "page").as_posix(): path.stat().st_mode & 0o777
            for path in (public / "page").rglob("*")
        }
        assert modes == {"assets": 0o755, "index.html": 0o644}
        assert public.resolve().stat().st_mode & 0o777 == 0o755
    assert not public.exists()


def test_the_files_of_a_crashed_cluster_are_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    script = (
        "import os, sys; from pathlib import Path; from deploy import prepare\n"
        "with prepare.public_folder(Path(sys.argv[1])) as folder: print(folder, flush=True); os._exit(9)"
    )
    crashed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    left = Path(crashed.stdout.strip())
    (left / "mark").touch()
    with prepare.public_folder(tmp_path):
        assert not (left / "mark").exists()


def test_the_folder_of_another_cluster_is_not_removed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "run").mkdir(parents=True)
    with prepare.public_folder(tmp_path / "a") as one, prepare.public_folder(tmp_path / "b") as other:
        assert one != other
        assert one.exists()


def test_clusters_that_start_at_the_same_time_keep_their_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def start_often(number: int) -> bool:
        state = tmp_path / str(number)
        (state / "run").mkdir(parents=True)
        kept = []
        for _ in range(100):
            with prepare.public_folder(state) as folder:
                kept.append((folder / "run").is_dir())
        return all(kept)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(start_often, range(4)))
