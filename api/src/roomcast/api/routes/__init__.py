"""The endpoints, one module per subject; `ALL` lists their routers."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from roomcast.api.routes import messages

ALL: Final[tuple[APIRouter, ...]] = (messages.router,)
