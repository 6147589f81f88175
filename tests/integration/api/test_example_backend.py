"""The back end of the example in examples/nextjs-fastapi, with a real API."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from deploy import example
from tests import apis, servers


async def test_a_sign_out_without_the_chat_can_be_repeated(
    api: apis.Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the person would be signed out on the page, and the chat's tokens would stay valid for an hour."""
    monkeypatch.syspath_prepend(example.SOURCES / "backend")
    from helpdesk.app import make_application
    from helpdesk.store import Store

    store = Store(str(tmp_path / "helpdesk.db"))
    asked: list[str] = []

    async def note(request: httpx.Request) -> None:
        asked.append(request.url.path)

    def browser(chat: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {api.key}"}
        client = httpx.AsyncClient(base_url=chat, headers=headers, trust_env=False, event_hooks={"request": [note]})
        transport = httpx.ASGITransport(make_application(store, client, "http://chat.test"))
        return httpx.AsyncClient(transport=transport, base_url="http://desk.test")

    async with browser(api.url) as page, browser(f"http://127.0.0.1:{servers.free_port()}") as page_without_chat:
        await page.post("/api/sign-in", json={"name": "Ada", "role": "customer"})
        page_without_chat.cookies = page.cookies
        assert (await page_without_chat.post("/api/sign-out")).status_code == 503
        assert (await page.get("/api/me")).status_code == 200
        asked.clear()
        assert (await page.post("/api/sign-out")).status_code == 204
        assert [path.startswith("/v1/sign-ins/") for path in asked] == [True]
    store.close()
