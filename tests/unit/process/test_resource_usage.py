"""The resource usage that a process reports, compared with prometheus_client's collector."""

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


def test_the_metrics_equal_the_metrics_of_the_standard_collector() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    ProcessUsage(ours)
    ProcessCollector(registry=theirs)

    found, expected = figures(ours), figures(theirs)

    assert found.keys() == expected.keys()
    for name in ("process_max_fds", "process_start_time_seconds", "process_resident_memory_bytes"):
        assert found[name] == pytest.approx(expected[name], rel=0.05), name
    assert found["process_start_time_seconds"] == pytest.approx(expected["process_start_time_seconds"], abs=2)
    assert found["process_cpu_seconds_total"] == pytest.approx(expected["process_cpu_seconds_total"], abs=0.5)


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = open_files()
    files = [(tmp_path / str(number)).open("w") for number in range(50)]
    try:
        assert open_files() == before + 50
    finally:
        for file in files:
            file.close()


def test_open_files_are_listed_if_the_kernel_does_not_count_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test counts a procfs folder of size 0. Before Linux 6.2 the size of `/proc/self/fd` is 0, too."""
    folder = Path("/proc/self/attr")
    assert folder.stat().st_size == 0
    monkeypatch.setattr(resource_usage, "_FILES", str(folder))

    assert open_files() == len(list(folder.iterdir())) > 0
