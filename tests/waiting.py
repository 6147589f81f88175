"""Wait for another task or process: poll with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any


async def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """Poll a function or coroutine function; return its first true value. Raise TimeoutError with the text `what`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        await asyncio.sleep(0.01)
