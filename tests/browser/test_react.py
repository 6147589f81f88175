"""Tests of the hooks with React 19 in Chromium: the components of the README, with the packed packages."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, WebSocket, expect

from deploy.cluster import Cluster, free_base
from deploy.layout import ROOT
from deploy.web_build import install_packed
from tests.browser.applications import SETTLE_SECONDS, connections, run, settle
from tests.browser.page_users import unique

WEB = ROOT / "web"
APP = Path(__file__).with_name("react")
README = (WEB / "react" / "README.md").read_text()
HOOKS = ("useConnection", "useInbox", "useMessages", "usePresence", "useRoom", "useTyping", "useUpload")
URL = "http://localhost:8080"
"""The address of the cluster in the README's code."""
NETWORK = re.compile(r"Failed to load resource|WebSocket connection to .* failed|net::ERR_")

TYPES = """{
  "compilerOptions": {
    "strict": true, "noEmit": true, "jsx": "react-jsx", "target": "es2022", "lib": ["es2023", "dom", "dom.iterable"],
    "module": "preserve", "moduleResolution": "bundler", "types": []
  },
  "include": ["*.tsx"]
}"""


def readme_components() -> tuple[str, str]:
    """Return the README's first block (its ten lines), and a module of the components in its other blocks."""
    lines, *components = re.findall(r"^```tsx\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(components) == len(HOOKS), "one component per hook"
    code = "".join(f"export {component}" for component in components)
    return lines, f'import {{ {", ".join(HOOKS)} }} from "@roomcast/react";\n{code}'


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, npm_packages: dict[str, Path]) -> Path:
    """Make the application's folder, with React and the packed packages installed."""
    folder = tmp_path_factory.mktemp("react") / "app"
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("node_modules"))
    lines, components = readme_components()
    (folder / "chat.tsx").write_text(lines.replace(f'"{URL}"', "location.origin"))
    (folder / "readme.tsx").write_text(components)
    install_packed(folder, npm_packages.values())
    return folder


@pytest.fixture(scope="module")
def served(source: Path) -> Path:
    """Make a folder with two bundled pages: `index.html` of `app.tsx`, and `lines.html` of the README's ten lines."""
    folder = source.parent / "served"
    folder.mkdir()
    for name, place in (("app", "index"), ("lines", "lines")):
        html = (APP / "index.html").read_text().replace("app.js", f"{name}.js")
        (folder / f"{place}.html").write_text(html)
    esbuild = ["node_modules/.bin/esbuild", str(source / "app.tsx"), str(source / "lines.tsx")]
    options = ["--bundle", "--format=esm", "--jsx=automatic", "--jsx-dev", f"--outdir={folder}", "--log-level=error"]
    run([*esbuild, *options, '--define:process.env.NODE_ENV="development"'], WEB)
    return folder


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, served: Path) -> Iterator[Cluster]:
    with Cluster(free_base(), tmp_path_factory.mktemp("cluster"), gateways=2, page=served) as running:
        yield running


class Person:
    """One user of the application."""

    def __init__(self, page: Page, chat: Cluster, address: str, complaints: list[str], *, lost: bool = False) -> None:
        self.page = page
        self.sockets = 0
        self._port = f":{chat.ports.page}/"
        self._complaints = complaints
        self._is_lost = False
        page.on("websocket", self._count)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", self._listen)
        if lost:
            self.lose_gateways()
        page.goto(f"{chat.url}/{address}")

    def lose_gateways(self) -> None:
        """Block all requests of this page to gateways from now on."""
        self._is_lost = True
        self.page.route("**/socket.io/**", lambda route: route.abort())
        self.page.route("**/dev/login", lambda route: route.abort())
        self.page.route_web_socket("**/socket.io/**", lambda socket: socket.close())

    def _listen(self, said: ConsoleMessage) -> None:
        if said.type == "error" and not (self._is_lost and NETWORK.search(said.text)):
            self._complaints.append(said.text)

    def _count(self, socket: WebSocket) -> None:
        self.sockets += self._port in socket.url

    @property
    def room(self) -> Locator:
        return self.page.get_by_test_id("room")

    @property
    def count(self) -> Locator:
        return self.page.get_by_test_id("count")

    def write(self, text: str) -> None:
        self.page.get_by_label("Message").fill(text)
        self.page.get_by_label("Message").press("Enter")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()


Enter = Callable[..., Person]


@pytest.fixture
def enter(chat: Cluster, chromium: Browser) -> Iterator[Enter]:
    """Yield a function that opens the application. Fail after the test if a page has logged an error."""
    complaints: list[str] = []

    def open_page(name: str, room: str, *friends: str, page: str = "", **options: Any) -> Person:
        follow = "".join(f"&friend={friend}" for friend in friends)
        keeper = options.pop("kept", None)
        kept = f"&kept={name if keeper is True else keeper}" if keeper else ""
        inbox = "&inbox" if options.pop("inbox", False) else ""
        address = f"{page}?name={name}&room={room}{follow}{kept}{inbox}"
        context = options.pop("context", None) or chromium.new_context()
        return Person(context.new_page(), chat, address, complaints, **options)

    yield open_page
    for context in chromium.contexts:
        context.close()
    assert complaints == []


def test_the_components_compile_with_strict_types(source: Path) -> None:
    (source / "tsconfig.json").write_text(TYPES)
    run(["node", str(WEB / "node_modules" / "typescript" / "bin" / "tsc"), "-p", str(source)], source)


def test_the_ten_lines_of_the_readme_send_and_show_a_message(enter: Enter) -> None:
    ada = enter("unused", "public:lobby", page="lines.html")
    expect(ada.page.get_by_label("Message")).to_be_visible()
    ada.write("Hello from React")
    expect(ada.page.locator("[data-state=sent]", has_text="Ada: Hello from React")).to_have_count(1)


def test_the_provider_opens_one_connection_in_strict_mode_and_closes_it(chat: Cluster, enter: Enter) -> None:
    settle(chat, 0)
    ada = enter(unique("ada"), unique("public:hooks"))
    expect(ada.page.get_by_text("Signed in as")).to_be_visible()
    assert (connections(chat), ada.sockets) == (1, 1)
    ada.press("Sign out")
    settle(chat, 0)
    ada.press("Sign in")
    expect(ada.page.get_by_text("Signed in as")).to_be_visible()
    settle(chat, 1)
    assert ada.sockets == 2


def test_two_users_see_messages_typing_and_status_of_each_other(enter: Enter) -> None:
    room, names = unique("public:hooks"), (unique("ada"), unique("bob"))
    ada, bob = enter(names[0], room, names[1]), enter(names[1], room, names[0])
    expect(ada.room).to_contain_text("2 here")
    expect(ada.page.get_by_role("listitem").filter(has_text=names[1])).to_have_text(f"{names[1]}: online browser")
    ada.write("Hello Bob")
    expect(bob.room.get_by_text(f"{names[0]}: Hello Bob")).to_have_count(1)
    bob.press("online")
    expect(ada.page.get_by_role("listitem").filter(has_text=names[1])).to_have_text(f"{names[1]}: busy browser")
    bob.page.get_by_label("0 typing").fill("Hel")
    expect(ada.page.get_by_text("1 typing")).to_be_visible()


def test_typing_and_people_do_not_render_a_component_that_uses_only_messages(enter: Enter) -> None:
    room = unique("public:hooks")
    ada = enter(unique("ada"), room)
    ada.write("first")
    expect(ada.count).to_have_text("1")
    expect(ada.room.get_by_role("button", name="👍")).to_have_count(1)
    renders = ada.count.get_attribute("data-renders")
    bob = enter(unique("bob"), room)
    expect(ada.room).to_contain_text("2 here")
    bob.page.get_by_label("0 typing").fill("Hel")
    expect(ada.page.get_by_text("1 typing")).to_be_visible()
    assert ada.count.get_attribute("data-renders") == renders
    bob.write("second")
    expect(ada.count).to_have_text("2")
    assert ada.count.get_attribute("data-renders") != renders


def test_a_hidden_room_is_left_and_shows_missed_messages_when_shown_again(enter: Enter) -> None:
    room = unique("public:hooks")
    ada, bob = enter(unique("ada"), room), enter(unique("bob"), room)
    expect(bob.room).to_contain_text("2 here")
    ada.press("Hide")
    expect(bob.room).to_contain_text("1 here")
    bob.write("while Ada is away")
    expect(bob.room.get_by_role("button", name="👍")).to_have_count(1)
    ada.press("Show")
    expect(ada.room.get_by_text("while Ada is away")).to_have_count(1)
    expect(bob.room).to_contain_text("2 here")


def test_the_inbox_shows_a_message_of_a_hidden_room_and_opens_the_room(enter: Enter) -> None:
    room, name = unique("public:hooks"), unique("bob")
    ada, bob = enter(unique("ada"), room, inbox=True), enter(name, room)
    expect(bob.room).to_contain_text("2 here")
    inbox = ada.page.get_by_role("navigation")
    expect(inbox.get_by_role("button")).to_have_text([f"{room} 0"])
    ada.press("Hide")
    expect(bob.room).to_contain_text("1 here")
    bob.write("while Ada is away")
    expect(ada.page.get_by_role("navigation", name="Rooms, 1 unread")).to_be_visible()
    inbox.get_by_role("button", name="while Ada is away").click()
    expect(ada.room.get_by_text(f"{name}: while Ada is away")).to_have_count(1)


def test_a_file_becomes_a_message(enter: Enter, tmp_path: Path) -> None:
    ada = enter(unique("ada"), unique("public:hooks"))
    expect(ada.room).to_contain_text("1 here")
    (tmp_path / "notes.txt").write_text("plain text")
    ada.page.get_by_label("File").set_input_files(tmp_path / "notes.txt")
    expect(ada.count).to_have_attribute("data-files", "1")


KEPT = """async () => {
    // Do not open a missing database: that would create a database without the SDK's tables.
    if (!(await indexedDB.databases()).some(({ name }) => name === "roomcast")) return [];
    const open = indexedDB.open("roomcast");
    const database = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
    const request = database.transaction("rooms").objectStore("rooms").getAll();
    const rows = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    database.close();
    return rows.map((row) => [row.user, row.room, row.kept.events.map((event) => event.text)]);
}"""
"""Script: return user, room and texts of each room in the room cache of this browser."""


def kept_rooms(person: Person, rooms: Sequence[object]) -> None:
    """Wait until the room cache of this browser has exactly these rooms."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := person.page.evaluate(KEPT)) != list(rooms):
        assert time.monotonic() < deadline, f"{found} instead of {rooms}"
        person.page.wait_for_timeout(50)


def test_a_page_shows_cached_rooms_while_offline_and_missed_messages_while_online(enter: Enter) -> None:
    room, name = unique("public:kept"), unique("ada")
    ada, bob = enter(name, room, kept=True), enter(unique("bob"), room)
    ada.write("before")
    expect(bob.count).to_have_text("1")
    kept_rooms(ada, [[name, room, ["before"]]])
    ada.lose_gateways()
    ada.page.reload()
    expect(ada.room.get_by_text(f"{name}: before")).to_have_count(1)
    expect(ada.count).to_have_attribute("data-stale", "true")
    expect(ada.page.get_by_text("Signed in as")).to_have_count(0)
    bob.write("meanwhile")
    expect(bob.count).to_have_text("2")
    again = enter(name, room, kept=True, context=ada.page.context)
    expect(again.count).to_have_text("2")
    expect(again.count).to_have_attribute("data-stale", "false")
    expect(again.room.get_by_text("before")).to_have_count(1)


def test_the_room_cache_is_bounded_and_deleted_at_sign_out(enter: Enter) -> None:
    name, rooms = unique("ada"), [unique("public:kept") for _ in range(3)]
    first = enter(name, rooms[0], kept=True)
    for room in rooms:
        ada = first if room is rooms[0] else enter(name, room, kept=True, context=first.page.context)
        ada.write(f"in {room}")
        expect(ada.room.get_by_role("button", name="👍")).to_have_count(1)
        kept_rooms(ada, sorted([name, one, [f"in {one}"]] for one in rooms[: rooms.index(room) + 1][-2:]))
    first.page.close()
    ada.press("Forget me")
    expect(ada.room).to_have_count(0)
    kept_rooms(ada, [])


def test_cached_rooms_of_one_user_are_not_shown_to_another_user(enter: Enter) -> None:
    room, name = unique("public:kept"), unique("ada")
    ada = enter(name, room, kept=True)
    ada.write("for Ada")
    kept_rooms(ada, [[name, room, ["for Ada"]]])
    eve = enter(unique("eve"), room, kept=True, context=ada.page.context, lost=True)
    expect(eve.room).to_be_visible()
    expect(eve.page.get_by_text("Connecting…").or_(eve.page.get_by_text("Offline"))).to_be_visible()
    # The browser answers requests to its database in order, so the page's own request was answered before this one.
    assert eve.page.evaluate(KEPT) == [[name, room, ["for Ada"]]]
    expect(eve.count).to_have_text("0")


def test_the_cache_stores_no_room_if_the_token_names_another_user(enter: Enter) -> None:
    room, name = unique("public:kept"), unique("ada")
    ada = enter(name, room, kept=True)
    ada.write("for Ada")
    kept_rooms(ada, [[name, room, ["for Ada"]]])
    ada.page.close()
    other = enter(unique("eve"), unique("public:kept"), kept=name, context=ada.page.context)
    other.write("from Eve")
    expect(other.room.get_by_role("button", name="👍")).to_have_count(1)
    # "Sign out" closes the client. If the cache still stored rooms, the client would write them now.
    other.press("Sign out")
    expect(other.room).to_have_count(0)
    watcher = enter(name, room, kept=True, context=ada.page.context)
    expect(watcher.count).to_have_text("1")
    assert [row[1] for row in watcher.page.evaluate(KEPT)] == [room]
