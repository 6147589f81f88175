"""Make the application of the support desk: `uvicorn helpdesk.app:from_environment --factory`.

The environment variables are ROOMCAST_API_URL and ROOMCAST_API_KEY (Roomcast's HTTP API and its key), ROOMCAST_URL (the
address of the chat for browsers) and HELPDESK_DATABASE (the file of the database).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request, status
from fastapi.responses import JSONResponse

from helpdesk.chat import Chat, ChatUnavailable
from helpdesk.routes import Desk, router
from helpdesk.store import Store


def from_environment() -> FastAPI:
    """Make the application from environment variables."""
    client = httpx.AsyncClient(
        base_url=os.environ["ROOMCAST_API_URL"],
        headers={"Authorization": f"Bearer {os.environ['ROOMCAST_API_KEY']}"},
        timeout=5.0,
    )
    store = Store(os.environ.get("HELPDESK_DATABASE", "helpdesk.db"))
    return make_application(store, client, os.environ["ROOMCAST_URL"])


def make_application(store: Store, client: httpx.AsyncClient, chat_url: str) -> FastAPI:
    """Make the application, which closes `store` and `client` at its shutdown."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await client.aclose()
        store.close()

    app = FastAPI(title="Support desk", lifespan=lifespan)
    app.state.desk = Desk(store, Chat(client), chat_url)
    app.include_router(router)
    app.add_exception_handler(ChatUnavailable, _refuse)
    return app


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": f"the chat cannot be reached: {error}"}, status.HTTP_503_SERVICE_UNAVAILABLE)
