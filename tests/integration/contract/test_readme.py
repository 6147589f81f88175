"""The application of the project's README, run as printed on a real Redis: it signs tokens, and publishes once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import redis

from roomcast.contract import keys

README = Path(__file__).resolve().parents[3] / "README.md"
SECRET = "a secret of at least thirty-two bytes"


async def test_the_application_signs_tokens_and_publishes(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOMCAST_JWT_SECRET", SECRET)
    monkeypatch.setenv("ROOMCAST_REDIS_URL", redis_url)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (program,) = [block for block in blocks if "import Backend" in block]
    application: dict[str, Any] = {}
    exec(compile(program, "README.md", "exec"), application)
    app = application["app"]
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://app") as client,
    ):
        token = (await client.post("/api/chat-token")).json()["token"]
        paid = [(await client.post("/api/orders/7/paid")).json() for _ in range(2)]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["name"], claims["rooms"]) == ("ada", "Ada", ["team:42"])
    assert paid == [{"seq": 1, "duplicate": False}, {"seq": 1, "duplicate": True}]
    with redis.Redis.from_url(redis_url) as store:
        assert b"Order 7 is paid" in store.hget(keys.room_log("team:42"), "1")
