"""Helpers of the media tests: a real signer process, the media parts of a gateway, and uploads of a browser."""

from __future__ import annotations

import io
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from PIL import Image

from roomcast.adapter.node_messages import NodeMessage
from roomcast.adapter.redis.backplane import Backplane
from roomcast.contract import keys
from roomcast.contract.envelope import MediaReply
from roomcast.gateway.media.requests import MediaRequests, Patience
from roomcast.gateway.stores.media_requests import MediaRequestStream
from roomcast.gateway.stores.uploads import Uploads
from roomcast.wire.envelope import Reader
from tests import health, s3, servers
from tests.backplanes import running_backplane

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "files"
PATIENT = Patience(sign_seconds=10.0, complete_seconds=20.0, url_seconds=10.0)
"""Generous timeouts, for tests that do not check the speed of answers."""


class Signer(NamedTuple):
    """A running signer and its health port."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page on the health port. The status is 0 while the port is closed."""
        return health.get(self.port, path)

    def metric(self, line: str) -> float:
        """Return the value of a metric, or 0 if it does not exist."""
        return health.metric(self.port, line)


def environment(redis_url: str, endpoint: str, port: int, **more: str) -> dict[str, str]:
    """Return the whole environment of a signer."""
    return (
        servers.base_environment()
        | {
            "ROOMCAST_REDIS_URL": redis_url,
            "ROOMCAST_METRICS_PORT": str(port),
            "ROOMCAST_S3_ENDPOINT": endpoint,
            "ROOMCAST_S3_BUCKET": BUCKET,
            "ROOMCAST_S3_SETUP": "1",
            "AWS_ACCESS_KEY_ID": s3.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": s3.SECRET_KEY,
        }
        | more
    )


@contextmanager
def signer(folder: Path, redis_url: str, endpoint: str, is_ready: str = "/readyz", **more: str) -> Iterator[Signer]:
    """Run a signer process; yield once the page `is_ready` of its health port answers 200."""
    port = servers.free_port()
    log = folder / f"signer-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "roomcast.media"],
            cwd=ROOT,
            env=environment(redis_url, endpoint, port, **more),
            stdout=file,
            stderr=file,
        )
    running = Signer(process, port, log)
    try:
        servers.wait_until(lambda: running.get(is_ready)[0] == 200, f"signer on {port}")
        yield running
    finally:
        servers.stop(process)


class Gateway(NamedTuple):
    """The parts of a gateway that handle media."""

    media: MediaRequests
    uploads: Uploads
    backplane: Backplane


@asynccontextmanager
async def gateway(redis_url: str, patience: Patience = PATIENT) -> AsyncIterator[Gateway]:
    """Yield the media parts of a gateway, on a backplane that is subscribed to the node's channel."""
    node = f"test-{secrets.token_hex(4)}"
    messages = Reader(NodeMessage | MediaReply)

    def receive(_: bytes, data: bytes) -> None:
        message = messages.unpack(data)
        assert isinstance(message, MediaReply)
        media.receive_reply(message)

    async with running_backplane(redis_url, node, receive) as backplane:
        media = MediaRequests(MediaRequestStream(backplane), node, lambda: secrets.token_hex(8), patience)
        await backplane.subscribe(keys.node_channel(node))
        yield Gateway(media, Uploads(backplane), backplane)


async def store(form: dict[str, Any], body: bytes, **changes: str) -> int:
    """Upload a file with a signed form, as a browser does; return the status. `changes` replace fields or headers."""
    async with aiohttp.ClientSession() as session:
        if form["method"] == "PUT":
            headers = form["headers"] | changes
            async with session.put(form["url"], data=body, headers=headers) as answer:
                return answer.status
        data = aiohttp.FormData()
        for name, value in (form["fields"] | changes).items():
            data.add_field(name, value)
        data.add_field("file", body, filename="upload")
        async with session.post(form["url"], data=data) as answer:
            return answer.status


async def fetch(url: str) -> tuple[int, bytes, dict[str, str]]:
    """Download a file, as a browser does; return status, bytes and headers."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def picture(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    """Return the bytes of a small image."""
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, kind)
    return out.getvalue()
