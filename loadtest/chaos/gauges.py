"""Read the cluster's own metrics: Prometheus text, histogram quantiles between two readings, readiness."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final

_LINE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(\{[^}]*\})? (\S+)$")
_LE: Final = re.compile(r'le="([^"]+)"')
Reading = Mapping[str, float]


def parse(text: str) -> dict[str, float]:
    """Parse a metrics page into `name{labels}` to value; skip comments. Pure."""
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            found[match[1] + (match[2] or "")] = float(match[3])
    return found


def quantile(before: Reading, after: Reading, histogram: str, share: float) -> float:
    """Return the upper edge of the bucket with the quantile `share` of the observations between two readings. Pure."""
    edges = []
    for key, value in after.items():
        if key.startswith(f"{histogram}_bucket") and (edge := _LE.search(key)):
            edges.append((float(edge[1]), value - before.get(key, 0.0)))
    edges.sort()
    total = edges[-1][1] if edges else 0.0
    return next((edge for edge, count in edges if total and count >= share * total), 0.0)


def total(reading: Reading, name: str) -> float:
    """Return the sum over all labels of a counter. Pure."""
    return sum(value for key, value in reading.items() if key == name or key.startswith(name + "{"))


async def fetch(url: str, seconds: float = 2.0) -> dict[str, float]:
    """Read the metrics of a process; {} when it does not answer with 200."""
    status, body = await get(url, seconds)
    return parse(body) if status == 200 else {}


async def get(url: str, seconds: float = 2.0, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return status and body; (0, '') when the request is not answered."""
    return await asyncio.to_thread(_get, urllib.request.Request(url, headers=dict(headers or {})), seconds)


def _get(request: urllib.request.Request, seconds: float) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""
