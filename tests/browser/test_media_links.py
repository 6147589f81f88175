"""Tests of files opened by their links: Chromium plays video and audio, and runs no script of a document."""

from __future__ import annotations

import base64
import io
import time
import wave
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from playwright.sync_api import Browser, BrowserContext, Page

from deploy.cluster import Cluster
from deploy.nginx_config import S3_BUCKET

RECORD = """async () => {
  const canvas = document.createElement("canvas");
  const ink = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(25), {mimeType: "video/webm"});
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((done) => { recorder.onstop = done; });
  recorder.start();
  for (let shade = 0; shade < 20; shade++) {
    ink.fillStyle = `rgb(${shade * 10}, 0, 0)`;
    ink.fillRect(0, 0, 64, 48);
    await new Promise((done) => setTimeout(done, 40));
  }
  recorder.stop();
  await stopped;
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\1\2" * 8000)
    return out.getvalue()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context() as running:
        yield running


@pytest.fixture
def link(cluster: Cluster) -> Callable[[str, str, bytes], str]:
    """Return a function that stores a file as the signer does, and returns a signed link as browsers get it."""
    secrets = cluster.control.credentials

    def client(endpoint: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=secrets.s3_access_key,
            aws_secret_access_key=secrets.s3_secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def make(key: str, content_type: str, body: bytes) -> str:
        client(f"http://127.0.0.1:{cluster.ports.s3}").put_object(
            Bucket=S3_BUCKET, Key=key, Body=body, ContentType=content_type
        )
        wanted = {"Bucket": S3_BUCKET, "Key": key, "ResponseContentType": content_type}
        return str(
            client(cluster.url).generate_presigned_url("get_object", wanted | {"ResponseContentDisposition": "inline"})
        )

    return make


def plays(page: Page, url: str) -> bool:
    """Return whether the browser's player starts. DevTools report this, because the sandbox allows no script."""
    states: list[str] = []
    session = page.context.new_cdp_session(page)
    session.on("Media.playerEventsAdded", lambda told: states.extend(event["value"] for event in told["events"]))
    session.send("Media.enable")
    page.goto(url, wait_until="commit")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if any('"kPlaying"' in state for state in states):
            return True
        page.wait_for_timeout(50)
    return False


@pytest.mark.parametrize("kind", ["film", "sound"])
def test_a_video_or_audio_file_opened_by_its_link_plays(
    cluster: Cluster, context: BrowserContext, link: Callable[[str, str, bytes], str], kind: str
) -> None:
    page = context.new_page()
    page.goto(cluster.url)
    if kind == "film":
        url = link("2026/11/film.webm", "video/webm", base64.b64decode(page.evaluate(RECORD)))
    else:
        url = link("2026/11/sound.wav", "audio/wav", sound())
    assert plays(page, url)


def test_an_uploaded_document_cannot_run_scripts(
    context: BrowserContext, link: Callable[[str, str, bytes], str]
) -> None:
    """Store an HTML file, although the signer refuses HTML, and check that its script does not run."""
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    script = b"<title>still</title><script>document.title = 'ran'; fetch('/ran')</script><p id=end>end"
    for key in ("2026/11/page.png", "2026/11/page.mp4"):
        page.goto(link(key, "text/html", script))
        page.locator("#end").wait_for(state="attached")
        assert page.title() == "still"
    assert not [url for url in asked if url.endswith("/ran")]
