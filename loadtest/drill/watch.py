"""Run Prometheus on a cluster, with Roomcast's alerts sped up: minutes become seconds, but thresholds do not change."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from deploy.control import Control
from deploy.observability import observe
from loadtest.bench.processes import free_ports
from loadtest.chaos import gauges

WINDOW_SECONDS: Final = 12
"""Length in seconds that replaces the length in minutes of every range in an alert's expression."""
LONGER_WINDOWS: Final[Mapping[str, int]] = {"RoomcastExpirySuspended": 75}
"""Longer ranges in seconds, for alerts whose cause takes longer to show."""
HELD_SECONDS: Final = 2
"""Length in seconds that replaces the `for:` of every alert."""
_POLL_SECONDS: Final = 0.5
_RANGE: Final = re.compile(r"\[\d+m\]")


def shortened(rules: str) -> str:
    """Return the rules with short ranges and durations. Pure."""
    document = yaml.safe_load(rules)
    for group in document["groups"]:
        for rule in group["rules"]:
            window = LONGER_WINDOWS.get(rule["alert"], WINDOW_SECONDS)
            rule["expr"] = _RANGE.sub(f"[{window}s]", rule["expr"])
            if "for" in rule:
                rule["for"] = f"{HELD_SECONDS}s"
    return yaml.safe_dump(document, sort_keys=False)


class Watch:
    """A Prometheus that scrapes once a second. `start` it in a folder; `close` ends it."""

    def __init__(self, folder: Path, state: Path) -> None:
        self._folder = folder
        self._state = state
        [self._port] = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Prometheus; the processes that run now are its targets."""
        rules = self._folder / "alerts.yaml"
        rules.write_text(shortened(observe.ALERTS.read_text()))
        targets = observe.targets_of(Control(self._state))
        configuration = observe.configuration(targets, scrape_seconds=1).replace(str(observe.ALERTS), str(rules))
        (self._folder / "prometheus.yml").write_text(configuration)
        self._process = subprocess.Popen(observe.command(self._folder, self._port))

    @property
    def url(self) -> str:
        """The address of Prometheus's page."""
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        """Stop Prometheus."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    async def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        status, body = await gauges.get(f"{self.url}/api/v1/alerts", 2.0)
        if status != 200:
            return set()
        found: list[dict[str, Any]] = orjson.loads(body)["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    async def wait_quiet(self, alert: str, quiet_seconds: float, seconds: float) -> None:
        """Wait until an alert has not fired for `quiet_seconds`, or until `seconds` have passed."""
        last = begun = time.monotonic()
        while (now := time.monotonic()) - begun < seconds and now - last < quiet_seconds:
            if alert in await self.firing():
                last = time.monotonic()
            await asyncio.sleep(_POLL_SECONDS)

    async def wait(self, alert: str, seconds: float, *, fires: bool) -> float | None:
        """Wait until an alert fires (`fires=False`: has cleared); return the seconds until then, None at a timeout."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            if (alert in await self.firing()) is fires:
                return time.monotonic() - begun
            await asyncio.sleep(_POLL_SECONDS)
        return None
