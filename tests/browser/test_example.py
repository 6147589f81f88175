"""Test of the built example application: a customer and an agent solve a ticket while a gateway is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio
from playwright.sync_api import Browser, FilePayload, Page, expect

from deploy import example
from deploy.cluster import Cluster, free_base
from deploy.control import Control, environment
from deploy.layout import HOST
from deploy.web_build import install_packed
from tests.browser.applications import cluster_for, serving
from tests.integration.media_rig import picture

BUILD_SECONDS = 240
SHOW_MS = 30_000
VIEW: FilePayload = {"name": "view.png", "mimeType": "image/png", "buffer": picture()}


@pytest.fixture(scope="module")
def next_port() -> int:
    return free_base()


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, next_port: int) -> Iterator[Cluster]:
    """Run a cluster with the HTTP API that accepts the application's origin."""
    with cluster_for(next_port, tmp_path_factory, apis=1) as running:
        yield running


@pytest.fixture(scope="module")
def desk(
    chat: Cluster, next_port: int, npm_packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Run the application's two servers; yield its address."""
    folder = tmp_path_factory.mktemp("example")
    frontend = folder / "frontend"
    shutil.copytree(example.SOURCES / "frontend", frontend, ignore=shutil.ignore_patterns("node_modules", ".next"))
    install_packed(frontend, npm_packages.values())
    backend_port = next_port + 1
    values = os.environ | environment(Control(chat.state)) | {"NEXT_TELEMETRY_DISABLED": "1"}
    values |= {"BACKEND_URL": f"http://{HOST}:{backend_port}", "HELPDESK_DATABASE": str(folder / "helpdesk.db")}
    build = example.next_command(frontend, "build")
    done = subprocess.run(
        build, cwd=frontend, env=values, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    start = example.serve_command(frontend, "start", next_port)
    with (
        serving(example.backend_command(backend_port), folder, values, f"http://{HOST}:{backend_port}/docs"),
        serving(start, frontend, values, f"http://localhost:{next_port}/"),
    ):
        yield f"http://localhost:{next_port}"


def signed_in(chromium: Browser, desk: str, name: str, role: str) -> Page:
    """Sign in, in a new browser context."""
    page = chromium.new_context().new_page()
    page.goto(desk, timeout=SHOW_MS)
    sign_in(page, name, role)
    return page


def sign_in(page: Page, name: str, role: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label(role).check()
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-phase=online]").first).to_be_visible(timeout=SHOW_MS)


def write(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.get_by_label("Message").press("Enter")


def shows(page: Page, text: str) -> None:
    """Wait until the open ticket shows the message once, as sent."""
    expect(page.locator(".messages [data-state=sent]", has_text=text)).to_have_count(1, timeout=SHOW_MS)


def assert_token_is_no_sign_in(page: Page, desk: str) -> None:
    """Check that the chat token, which the page can read, does not contain the cookie, which the page cannot read."""
    [cookie] = [one["value"] for one in page.context.cookies() if one["name"] == "helpdesk_sign_in"]
    token = page.request.post(f"{desk}/api/chat-token").json()["token"]
    claims = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    assert cookie not in claims.values()


def assert_visitor_cannot_choose_the_secret(chromium: Browser, desk: str) -> None:
    """Check that the back end replaces a cookie of its name that it has not set: another site may have set it."""
    with chromium.new_context() as context:
        context.add_cookies([{"name": "helpdesk_visitor", "value": "known-to-a-stranger", "url": desk}])
        assert context.request.post(f"{desk}/api/sign-in", data={"name": "Eve", "role": "customer"}).ok
        [cookie] = [one["value"] for one in context.cookies() if one["name"] == "helpdesk_visitor"]
        assert len(cookie) == 32


def forge_state(page: Page, desk: str, chat: Cluster) -> None:
    """Send the back end's event as the customer, and then a message."""
    token = page.request.post(f"{desk}/api/chat-token").json()["token"]
    [ticket] = page.request.get(f"{desk}/api/tickets").json()
    with socketio.SimpleClient() as client:
        client.connect(f"http://{HOST}:{chat.ports.page}", auth={"token": token}, transports=["websocket"])
        assert client.call("room:join", {"room": ticket["room"]})["ok"]
        event = {"room": ticket["room"], "event": "ticket:state", "data": {"ticket": ticket["id"], "state": "solved"}}
        assert client.call("room:emit", event)["sent"]
        assert client.call("message:send", {"room": ticket["room"], "id": "forged", "text": "is it solved?"})["ok"]


@pytest.mark.timeout(400)
def test_a_ticket_is_opened_answered_and_solved(chat: Cluster, desk: str, chromium: Browser) -> None:
    agent = signed_in(chromium, desk, "Grace", "I am an agent")
    customer = signed_in(chromium, desk, "Ada", "I need help")
    expect(customer.locator(".agents [data-status=online]", has_text="Grace")).to_be_visible(timeout=SHOW_MS)

    customer.get_by_label("Subject").fill("Printer on fire")
    customer.get_by_label("Question").fill("What shall I do?")
    customer.get_by_role("button", name="Open a ticket").click()
    shows(customer, "What shall I do?")

    ticket = agent.get_by_role("button", name="Printer on fire")
    expect(ticket.locator(".unread")).to_have_text("1", timeout=SHOW_MS)
    ticket.click()
    shows(agent, "What shall I do?")
    expect(ticket.locator(".unread")).to_have_count(0, timeout=SHOW_MS)

    agent.get_by_label("Message").fill("Have")
    expect(customer.locator(".typing")).to_have_text("Grace typing…", timeout=SHOW_MS)
    write(agent, "Have you tried water?")
    shows(customer, "Have you tried water?")

    customer.get_by_label("File").set_input_files(VIEW)
    expect(agent.locator(".messages img")).to_be_visible(timeout=SHOW_MS)

    killed = chat.kill("gateway1")
    for number in range(3):
        write(customer, f"It is wet now {number}")
        write(agent, f"Good {number}")
    chat.wait_replaced("gateway1", killed)
    for page in (customer, agent):
        for number in range(3):
            shows(page, f"It is wet now {number}")
            shows(page, f"Good {number}")

    assert_token_is_no_sign_in(customer, desk)
    forge_state(customer, desk, chat)
    shows(agent, "is it solved?")
    expect(agent.locator(".ticket .state")).to_have_text("open")

    agent.get_by_role("button", name="Mark as solved").click()
    for page in (customer, agent):
        expect(page.locator(".ticket .state")).to_have_text("solved", timeout=SHOW_MS)
        expect(page.locator(".system", has_text="Grace marked this ticket as solved")).to_have_count(1)

    customer.get_by_role("button", name="Sign out").click()
    expect(customer.get_by_role("button", name="Sign in")).to_be_visible(timeout=SHOW_MS)

    sign_in(customer, "Ada", "I need help")
    customer.get_by_role("button", name="Printer on fire").click()
    shows(customer, "What shall I do?")
    namesake = signed_in(chromium, desk, "Ada", "I need help")
    assert namesake.request.get(f"{desk}/api/tickets").json() == []
    assert_visitor_cannot_choose_the_secret(chromium, desk)
    for page in (customer, agent, namesake):
        page.context.close()
