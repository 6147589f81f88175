"""Judge the health of a process by its metrics: file limit, readiness, and whether the hot path is compiled."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

FEW_FILES: Final = 16_384
_NEARLY: Final = 0.85
_SECONDS: Final = 5.0
_SAMPLE: Final = re.compile(r"^([a-z_]+) ([0-9.e+-]+)$", re.MULTILINE)


class Verdict(NamedTuple):
    """The health of a process: the level, the observed values, and advice."""

    level: Literal["ok", "warning", "error"]
    seen: str
    advice: str = ""


def check(url: str) -> Verdict:
    """Read the metrics at `url`, which may end with `/metrics`, and judge them."""
    address = url if url.endswith("/metrics") else url.rstrip("/") + "/metrics"
    if not address.startswith(("http://", "https://")):
        return Verdict("error", f"{url} is not an http(s) address", "name the metrics port: http://host:9100")
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310 (the scheme is checked)
            return judge(samples(answer.read(4_000_000).decode(errors="replace")))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Verdict("error", f"no metrics: {reason}", "name the metrics port of a running process")


def samples(exposition: str) -> dict[str, float]:
    """Return the samples that have no labels, from a text in Prometheus's format. Pure."""
    return {name: float(value) for name, value in _SAMPLE.findall(exposition)}


def judge(found: Mapping[str, float]) -> Verdict:
    """Return the verdict on the most serious fault in the metrics. Pure."""
    most, used = found.get("process_max_fds", 0.0), found.get("process_open_fds", 0.0)
    seen = f"{used:.0f} of {most:.0f} files"
    if not most:
        return Verdict("error", "no metrics of a process", "name the metrics port of a gateway, sweeper or signer")
    if used > most * _NEARLY:
        return Verdict("error", seen, "raise nofile (LimitNOFILE=, ulimits), or add gateways: connections are refused")
    if found.get("roomcast_gateway_ready", 1.0) == 0:
        return Verdict("warning", f"{seen}; not ready", "its /readyz shows the reason")
    if "roomcast_gateway_ready" in found and most < FEW_FILES:
        return Verdict("warning", seen, f"raise nofile to {FEW_FILES} or more: a connection takes one file")
    if found.get("roomcast_gateway_hotpath_compiled", 1.0) == 0:
        return Verdict("warning", f"{seen}; hot path in Python", "build it: python -m roomcast.hotpath.build")
    return Verdict("ok", seen)
