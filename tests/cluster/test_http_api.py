"""The HTTP API of a cluster: its process, the URL and key that `make env` prints, and its route through nginx."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from deploy import run, tools
from deploy.cluster import Cluster, free_base
from deploy.layout import ROOT


@pytest.fixture(scope="module")
def with_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder: Path = tmp_path_factory.mktemp("with-api")
    page = run.set_up(tools.quiet)
    with Cluster(free_base(), folder, gateways=1, apis=1, page=page, env={"API_ROUTE": "1"}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def environment(with_api: Cluster) -> dict[str, str]:
    """Return the variables that `make env` prints."""
    command = [sys.executable, "-m", "deploy", "--state", str(with_api.state), "env"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(re.findall(r"^export (\w+)=(\S+)$", done.stdout, re.MULTILINE))


def client(base: str, environment: dict[str, str]) -> httpx.Client:
    headers = {"Authorization": f"Bearer {environment['ROOMCAST_API_KEY']}"}
    return httpx.Client(base_url=base, headers=headers, trust_env=False)


def test_make_env_prints_the_url_of_the_api_and_a_valid_key(with_api: Cluster, environment: dict[str, str]) -> None:
    with client(environment["ROOMCAST_API_URL"], environment) as api:
        sent = api.post("/v1/rooms/public:lobby/messages", json={"user": "bot", "text": "from curl"})
        assert sent.status_code == 201
        assert [each["node"] for each in api.get("/v1/cluster").json()["gateways"]] == ["1"]


def test_nginx_routes_the_path_api_to_the_api_process(with_api: Cluster, environment: dict[str, str]) -> None:
    with client(f"{with_api.url}/api", environment) as api:
        assert api.get("/v1/rooms/public:lobby").json()["room"] == "public:lobby"
        refused = api.get("/v1/nothing")
    assert (refused.status_code, refused.json()["reason"]) == (404, "not_found")


def test_an_encoded_path_in_an_id_does_not_select_another_route(with_api: Cluster, environment: dict[str, str]) -> None:
    """Such a request to revoke a sign-in revoked all tokens of the user bob instead."""
    with client(f"{with_api.url}/api", environment) as api:
        for path in (
            "/v1/sign-ins/..%2Fusers%2Fbob/revocation",
            "/v1/users/%2E%2E/events",
            "/v1/sign-ins/a%2fb/revocation",
        ):
            assert api.post(path, json={}).status_code == 400, path
        assert api.get("/v1/rooms/public:a..b?x=/../%2F").json()["reason"] == "bad_request"
        assert api.get("/v1/rooms/public:.a..b.").json()["reason"] == "not_found"


def test_the_api_signs_and_completes_an_upload(environment: dict[str, str]) -> None:
    with client(environment["ROOMCAST_API_URL"], environment) as api:
        body = {"user": "bot", "room": "public:lobby", "name": "a.txt", "type": "text/plain", "size": 3}
        upload = api.post("/v1/uploads", json=body).json()
        sent = httpx.post(upload["url"], data=upload["fields"], files={"file": b"abc"}, trust_env=False)
        assert sent.is_success
        done = api.post(f"/v1/uploads/{upload['upload']}/complete", json={"user": "bot"})
    assert done.json()["media"]["size"] == 3


def accounts(environment: dict[str, str]) -> dict[str, str]:
    """Return what `roomcast doctor` finds out about the accounts."""
    command = [sys.executable, "-m", "roomcast.cli", "--json", "doctor"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    (found,) = [row for row in json.loads(done.stdout) if row["check"] == "accounts"]
    return dict(found)


def test_doctor_checks_the_account_of_the_api(with_api: Cluster, environment: dict[str, str]) -> None:
    assert accounts(environment)["seen"] == "api, gateway, media, presence"
    with redis.Redis.from_url(with_api.redis_url("admin")) as client:
        client.execute_command("ACL", "SETUSER", "api", "-blpop")
        try:
            found = accounts(environment)
        finally:
            client.execute_command("ACL", "SETUSER", "api", "+blpop")
    assert (found["level"], found["seen"]) == ("error", "api: BLPOP media:replies:{backend-1}")


def test_a_killed_api_process_restarts(with_api: Cluster, environment: dict[str, str]) -> None:
    with_api.wait_replaced("api1", with_api.kill("api1"))
    with client(environment["ROOMCAST_API_URL"], environment) as api:
        assert api.get("/v1/cluster").status_code == 200
    assert "Traceback" not in with_api.log("api1")
