"""A process logs one warning at its start for a Redis that is too old or evicts keys."""

from __future__ import annotations

from typing import Any

import pytest

from roomcast.process import redis_faults

FINE = {"redis_version": "7.0.15", "role": "master", "maxmemory_policy": "noeviction"}


async def warnings_about(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[str]:
    lines: list[str] = []

    class Log:
        def warning(self, text: str) -> None:
            lines.append(text)

    monkeypatch.setattr(redis_faults, "_log", Log())
    monkeypatch.setattr(redis_faults, "RETRY_SECONDS", 0.001)
    waiting = list(answers)

    async def ask() -> Any:
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await redis_faults.report(ask, ConnectionError)
    assert waiting == []
    return lines


async def test_a_suitable_redis_causes_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await warnings_about(monkeypatch, ConnectionError("away"), ConnectionError("away"), FINE) == []


async def test_each_fault_causes_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    old, evicting = await warnings_about(
        monkeypatch, FINE | {"redis_version": "6.2.7", "maxmemory_policy": "allkeys-lru"}
    )
    assert "6.2.7 is too old" in old
    assert "maxmemory-policy allkeys-lru" in evicting


async def test_the_first_server_of_a_cluster_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = {"127.0.0.1:7000": FINE | {"maxmemory_policy": "volatile-lru"}, "127.0.0.1:7001": FINE}
    (line,) = await warnings_about(monkeypatch, servers)
    assert "volatile-lru" in line


async def test_unexpected_errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="a bug"):
        await warnings_about(monkeypatch, ValueError("a bug"))
