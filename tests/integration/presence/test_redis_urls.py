"""The sweeper's store with Redis URLs of several forms: password, Unix socket and Sentinel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from roomcast.presence.expiry import Windows, judge
from roomcast.presence.store import PresenceStore, StoreError, connect
from tests import servers
from tests.redis_cluster import sentinel


@contextmanager
def redis_of_kind(kind: str, folder: Path) -> Iterator[str]:
    """Run a new Redis of this kind; yield its URL."""
    options = {"password": ["--requirepass", "p@ss/word"], "unix": ["--unixsocket", str(folder / "r.sock")]}
    with servers.redis_server(folder, *options.get(kind, [])) as port:
        if kind == "sentinel":
            with sentinel(folder, port, quorum=1) as sentinel_port:
                yield f"redis+sentinel://127.0.0.1:{sentinel_port}/main"
        elif kind == "unix":
            yield f"unix://{folder / 'r.sock'}?db=2"
        else:
            yield f"redis://:p%40ss%2Fword@127.0.0.1:{port}/1"


@pytest.mark.parametrize("kind", ["password", "unix", "sentinel"])
async def test_the_sweeper_s_store_works_with_each_kind_of_redis(kind: str, tmp_path: Path) -> None:
    windows = Windows()
    with redis_of_kind(kind, tmp_path) as url:
        store = PresenceStore(connect(url), windows)
        assert await store.hold_lease("me")
        assert not await store.hold_lease("other")
        state = await store.read_shard(0)
        assert await store.sweep(0, state, judge(state.now_ms, state.mark, windows)) == 0
        assert (await store.read_shard(0)).mark is not None
        assert await store.dead_nodes() == []
        assert not await store.release_lease("other")
        assert await store.release_lease("me")
        await store.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@127.0.0.1:1",
        "redis://no-such-host.invalid",
        "unix:///nowhere/r.sock",
        "redis+sentinel://127.0.0.1:1/main",
        "redis+cluster://127.0.0.1:1",
    ],
)
async def test_an_absent_redis_raises_an_error_of_one_line(url: str) -> None:
    store = PresenceStore(connect(url), Windows())
    with pytest.raises(StoreError) as caught:
        await store.read_shard(0)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    await store.close()
