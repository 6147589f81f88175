"""Operate the page as a user. Each user has a separate browser context, as on a separate machine."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, ViewportSize, expect

from deploy.cluster import Cluster
from roomcast.contract.tokens import sign

Scheme = Literal["light", "dark"]

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
WAIT_MS = 10_000
APART_SECONDS = 15.0
PAUSE_MS = 200
_NETWORK = re.compile(r"Failed to load resource|WebSocket connection to .* failed|net::ERR_")

_WATCH = """(id) => {
    const seen = ((window.seen ??= {})[id] = []);
    const look = () => document.querySelectorAll(`[data-testid=${id}]`).forEach((one) => seen.push(one.value ?? true));
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""

expect.set_options(timeout=WAIT_MS)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:6]}"


class Guest:
    """One user of one page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.name = ""
        page.set_default_timeout(WAIT_MS)

    # --- sign-in and rooms ---

    def sign_in(self, name: str) -> None:
        """Sign in by the form, and wait for the composer."""
        self.name = name
        self.find("name-input").fill(name)
        self.find("sign-in").click()
        self.wait_connected()

    def wait_connected(self, *, node: str | None = None) -> None:
        """Wait until the page is connected; with `node`, until it is connected to a gateway other than `node`."""
        state = f':not([data-node="{node}"])' if node else ""
        self.page.locator(f'body[data-connected="true"]{state}').wait_for(state="attached")
        self.find("composer").wait_for()

    def go(self, room: str) -> None:
        """Open a room by its link, and wait until it is joined."""
        self.page.goto(f"{self.url}/#/room/{room}")
        expect(self.page.locator("main header p")).to_contain_text("here")

    @property
    def node(self) -> str:
        return self.page.locator("body").get_attribute("data-node") or ""

    @property
    def user(self) -> str:
        """The user id from the sign-in."""
        return self.page.locator("footer.me [data-user]").get_attribute("data-user") or ""

    # --- the page ---

    def find(self, test_id: str, **attributes: str) -> Locator:
        """Return the elements with this test id and these data attributes."""
        more = "".join(f'[data-{name}="{value}"]' for name, value in attributes.items())
        return self.page.locator(f'[data-testid="{test_id}"]{more}')

    def messages(self, text: str | re.Pattern[str]) -> Locator:
        return self.find("message").filter(has_text=text)

    def dot(self, user: str, status: str) -> Locator:
        """Return a user's presence dot with this status in the list of people."""
        return self.find("members").locator(f'[data-testid="presence-dot"][data-user="{user}"][data-status="{status}"]')

    def write(self, text: str) -> None:
        """Type a text and press Enter."""
        self.find("composer").fill(text)
        self.find("composer").press("Enter")

    def choose(self, item: str) -> None:
        """Choose an item of the room's menu."""
        self.find("room-menu").click()
        self.find(item).click()

    def say(self, text: str) -> None:
        """Write a text, and wait until the room's log has the message."""
        self.write(text)
        self.find("message", state="sent").filter(has_text=text).wait_for()

    def sees(self, text: str) -> None:
        """Wait until the text is on the page exactly once."""
        expect(self.messages(text)).to_have_count(1)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        found: int = self.page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        return found

    def watch_for(self, test_id: str) -> None:
        """Record the elements with this test id that appear on the page from now on; see `was_seen`."""
        self.page.evaluate(_WATCH, test_id)

    def was_seen(self, test_id: str) -> list[object]:
        """Return the values of elements with this test id since `watch_for`; [] when there was no such element."""
        found: list[object] = self.page.evaluate("(id) => window.seen[id]", test_id)
        return found


class Guests:
    """A factory of pages that collects their console errors, exceptions and policy violations."""

    def __init__(self, cluster: Cluster, browser: Browser, folder: Path) -> None:
        self.complaints: list[str] = []
        self.ignores_network = False
        """True: errors of failed requests are ignored, because the test stops servers on purpose."""
        self._cluster = cluster
        self._browser = browser
        self._folder = folder

    def visit(self, size: ViewportSize = WIDE, scheme: Scheme = "light", **options: Any) -> Guest:
        """Open a page at the sign-in form. `options`: further Playwright options of the browser context."""
        context = self._browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce", **options)
        page = context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.goto(self._cluster.url)
        guest = Guest(page, self._cluster.url)
        guest.find("name-input").wait_for()
        return guest

    def enter(self, name: str, room: str, size: ViewportSize = WIDE, scheme: Scheme = "light", **options: Any) -> Guest:
        """Sign a user in and open a room. A suffix makes the name unique, because equal names sign in the same user."""
        guest = self.visit(size, scheme, **options)
        guest.sign_in(unique(name))
        guest.go(room)
        return guest

    def enter_by_token(self, room: str, *, name: str, user: str | None = None, seconds: float = 600) -> Guest:
        """Sign a user in by a token, which the page cannot renew, and open a room."""
        token = sign(self._cluster.jwt_secret, user or unique("user"), name=name, seconds=seconds, create=["*"])
        guest = self.visit()
        guest.name = name
        guest.page.get_by_text("Sign in with a token").click()
        guest.page.get_by_label("Token (JWT)").fill(token)
        guest.page.get_by_role("button", name="Use token").click()
        guest.wait_connected()
        guest.go(room)
        return guest

    def apart(self, room: str) -> tuple[Guest, Guest]:
        """Sign in Ada and Bob on different gateways, and open one room for both."""
        ada, bob = self.enter("Ada", room), self.enter("Bob", room)
        deadline = time.monotonic() + APART_SECONDS
        while ada.node == bob.node:
            assert time.monotonic() < deadline, f"always on gateway {ada.node}"
            bob.page.wait_for_timeout(PAUSE_MS)  # nginx retries a failed gateway after one second
            bob.page.reload()
            bob.wait_connected()
        return ada, bob

    def shoot(self, guest: Guest, name: str) -> None:
        """Save a screenshot in the test's folder."""
        guest.page.screenshot(path=self._folder / f"{name}.png")

    def close(self) -> None:
        for context in self._browser.contexts:
            context.close()

    def _listen(self, message: ConsoleMessage) -> None:
        is_bad = message.type == "error" or "Content Security Policy" in message.text
        if is_bad and not (self.ignores_network and _NETWORK.search(message.text)):
            self.complaints.append(f"{message.type}: {message.text}")
