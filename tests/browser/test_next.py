"""Tests of the packed npm packages in Next.js: the code of web/README.md, and the hooks.

Rendering on the server must not connect. The browser must connect only once.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, WebSocket, expect

from deploy.cluster import Cluster, free_base
from deploy.layout import ROOT
from deploy.web_build import install_packed
from tests.browser.applications import cluster_for, connections, serving, settle

APP = Path(__file__).with_name("next")
README = (ROOT / "web" / "README.md").read_text()
FILES = {"chat-client.ts": "app/chat-client.ts", "chat.tsx": "app/chat.tsx"}
"""Name in the README → path, for files that the README names without a folder."""
EXAMPLE = "https://chat.example.com"
HOOKS = Path("app", "hooks", "hooks-chat.tsx")
START_SECONDS = 60
SHOW_MS = 30_000


@pytest.fixture(scope="module")
def next_port() -> int:
    return free_base()


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, next_port: int) -> Iterator[Cluster]:
    """Run a cluster that accepts the origin of the Next.js application."""
    with cluster_for(next_port, tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def application(
    tmp_path_factory: pytest.TempPathFactory, npm_packages: dict[str, Path], chat: Cluster, next_port: int
) -> Iterator[Path]:
    """Serve the application with `next dev`, which uses Turbopack by default; yield the application's folder."""
    folder = tmp_path_factory.mktemp("application") / "next"
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("node_modules"))
    for name, code in readme_files().items():
        path = folder / FILES.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code.replace(EXAMPLE, chat.url))
    edit(folder / HOOKS, EXAMPLE, chat.url)
    install_packed(folder, npm_packages.values())
    environment = os.environ | {"ROOMCAST_JWT_SECRET": chat.jwt_secret, "NEXT_TELEMETRY_DISABLED": "1"}
    command = ["node", "node_modules/next/dist/bin/next", "dev", "--port", str(next_port)]
    with serving(command, folder, environment, f"http://localhost:{next_port}/"):
        yield folder


def readme_files() -> dict[str, str]:
    """Return the files that the README prints, by the names in their first lines."""
    blocks = re.findall(r"^```tsx?\n// (\S+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    files = dict(blocks)
    assert set(files) == {*FILES, "app/api/chat-token/route.ts"}
    return files


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class Sockets:
    """A counter of the WebSockets that a page opens to the gateways."""

    def __init__(self, page: Page, chat: Cluster) -> None:
        self.opened = 0
        self._port = f":{chat.ports.page}/"
        page.on("websocket", self._count)

    def _count(self, socket: WebSocket) -> None:
        self.opened += self._port in socket.url


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_code_of_the_readme_keeps_one_connection_over_fast_refresh(
    chat: Cluster, application: Path, next_port: int, chromium: Browser
) -> None:
    assert connections(chat) == 0, "rendering on the server must not connect"
    page = chromium.new_page()
    sockets = Sockets(page, chat)
    page.goto(f"http://localhost:{next_port}/", timeout=SHOW_MS)
    page.get_by_label("Message").fill("Hello from Next.js")
    page.get_by_label("Message").press("Enter")
    message = page.locator("[data-state=sent]", has_text="Hello from Next.js")
    expect(message).to_have_count(1, timeout=SHOW_MS)
    expect(message.locator("b")).to_have_text("Ada")
    assert (connections(chat), sockets.opened) == (1, 1)

    edit(application / "app" / "page.tsx", "Version 1", "Version 2")
    expect(page.get_by_role("heading")).to_have_text("Version 2", timeout=SHOW_MS)
    edit(application / "app" / "chat.tsx", "<form action={send}>", '<form action={send} data-version="2">')
    expect(page.locator("form[data-version='2']")).to_have_count(1, timeout=SHOW_MS)
    edit(application / "app" / "chat-client.ts", "no chat token", "no token for the chat")
    page.get_by_label("Message").fill("Still here")
    page.get_by_label("Message").press("Enter")
    expect(page.locator("[data-state=sent]")).to_have_count(2, timeout=SHOW_MS)
    assert (connections(chat), sockets.opened) == (1, 1)
    page.close()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_hooks_render_on_the_server_and_connect_once_in_the_browser(
    chat: Cluster, application: Path, next_port: int, chromium: Browser
) -> None:
    address = f"http://localhost:{next_port}/hooks"
    html = requests.get(address, timeout=START_SECONDS).text
    assert 'data-provider="function"' in html
    assert 'role="status">connecting<' in html
    settle(chat, 0)
    page = chromium.new_page()
    sockets = Sockets(page, chat)
    page.goto(address, timeout=SHOW_MS)
    expect(page.get_by_role("main").get_by_role("status")).to_have_text("online", timeout=SHOW_MS)
    page.get_by_label("Message").fill("Hello from the hooks")
    page.get_by_label("Message").press("Enter")
    message = page.locator("[data-state=sent]", has_text="Hello from the hooks")
    expect(message).to_have_count(1, timeout=SHOW_MS)
    edit(application / HOOKS, "Version 1", "Version 2")
    expect(page.get_by_role("heading")).to_have_text("Version 2", timeout=SHOW_MS)
    expect(message).to_have_count(1)
    assert (connections(chat), sockets.opened) == (1, 1)
    page.close()
