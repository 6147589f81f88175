"""Browsers reach the storage through nginx, at the address of the page. Forms and links are signed for this host."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from roomcast.contract.events.media import MediaComplete, MediaSign
from tests import s3, servers
from tests.integration import media_rig as rig

# Host and path are signed, so nginx must forward both unchanged: `proxy_pass` has no path. Browsers sign with form
# fields or a query, never with a header, so nginx removes the Authorization header.
CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{ return 404; }}
    location ^~ /{bucket}/ {{
      limit_except GET POST PUT OPTIONS {{ deny all; }}
      client_max_body_size 11m;
      proxy_pass http://127.0.0.1:{storage};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_set_header Cookie "";
      proxy_set_header Authorization "";
      proxy_request_buffering off;
      add_header X-Content-Type-Options nosniff always;
      add_header Content-Security-Policy "default-src 'none'; sandbox" always;
    }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, storage_port: int) -> Iterator[int]:
    port = servers.free_port()
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, storage=storage_port, bucket=rig.BUCKET))
    process = subprocess.Popen([servers.find_tool("nginx"), "-p", str(folder), "-c", str(file)])
    try:
        servers.wait_until(lambda: servers.is_listening(port), "nginx")
        yield port
    finally:
        servers.stop(process)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_uploads_and_downloads_pass_through_nginx(redis_url: str, tmp_path: Path, method: str, host: str) -> None:
    body = rig.picture(300, 200)
    with s3.s3_server_on(tmp_path) as storage, nginx(tmp_path, storage.port) as port:
        page = f"http://{host}:{port}"
        more = {"ROOMCAST_S3_PUBLIC_ENDPOINT": page, "ROOMCAST_MEDIA_METHOD": method}
        with rig.signer(tmp_path, redis_url, storage.endpoint, **more):
            async with rig.gateway(redis_url) as gateway:
                form = await gateway.media.sign_upload(
                    "ada", MediaSign("public:lobby", "cat.png", "image/png", len(body))
                )
                assert form["url"].startswith(f"{page}/{rig.BUCKET}/")
                assert await rig.store(form, body + b"x") in (400, 403)
                assert await rig.store(form, body) in (200, 204)
                media = (await gateway.media.complete_upload("ada", MediaComplete(form["upload"])))["media"]
                assert media["url"].startswith(f"{page}/{rig.BUCKET}/20")
                status, stored, headers = await rig.fetch(media["url"])
                assert (status, stored) == (200, body)
                assert headers["x-content-type-options"] == "nosniff"
            for path in (f"/{rig.BUCKET}/", media["url"].removeprefix(page).partition("?")[0]):
                assert (await rig.fetch(page + path))[0] == 403
            async with aiohttp.ClientSession() as session:
                async with session.delete(media["url"]) as answer:
                    assert answer.status == 403
                async with session.get(f"{page}/_ministack/health") as answer:
                    assert answer.status == 404
