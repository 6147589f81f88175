"""Tests of WebSocket handshakes with subprotocols, which browsers check and Roomcast's own clients do not use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from deploy.cluster import Cluster

OPEN_WEBSOCKET = """
([url, protocols]) => new Promise((resolve) => {
  const socket = new WebSocket(url, protocols);
  socket.onmessage = (event) => { resolve([socket.protocol, event.data.slice(0, 7)]); socket.close(); };
  socket.onerror = () => resolve(["failed", ""]);
})
"""


@pytest.fixture
def page(cluster: Cluster, chromium: Browser) -> Iterator[Page]:
    """Open a page of the cluster's origin without the application."""
    context = chromium.new_context()
    page = context.new_page()
    # nginx serves this page. If Playwright served it, Chromium would not let the page connect to loopback.
    page.goto(f"{cluster.url}/no-such-page")
    yield page
    context.close()


@pytest.mark.parametrize(
    ("protocols", "accepted"), [([], ""), (["chat"], "chat"), (["v2.chat.example", "chat"], "v2.chat.example")]
)
@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io"])
def test_a_websocket_opens_with_and_without_subprotocols(
    cluster: Cluster, page: Page, protocols: list[str], accepted: str, path: str
) -> None:
    url = cluster.url.replace("http", "ws", 1) + f"{path}?EIO=4&transport=websocket"
    assert page.evaluate(OPEN_WEBSOCKET, [url, protocols]) == [accepted, '0{"sid"']
