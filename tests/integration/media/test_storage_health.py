"""Health of the storage: a refused request makes the signer unready. A storage without CORS rules is accepted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import MediaComplete, MediaSign
from tests import s3, servers
from tests.integration import media_rig as rig
from tests.waiting import until

ROOM = "public:lobby"
Answer = Callable[[web.Request], web.Response | None]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.s3_server_on(tmp_path_factory.mktemp("s3")) as server:
        yield server


@asynccontextmanager
async def in_front_of(storage: s3.S3, answer: Answer) -> AsyncIterator[str]:
    """Run a proxy that answers some requests itself and forwards the others unchanged."""

    async def serve(request: web.Request) -> web.StreamResponse:
        own = answer(request)
        if own is not None:
            return own
        url = URL(storage.endpoint + request.raw_path, encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "transfer-encoding"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(request.method, url, data=await request.read(), headers=headers) as found,
        ):
            kept = {name: value for name, value in found.headers.items() if name.lower() != "transfer-encoding"}
            return web.Response(status=found.status, body=await found.read(), headers=kept)

    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    port = servers.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def reasons(signer: rig.Signer) -> list[str]:
    """Return the reasons in the signer's log, in order."""
    lines = [json.loads(line) for line in signer.log.read_text().splitlines() if line.startswith("{")]
    return [line["reason"] for line in lines if "reason" in line]


async def code_of(waiting: Awaitable[Any]) -> Code:
    with pytest.raises(RoomcastError) as caught:
        await waiting
    return caught.value.code


async def upload(redis_url: str, body: bytes) -> dict[str, Any]:
    async with rig.gateway(redis_url) as gateway:
        form = await gateway.media.sign_upload("ada", MediaSign(ROOM, "cat.png", "image/png", len(body)))
        assert await rig.store(form, body) in (200, 204)
        media: dict[str, Any] = (await gateway.media.complete_upload("ada", MediaComplete(form["upload"])))["media"]
        return media


@pytest.mark.parametrize("setup", ["0", "1"])
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another-secret"}, "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "another-key"}, "InvalidAccessKeyId"),
    ],
)
async def test_wrong_credentials_make_the_signer_unready(
    redis_url: str, storage: s3.S3, tmp_path: Path, changed: dict[str, str], reason: str, setup: str
) -> None:
    with rig.signer(tmp_path, redis_url, storage.endpoint, "/healthz", ROOMCAST_S3_SETUP=setup, **changed) as signer:
        servers.wait_until(lambda: any(reason in told for told in reasons(signer)), "the reason is logged")
        assert signer.get("/readyz")[0] == 503
        assert signer.metric("roomcast_media_storage_up") == 0
        assert signer.metric('roomcast_media_storage_failures_total{operation="probe"}') >= 1
        async with rig.gateway(redis_url) as gateway:
            asked = gateway.media.sign_upload("ada", MediaSign(ROOM, "cat.png", "image/png", 10))
            assert await code_of(asked) is Code.MEDIA_UNAVAILABLE
        assert "another-secret" not in signer.log.read_text()


async def test_a_missing_bucket_makes_the_signer_unready(redis_url: str, storage: s3.S3, tmp_path: Path) -> None:
    absent = {"ROOMCAST_S3_BUCKET": "absent-bucket", "ROOMCAST_S3_SETUP": "0"}
    with rig.signer(tmp_path, redis_url, storage.endpoint, "/healthz", **absent) as signer:
        servers.wait_until(lambda: "storage: probe: NoSuchBucket" in reasons(signer), "the reason is logged")
        assert signer.get("/readyz")[0] == 503


async def test_a_signer_is_ready_only_while_its_storage_is_up(redis_url: str, tmp_path: Path) -> None:
    port = servers.free_port()
    with rig.signer(tmp_path, redis_url, f"http://127.0.0.1:{port}", "/healthz") as signer:
        servers.wait_until(lambda: reasons(signer) != [], "the reason is logged")
        assert signer.get("/readyz")[0] == 503
        assert signer.metric("roomcast_media_storage_up") == 0
        with s3.s3_server_on(tmp_path, port):
            servers.wait_until(lambda: signer.get("/readyz")[0] == 200, "the signer is ready")
            servers.wait_until(lambda: signer.metric("roomcast_media_storage_up") == 1, "the storage is up again")
        servers.wait_until(lambda: signer.get("/readyz")[0] == 503, "the signer is unready again")


def not_implemented(request: web.Request) -> web.Response | None:
    """Answer requests about CORS and lifecycle rules with NotImplemented, as MinIO does."""
    if not {"cors", "lifecycle"} & set(request.query):
        return None
    text = "<?xml version='1.0'?><Error><Code>NotImplemented</Code><Message>not implemented</Message></Error>"
    return web.Response(status=501, text=text, content_type="application/xml")


def not_allowed(request: web.Request) -> web.Response | None:
    return web.Response(status=405) if {"cors", "lifecycle"} & set(request.query) else None


def nonsense(request: web.Request) -> web.Response | None:
    if not {"cors", "lifecycle"} & set(request.query):
        return None
    return web.Response(status=400, text="<html>what?</p", content_type="text/html")


@pytest.mark.parametrize("answer", [not_implemented, not_allowed, nonsense])
async def test_a_storage_without_cors_and_lifecycle_is_used_without_them(
    redis_url: str, storage: s3.S3, tmp_path: Path, answer: Answer
) -> None:
    async with in_front_of(storage, answer) as endpoint:
        with rig.signer(tmp_path, redis_url, endpoint, "/healthz") as signer:
            await until(lambda: signer.metric("roomcast_media_ready") == 1, "the signer is ready")
            media = await upload(redis_url, rig.picture())
            assert media["width"] == 40
            assert len(reasons(signer)) == 2  # one log line for CORS and one for the lifecycle


async def test_a_signer_recovers_from_malformed_answers_of_the_storage(
    redis_url: str, storage: s3.S3, tmp_path: Path
) -> None:
    answers = [
        web.Response(status=200, text="<html>"),
        web.Response(status=403, body=b"\xff\xfe<", content_type="application/xml"),
        web.Response(status=500, text=""),
        web.Response(status=400, text="<Error><Code/></Error>", content_type="application/xml"),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ]
    served: list[int] = []

    def answer(request: web.Request) -> web.Response | None:
        if len(served) >= 3 * len(answers):
            return None
        served.append(answers[len(served) % len(answers)].status)
        now = answers[(len(served) - 1) % len(answers)]
        return web.Response(status=now.status, body=now.body, headers={"Content-Type": "application/xml"})

    async with in_front_of(storage, answer) as endpoint:
        with rig.signer(tmp_path, redis_url, endpoint, "/healthz") as signer:
            await until(lambda: signer.metric("roomcast_media_ready") == 1, "the signer is ready again", 60)
            assert len(served) == 3 * len(answers)
            assert (await upload(redis_url, rig.picture()))["width"] == 40
            assert "Traceback" not in signer.log.read_text()
            assert signer.process.poll() is None
