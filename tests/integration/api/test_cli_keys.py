"""`roomcast api-keys`: the commands by which an operator manages API keys."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from roomcast.cli.__main__ import main
from tests import apis

Run = Callable[..., Result]


@pytest.fixture
def run(api_redis: Callable[[str], str]) -> Run:
    def invoke(*arguments: str, account: str = "admin") -> Result:
        return CliRunner().invoke(main, ["--redis", api_redis(account), "--json", "api-keys", *arguments])

    return invoke


def test_a_key_works_until_it_is_revoked(run: Run, api: apis.Api) -> None:
    made = run("create", "cli", "--scope", "messages:read", "--days", "1", "--rate", "5")
    secret = made.stdout.strip()
    assert made.exit_code == 0, made.output
    assert "only time" in made.stderr
    with api.client(secret) as client:
        assert client.get("/v1/rooms/team:cli/messages").status_code == 200
    (row,) = [row for row in json.loads(run("list").stdout) if row["name"] == "cli"]
    assert (row["scopes"], row["rate"], row["expires"] == "never") == ("messages:read", 5, False)
    assert secret not in run("list").output
    assert run("rotate", "cli", "--overlap-hours", "1").stdout.startswith("rck_")
    assert run("revoke", row["id"]).exit_code == 0
    with api.client(secret) as client:
        assert client.get("/v1/rooms/team:cli/messages").status_code == 401


def test_an_error_is_one_line(run: Run) -> None:
    missing = run("revoke", "no-such-id")
    assert (missing.exit_code, missing.stderr) == (1, "Error: not_found: no key has the id no-such-id\n")
    assert run("create", "x").exit_code == 2
    assert run("create", "x", "--scope", "everything").exit_code == 2
    refused = run("create", "x", "--scope", "all", account="backend")
    assert (refused.exit_code, "no permission" in refused.stderr) == (1, True)
