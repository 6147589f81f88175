"""Tests of the guide docs/product-page.md: Vite serves the guide's files, and bash runs its curl commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from deploy.cluster import Cluster, free_base
from deploy.control import Control, environment
from deploy.layout import ROOT
from deploy.web_build import install_packed
from tests.browser.applications import cluster_for, run, serving
from tests.integration.media_rig import picture

APP = Path(__file__).with_name("vite")
"""The folder with the files of `npm create vite`, and a lock file of the packages that the guide installs."""
GUIDE = (ROOT / "docs" / "product-page.md").read_text()
FILES = {
    *("token-server.mjs", "vite.config.ts", "src/shop.ts", "src/Order.tsx", "src/App.tsx"),
    *("api.sh", "order.sh", "progress.sh", "end.sh"),
}
SHOW_MS = 30_000
VIEW: FilePayload = {"name": "view.png", "mimeType": "image/png", "buffer": picture()}

Shell = Callable[[str], list[dict[str, object]]]


def guide_files() -> dict[str, str]:
    """Return file name → code for each block of the guide. The first line of a block has the file name."""
    blocks = re.findall(r"^```\w+\n((?://|#) ([\w./-]+).*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    files = {name: code for code, name in blocks}
    assert set(files) == FILES
    assert len(files) == len(re.findall(r"^```\w", GUIDE, re.MULTILINE)), "a block names no file"
    return files


@pytest.fixture(scope="module")
def port() -> int:
    return free_base()


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Cluster]:
    """Run a cluster with the HTTP API that accepts the page's origin."""
    with cluster_for(port, tmp_path_factory, apis=1) as running:
        yield running


@pytest.fixture(scope="module")
def variables(chat: Cluster) -> Mapping[str, str]:
    """Return the environment with the variables that `make env` prints."""
    return os.environ | environment(Control(chat.state))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, npm_packages: dict[str, Path], chat: Cluster, port: int) -> Path:
    """Make the application's folder from the guide's files, with the addresses of this test's servers."""
    folder = tmp_path_factory.mktemp("product") / "shop"
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("node_modules"))
    for name, code in guide_files().items():
        (folder / name).write_text(code.replace("http://localhost:8080", chat.url).replace("4000", str(port + 1)))
    install_packed(folder, (npm_packages[name] for name in ("sdk", "react")))
    return folder


@pytest.fixture(scope="module")
def address(shop: Path, variables: Mapping[str, str], port: int) -> Iterator[str]:
    """Run the token server and Vite; yield the address of the page."""
    vite = ["node", "node_modules/vite/bin/vite.js", "--port", str(port), "--strictPort"]
    with (
        serving(["node", "token-server.mjs"], shop, variables, f"http://localhost:{port + 1}/?user=ada"),
        serving(vite, shop, variables, f"http://localhost:{port}/"),
    ):
        yield f"http://localhost:{port}"


@pytest.fixture
def shell(shop: Path, variables: Mapping[str, str]) -> Shell:
    """Return a function that runs one of the guide's files of curl commands and returns the JSON answers."""

    def run_file(name: str) -> list[dict[str, object]]:
        done = subprocess.run(
            ["bash", "-eu", name], cwd=shop, env=variables, check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    return run_file


def enter(chromium: Browser, address: str, user: str, complaints: list[str]) -> Page:
    """Open the page in a new browser context, and sign in."""
    page = chromium.new_context().new_page()
    page.on("pageerror", lambda error: complaints.append(f"{user}: {error}"))
    page.on("console", lambda said: complaints.append(f"{user}: {said.text}") if said.type == "error" else None)
    page.goto(address, timeout=SHOW_MS)
    page.get_by_label("User").fill(user)
    page.get_by_label("User").press("Enter")
    expect(page.get_by_role("banner")).to_contain_text("Signed in as", timeout=SHOW_MS)
    return page


def test_the_files_of_the_guide_compile_with_strict_types(shop: Path) -> None:
    run(["node_modules/.bin/tsc", "--noEmit", "-p", "tsconfig.json"], shop)


def test_the_page_and_the_commands_work_as_the_guide_says(chromium: Browser, address: str, shell: Shell) -> None:
    complaints: list[str] = []
    ada = enter(chromium, address, "ada", complaints)
    expect(ada.get_by_role("navigation", name="Orders, 0 unread")).to_be_attached()
    assert shell("order.sh")[-1]["duplicate"] is False
    orders = ada.get_by_role("navigation", name="Orders, 1 unread").get_by_role("button")
    expect(orders).to_have_text("Order 1001 1 Your order is placed")
    expect(ada.get_by_role("banner")).to_contain_text("Signed in as Ada Lovelace")
    orders.click()
    expect(ada.get_by_role("heading")).to_have_text("placed")
    expect(ada.get_by_role("navigation", name="Orders, 0 unread")).to_be_visible()

    bob = enter(chromium, address, "bob", complaints)
    bob.get_by_role("button", name="Order 1001").click()
    expect(ada.get_by_text("Here: Ada Lovelace (online), Bob (online)")).to_be_visible()
    ada.get_by_role("textbox").fill("When does it come?")
    expect(bob.get_by_text("Ada Lovelace typing…")).to_be_visible()
    ada.get_by_role("textbox").press("Enter")
    expect(bob.locator("[data-state=sent]", has_text="Ada Lovelace When does it come?")).to_have_count(1)
    bob.get_by_label("Picture").set_input_files(VIEW)
    expect(ada.get_by_role("img", name="view.png")).to_be_visible()

    expect(ada.get_by_role("navigation").get_by_role("button")).to_have_text("Order 1001 view.png")

    bob.get_by_role("textbox").fill(" ")
    bob.get_by_role("textbox").press("Enter")
    expect(bob.get_by_role("button", name="bad_request: send again")).to_be_visible()
    shell("progress.sh")
    expect(bob.get_by_role("heading")).to_have_text("shipped, 7 minutes away")
    orders = bob.get_by_role("navigation", name="Orders, 0 unread").get_by_role("button")
    expect(orders).to_have_text("Order 1001 Your order is on its way")
    bob.get_by_role("button", name="Discard").click()
    expect(bob.locator("[data-state=failed]")).to_have_count(0)
    (again,) = shell("progress.sh")
    assert again["duplicate"] is True
    expect(ada.get_by_text("Shop Your order is on its way")).to_have_count(1)

    assert complaints == []
    shell("end.sh")
    expect(bob.get_by_role("alert")).to_contain_text("forbidden")
    expect(bob.get_by_role("banner")).to_contain_text("refused revoked", timeout=SHOW_MS)
    for context in chromium.contexts:
        context.close()
