"""The metrics `process_*`, compared with those of prometheus_client's collector, and the number of open files."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.process_collector import ProcessCollector

from roomcast.process import resource_usage
from roomcast.process.resource_usage import ProcessUsage, open_files


def figures(registry: CollectorRegistry) -> dict[str, float]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        sample.name: sample.value for family in families for sample in family.samples if "created" not in sample.name
    }


def test_each_metric_is_close_to_the_same_metric_of_the_standard_collector() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    ProcessUsage(ours)
    ProcessCollector(registry=theirs)

    found, expected = figures(ours), figures(theirs)

    assert found.keys() == expected.keys()
    assert found["process_max_fds"] == expected["process_max_fds"]
    for name in ("process_resident_memory_bytes", "process_virtual_memory_bytes"):
        assert found[name] == pytest.approx(expected[name], rel=0.05), name
    # Both collectors round the start time. The standard collector opens files to count the open files.
    for name, tolerance in (("start_time_seconds", 2), ("cpu_seconds_total", 0.5), ("open_fds", 3)):
        assert found[f"process_{name}"] == pytest.approx(expected[f"process_{name}"], abs=tolerance), name


def test_fifty_more_open_files_raise_the_count_by_fifty(tmp_path: Path) -> None:
    before = open_files()
    files = [(tmp_path / str(number)).open("w") for number in range(50)]
    try:
        assert open_files() == before + 50
    finally:
        for file in files:
            file.close()


def test_open_files_are_listed_if_the_size_of_their_folder_is_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since Linux 6.2 the size of `/proc/self/fd` is the number of open files. On older kernels it is 0.

    The test uses another procfs folder, whose size is 0 on every kernel, in place of `/proc/self/fd`.
    """
    folder = Path("/proc/self/attr")
    assert folder.stat().st_size == 0
    monkeypatch.setattr(resource_usage, "_FILES", str(folder))

    assert open_files() == len(list(folder.iterdir())) > 0
