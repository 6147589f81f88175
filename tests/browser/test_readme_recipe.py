"""Test of the README's recipe for stock socket.io-client: it shows each message once, in order, over reconnects."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from deploy import web_build
from deploy.cluster import Cluster
from deploy.layout import ROOT
from roomcast.contract.backend import connect
from roomcast.contract.tokens import sign
from tests.browser.page_users import unique

RATE = 160
BREAKS = 6
BREAK_MS = 1_500
MISSED = 1_000
WITHIN_SECONDS = 60.0

RUN = """
([url, room, token]) => {
  window.fetch = async () => ({ json: async () => ({ token }) });
  const calls = (window.calls = { seqs: [], clears: 0, readies: 0 });
  window.chat = recipe.openChat(url, room, (message) => calls.seqs.push(message.seq), () => calls.clears++);
  window.chat.socket.on("ready", () => calls.readies++);
}
"""
BREAK = "() => { if (chat.socket.connected) chat.socket.io.engine.close(); }"
LEAVE = "() => { chat.socket.connect = () => chat.socket; chat.socket.disconnect(); }"
RETURN = "() => { delete chat.socket.connect; chat.socket.connect(); }"


class BackEnd(Thread):
    """A thread that publishes RATE texts a second until `stop` is set, and MISSED further texts once `burst` is set."""

    def __init__(self, url: str, room: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._room = room
        self.last = 0
        self.stop, self.burst = Event(), Event()

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with connect(self._url) as backend:
            while not self.stop.is_set():
                self.last = (await backend.publish(self._room, "writer", f"text {self.last + 1}")).seq
                await asyncio.sleep(1 / RATE)
            while not self.burst.is_set():
                await asyncio.sleep(0.01)
            for _ in range(MISSED):
                self.last = (await backend.publish(self._room, "writer", f"text {self.last + 1}")).seq


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Bundle the recipe with stock socket.io-client, as the global variable `recipe`."""
    web_build.install_packages(ROOT / "web")
    (chat,) = re.findall(r"```ts\n(// chat\.ts\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    source: Path = folder / "chat.ts"
    source.write_text(chat)
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    arguments = [str(esbuild), str(source), "--bundle", "--global-name=recipe", "--log-level=error"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=folder)
    return str(done.stdout)


def until(tab: Page, what: str, condition: Any) -> dict[str, Any]:
    """Wait until the condition is true for `calls`, the record of the recipe's calls; return `calls`."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        calls: dict[str, Any] = tab.evaluate("calls")
        if condition(calls):
            return calls
        assert time.monotonic() < deadline, f"{what}: {calls['readies']} connections, {calls['seqs'][-3:]}"
        tab.wait_for_timeout(50)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("transport", [pytest.param("polling", marks=pytest.mark.long), "websocket"])
def test_the_recipe_shows_every_message_once_and_in_order(
    cluster: Cluster, chromium: Browser, bundle: str, transport: str
) -> None:
    room = unique("public:recipe")
    told_transport = bundle.replace("auth: (give)", f'transports: ["{transport}"], auth: (give)', 1)
    assert told_transport != bundle
    writer = BackEnd(cluster.redis_url("backend"), room)
    context = chromium.new_context(bypass_csp=True)
    tab = context.new_page()
    tab.goto(f"{cluster.url}/robots.txt")  # an address of the cluster's origin without the application
    tab.add_script_tag(content=told_transport)
    tab.evaluate(RUN, [cluster.url, room, sign(cluster.jwt_secret, unique("reader"))])
    until(tab, "connected", lambda calls: calls["readies"] == 1)
    writer.start()
    until(tab, "the first messages", lambda calls: len(calls["seqs"]) >= 3)
    for _ in range(BREAKS):
        tab.wait_for_timeout(BREAK_MS)  # the interval between two breaks of the connection
        tab.evaluate(BREAK)
    until(tab, "the recipe has reconnected after the breaks", lambda calls: calls["readies"] > BREAKS // 2)

    writer.stop.set()
    until(tab, "all messages are shown", lambda calls: calls["seqs"][-1] >= writer.last)
    tab.evaluate(LEAVE)
    writer.burst.set()
    writer.join(WITHIN_SECONDS)
    tab.evaluate(RETURN)
    calls = until(tab, "the missed messages are shown", lambda calls: calls["seqs"][-1] >= writer.last)
    context.close()

    assert calls["seqs"] == list(range(calls["seqs"][0], writer.last + 1))
    assert writer.last > MISSED
    assert calls["clears"] == 1
