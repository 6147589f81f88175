"""Tests of the page after the end of a connection: a restart of the gateway shows no notice, an expired token does.

The element of a notice has the test id `banner`.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from deploy.cluster import Cluster
from tests.browser.page_users import Guests, unique

TOKEN_SECONDS = 12


@pytest.fixture
def room() -> str:
    return unique("public:line")


@pytest.mark.timeout(120)
def test_a_restart_of_the_gateway_shows_no_notice(guests: Guests, room: str, cluster: Cluster) -> None:
    ada, bob = guests.apart(room)
    guests.ignores_network = True
    ada.watch_for("banner")
    node = ada.node
    ada.say("before")
    cluster.restart(f"gateway{node}")
    ada.wait_connected(node=node)
    ada.say("after")
    bob.sees("after")
    assert ada.was_seen("banner") == []


@pytest.mark.timeout(120)
def test_the_notice_of_an_expired_token_asks_for_a_new_sign_in(guests: Guests, room: str) -> None:
    ada = guests.enter_by_token(room, name="Ada", seconds=TOKEN_SECONDS)
    guests.ignores_network = True
    ada.page.evaluate(
        """() => {
            window.notices = [];
            const look = () => {
                const notice = document.querySelector("[data-testid=banner]")?.dataset.notice;
                if (notice && notice !== window.notices.at(-1)) window.notices.push(notice);
            };
            new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    notice = ada.find("banner", notice="signed-out")
    notice.wait_for(timeout=TOKEN_SECONDS * 1000 + 20_000)
    expect(notice).to_contain_text("Your sign-in has expired.")
    assert ada.page.evaluate("window.notices") == ["signed-out"]
    notice.get_by_role("button", name="Sign in again").click()
    ada.find("name-input").wait_for()


def test_a_page_opened_with_an_expired_token_asks_for_a_new_sign_in(guests: Guests, room: str) -> None:
    ada = guests.visit()
    guests.ignores_network = True
    ada.page.evaluate(
        """() => {
            const part = (value) => btoa(JSON.stringify(value)).replace(/=+$/, "");
            const token = [part({ alg: "HS256" }), part({ sub: "ada", exp: 1600000000 }), "x"].join(".");
            sessionStorage.setItem("roomcast:session", JSON.stringify({ token, name: null }));
        }"""
    )
    ada.page.reload()
    expect(ada.page.get_by_role("heading", name="Not signed in")).to_be_visible()
    ada.page.get_by_role("button", name="Sign in again").click()
    ada.find("name-input").wait_for()
