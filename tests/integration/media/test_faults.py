"""Faults during uploads: a killed signer, a hung or absent storage, and a Redis that is emptied, cut off or paused."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from roomcast.contract import keys
from roomcast.contract.envelope import MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import MediaComplete, MediaSign
from roomcast.gateway.media.requests import Patience
from roomcast.media.bus import Bus
from roomcast.media.metrics import Metrics
from roomcast.media.policy import Announced, Policy
from roomcast.media.records import CLAIM_SECONDS, Claimed, Limits, Records
from roomcast.media.service import Service, Settings
from roomcast.media.storage import Location, connect
from roomcast.wire.envelope import pack
from roomcast.wire.redis_url import parse
from tests import health, s3, servers
from tests.integration import media_rig as rig

ROOM = "public:lobby"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.s3_server_on(tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextmanager
def hanging_storage() -> Iterator[str]:
    """Yield the URL of a server that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def sign_again_and_again(gateway: rig.Gateway, body: bytes) -> dict[str, Any]:
    """Sign an upload, and repeat the request after retryable errors, as clients do, for up to 15 seconds."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await gateway.media.sign_upload("ada", announce(body))
            except RoomcastError as error:
                if not error.code.retryable:
                    raise
            await asyncio.sleep(0.05)


def announce(body: bytes) -> MediaSign:
    return MediaSign(ROOM, "cat.png", "image/png", len(body))


async def refusal(waiting: object) -> RoomcastError:
    with pytest.raises(RoomcastError) as caught:
        await waiting  # type: ignore[misc]
    return caught.value


async def test_without_a_signer_a_request_fails_in_time(redis_url: str) -> None:
    async with rig.gateway(redis_url, Patience()) as gateway:
        started = time.monotonic()
        error = await refusal(gateway.media.sign_upload("ada", announce(b"x" * 10)))
        assert time.monotonic() - started < 5
        assert error.code is Code.MEDIA_UNAVAILABLE
        assert error.retry_after is not None
        assert len(gateway.media) == 0


async def test_a_request_past_its_deadline_is_dropped(redis_url: str, storage: s3.S3, tmp_path: Path) -> None:
    async with rig.gateway(redis_url, Patience()) as gateway:
        await refusal(gateway.media.sign_upload("ada", announce(b"x" * 10)))
    with rig.signer(tmp_path, redis_url, storage.endpoint) as signer, redis.Redis.from_url(redis_url) as client:
        servers.wait_until(
            lambda: signer.metric('roomcast_media_requests_total{action="sign",outcome="too_late"}') == 1,
            "the request is dropped",
        )
        servers.wait_until(lambda: client.xlen(keys.MEDIA_REQUESTS) == 0, "the stream is empty")
        assert client.keys("upload:*") == []


async def test_malformed_requests_are_dropped(redis_url: str, storage: s3.S3, tmp_path: Path) -> None:
    odd = MediaRequest("1", "n", "ada", "sign", {"room": ROOM}, 2**53)
    with rig.signer(tmp_path, redis_url, storage.endpoint) as signer, redis.Redis.from_url(redis_url) as client:
        for fields in ({"m": b"\x07junk"}, {"m": b""}, {"other": b"x"}, {"m": b"\x01\xc1"}, {"m": pack(odd)}):
            client.xadd(keys.MEDIA_REQUESTS, fields)
        servers.wait_until(
            lambda: signer.metric('roomcast_media_requests_total{action="unreadable",outcome="unreadable"}') == 4,
            "the unreadable requests are counted",
        )
        servers.wait_until(
            lambda: signer.metric('roomcast_media_requests_total{action="sign",outcome="bad_request"}') == 1,
            "the incomplete request is refused",
        )
        servers.wait_until(lambda: client.xlen(keys.MEDIA_REQUESTS) == 0, "the stream is empty")
        async with rig.gateway(redis_url) as gateway:
            assert (await gateway.media.sign_upload("ada", announce(b"x" * 10)))["upload"]
        assert "Traceback" not in signer.log.read_text()


async def test_a_signer_takes_over_the_request_of_a_killed_signer(
    redis_url: str, storage: s3.S3, tmp_path: Path
) -> None:
    """A signer whose storage hangs claims the upload and is killed. Another signer must answer within 20 s."""
    body = rig.picture()
    with (
        hanging_storage() as nowhere,
        rig.signer(tmp_path, redis_url, nowhere, "/healthz", ROOMCAST_S3_SETUP="0") as doomed,
        rig.signer(tmp_path, redis_url, storage.endpoint) as heir,
        redis.Redis.from_url(redis_url) as client,
    ):
        async with rig.gateway(redis_url) as gateway:
            form = await gateway.media.sign_upload("ada", announce(body))
            form["url"] = form["url"].replace(nowhere, storage.endpoint)
            await rig.store(form, body)
            heir.process.send_signal(signal.SIGSTOP)
            servers.wait_until(lambda: client.info("clients")["blocked_clients"] <= 1, "only one signer reads")
            await asyncio.sleep(0)
            completing = asyncio.ensure_future(gateway.media.complete_upload("ada", MediaComplete(form["upload"])))
            while client.hget(keys.upload(form["upload"]), "claim") is None:
                await asyncio.sleep(0.02)
            doomed.process.kill()
            heir.process.send_signal(signal.SIGCONT)
            media = (await completing)["media"]
            assert (await rig.fetch(media["url"].replace(nowhere, storage.endpoint)))[1] == body
        assert heir.metric("roomcast_media_claimed_total") == 1


async def test_while_the_storage_hangs_completions_fail_and_signatures_work(redis_url: str, tmp_path: Path) -> None:
    with (
        hanging_storage() as nowhere,
        rig.signer(tmp_path, redis_url, nowhere, "/healthz", ROOMCAST_S3_SETUP="0") as signer,
    ):
        async with rig.gateway(redis_url, Patience(sign_seconds=4.0)) as gateway:
            form = await gateway.media.sign_upload("ada", announce(b"x" * 10))
            waiting = [
                asyncio.ensure_future(refusal(gateway.media.complete_upload("ada", MediaComplete(form["upload"]))))
                for _ in range(60)
            ]
            await asyncio.sleep(0)
            assert (await gateway.media.sign_upload("ada", announce(b"x" * 10)))["upload"]
            errors = await asyncio.gather(*waiting)
            assert {error.code for error in errors} == {Code.MEDIA_UNAVAILABLE}
            assert any(error.detail == "too many uploads are being verified" for error in errors)
            assert (await gateway.media.sign_upload("ada", announce(b"x" * 10)))["upload"]
        assert signer.get("/healthz")[0] == 200


class LingeringRecords(Records):
    """Records whose `release` returns late. Meanwhile the signer must not renew the released claim."""

    async def release(self, upload: str, token: str) -> None:
        await super().release(upload, token)
        await asyncio.sleep(CLAIM_SECONDS / 2)


async def test_a_released_claim_is_not_renewed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.SECRET_KEY)
    bus = Bus(parse(redis_url), "test")
    await bus.join()
    records = LingeringRecords(bus, Limits(10, 10**6, 60, 60, 60))
    metrics = Metrics()
    nowhere = Location(rig.BUCKET, f"http://127.0.0.1:{servers.free_port()}")
    async with connect(nowhere, "POST", metrics) as absent:
        rules = Policy(frozenset({"image/png"}), 10**6, 10**6)
        service = Service(records, absent, rules, Settings(60, 60), bus, lambda: secrets.token_hex(8))
        await records.open(
            "upload-1", "ada", ROOM, "final/upload-1", Announced("cat.png", "image/png", 10), await bus.now_ms()
        )
        error = await refusal(service.handle(MediaRequest("1", "n", "ada", "complete", {"upload": "upload-1"}, 2**53)))
        assert error.code is Code.MEDIA_UNAVAILABLE
        assert isinstance(await records.claim("upload-1", "ada", "the next attempt"), Claimed)
    await bus.leave()


async def test_a_completion_fails_with_media_unavailable_until_the_storage_is_back(
    redis_url: str, tmp_path: Path
) -> None:
    port = servers.free_port()
    body = rig.picture()
    with rig.signer(tmp_path, redis_url, f"http://127.0.0.1:{port}", is_ready="/healthz") as signer:
        async with rig.gateway(redis_url) as gateway:
            form = await gateway.media.sign_upload("ada", announce(body))
            error = await refusal(gateway.media.complete_upload("ada", MediaComplete(form["upload"])))
            assert error.code is Code.MEDIA_UNAVAILABLE
            assert signer.get("/readyz")[0] == 503
            with s3.s3_server_on(tmp_path, port):
                servers.wait_until(lambda: signer.get("/readyz")[0] == 200, "the bucket is set up")
                assert await rig.store(form, body) == 204
                assert (await gateway.media.complete_upload("ada", MediaComplete(form["upload"])))["media"][
                    "width"
                ] == 40


async def test_every_request_of_a_burst_is_answered(redis_url: str, storage: s3.S3, tmp_path: Path) -> None:
    """The burst has more requests than the signer handles at once, and more than it has Redis connections."""
    with rig.signer(tmp_path, redis_url, storage.endpoint) as signer:
        async with rig.gateway(redis_url) as gateway:
            forms = await asyncio.gather(
                *(gateway.media.sign_upload(f"user-{n}", announce(b"x" * 10)) for n in range(200))
            )
        assert len({form["upload"] for form in forms}) == 200
        answered = 'roomcast_media_requests_total{action="sign",outcome="ok"}'
        servers.wait_until(lambda: signer.metric(answered) == 200, "each request is counted once")


async def test_after_redis_was_emptied_the_signer_joins_its_consumer_group_again(
    redis_url: str, storage: s3.S3, tmp_path: Path
) -> None:
    with rig.signer(tmp_path, redis_url, storage.endpoint), redis.Redis.from_url(redis_url) as client:
        client.flushall()
        async with rig.gateway(redis_url) as gateway:
            assert (await gateway.media.sign_upload("ada", announce(b"x" * 10)))["upload"]


async def test_a_signer_opens_new_redis_connections_after_a_cut(redis_url: str, storage: s3.S3, tmp_path: Path) -> None:
    with rig.signer(tmp_path, redis_url, storage.endpoint) as signer, redis.Redis.from_url(redis_url) as client:
        async with rig.gateway(redis_url) as gateway:
            for _ in range(10):
                client.client_kill_filter(_type="normal", skipme=True)
                assert (await sign_again_and_again(gateway, b"x" * 10))["upload"]
        descriptors = len(list(Path(f"/proc/{signer.process.pid}/fd").iterdir()))
        assert descriptors < 40


async def test_the_signer_is_unready_while_redis_is_paused(storage: s3.S3, tmp_path: Path) -> None:
    with servers.redis_server(tmp_path) as port, redis.Redis(port=port) as client:
        pid = client.info("server")["process_id"]
        with rig.signer(tmp_path, f"redis://127.0.0.1:{port}/0", storage.endpoint) as signer:
            subprocess.run(["kill", "-STOP", str(pid)], check=True)
            try:
                servers.wait_until(lambda: signer.get("/readyz")[0] == 503, "the signer is unready")
                assert signer.get("/healthz")[0] == 200
            finally:
                subprocess.run(["kill", "-CONT", str(pid)], check=True)
            servers.wait_until(lambda: signer.get("/readyz")[0] == 200, "the signer is ready again")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_uploads_that_were_never_completed_are_deleted(
    redis_url: str, storage: s3.S3, tmp_path: Path, method: str
) -> None:
    body = rig.picture()
    hasty = {
        "ROOMCAST_MEDIA_METHOD": method,
        "ROOMCAST_MEDIA_UPLOAD_SECONDS": "6",
    }
    with (
        rig.signer(tmp_path, redis_url, storage.endpoint, **hasty) as signer,
        redis.Redis.from_url(redis_url) as client,
    ):
        async with rig.gateway(redis_url) as gateway:
            abandoned, kept = [await gateway.media.sign_upload("ada", announce(body)) for _ in range(2)]
            await rig.store(abandoned, body)
            await rig.store(kept, body)
            media = (await gateway.media.complete_upload("ada", MediaComplete(kept["upload"])))["media"]
            await rig.store(kept, body)
            assert storage.holds(rig.BUCKET, f"incoming/{abandoned['upload']}")
            assert storage.holds(rig.BUCKET, f"incoming/{kept['upload']}")
            servers.wait_until(lambda: client.zcard(keys.MEDIA_INCOMING) == 0, "both uploads are deleted", 40)
            assert not storage.holds(rig.BUCKET, f"incoming/{abandoned['upload']}")
            assert not storage.holds(rig.BUCKET, f"incoming/{kept['upload']}")
            assert (await rig.fetch(media["url"]))[1] == body
            assert signer.metric('roomcast_media_swept_total{kind="abandoned"}') == 1
            assert signer.metric('roomcast_media_swept_total{kind="completed"}') == 1
            assert await rig.store(abandoned, body) == 403
            error = await refusal(gateway.media.complete_upload("ada", MediaComplete(abandoned["upload"])))
            assert error.code is Code.UPLOAD_EXPIRED


async def test_at_sigterm_the_signer_finishes_its_work_leaves_the_consumer_group_and_exits_0(
    redis_url: str, storage: s3.S3, tmp_path: Path
) -> None:
    body = rig.picture()
    with rig.signer(tmp_path, redis_url, storage.endpoint) as signer, redis.Redis.from_url(redis_url) as client:
        async with rig.gateway(redis_url) as gateway:
            form = await gateway.media.sign_upload("ada", announce(body))
            await rig.store(form, body)
            completing = asyncio.ensure_future(gateway.media.complete_upload("ada", MediaComplete(form["upload"])))
            while client.hget(keys.upload(form["upload"]), "claim") is None and not completing.done():
                await asyncio.sleep(0.001)
            signer.process.send_signal(signal.SIGTERM)
            assert (await completing)["media"]["size"] == len(body)
        assert signer.process.wait(8) == 0
        assert client.xinfo_consumers(keys.MEDIA_REQUESTS, keys.MEDIA_GROUP) == []


def test_the_metrics_are_well_formed(redis_url: str, storage: s3.S3, tmp_path: Path) -> None:
    with rig.signer(tmp_path, redis_url, storage.endpoint) as signer:
        status, text = signer.get("/metrics")
    assert status == 200
    assert health.complaints(text) == ""
    assert "roomcast_media_ready" in text


async def test_a_signer_whose_account_may_not_publish_is_unready_and_logs_it_once(
    storage: s3.S3, tmp_path: Path
) -> None:
    """Such a signer takes no requests, because it could not answer them. A signer with the permission answers them."""
    with servers.redis_server(tmp_path) as port, redis.Redis(port=port) as client:
        client.execute_command("ACL", "SETUSER", "mute", "on", ">mute", "~*", "+@all", "resetchannels")
        url = f"redis://127.0.0.1:{port}/0"
        with rig.signer(tmp_path, url.replace("://", "://mute:mute@"), storage.endpoint, "/healthz") as mute:
            servers.wait_until(lambda: mute.metric("roomcast_media_redis_failures_total") >= 4, "four tries")
            assert mute.get("/readyz")[0] == 503
            told = [line for line in mute.log.read_text().splitlines() if "NoPermissionError" in line]
            assert len(told) == 1
            with rig.signer(tmp_path, url, storage.endpoint):
                async with rig.gateway(url) as gateway:
                    assert (await gateway.media.sign_upload("ada", announce(b"x" * 10)))["upload"]


def test_a_redis_that_may_evict_keys_is_logged_once(storage: s3.S3, tmp_path: Path) -> None:
    with (
        servers.redis_server(tmp_path, "--maxmemory-policy", "allkeys-lru") as port,
        rig.signer(tmp_path, f"redis://127.0.0.1:{port}/0", storage.endpoint) as signer,
    ):
        servers.wait_until(lambda: "allkeys-lru" in signer.log.read_text(), "the warning")
        assert signer.log.read_text().count("maxmemory-policy") == 1
