"""The endpoints, one module per subject; `ALL` lists their routers."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from roomcast.api.routes import cluster, events, inbox, messages, moderation, rooms, uploads, users

ALL: Final[tuple[APIRouter, ...]] = (
    messages.router,
    events.router,
    rooms.router,
    users.router,
    inbox.router,
    uploads.router,
    moderation.router,
    cluster.router,
)
