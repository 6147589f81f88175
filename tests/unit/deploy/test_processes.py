"""The plan of a cluster: which processes start, in which order, and with which environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import credentials, processes
from deploy.layout import Counts, Paths, Ports
from deploy.processes import Plan, Process, Programs

SECRETS = credentials.make()
PROGRAMS = Programs("redis-server", ("nginx",), ("s3",), {})


def plan(counts: Counts | None = None, **environment: str) -> dict[str, Process]:
    paths = Paths(state=Path("/state"), public=Path("/public"))
    every = Plan(Ports(8080), paths, SECRETS, PROGRAMS, counts or Counts(), environment).processes
    return {process.name: process for process in every}


def test_the_list_has_all_possible_processes_with_unique_names() -> None:
    names = list(plan())
    assert len(names) == 3 + 16 + 4 + 4 + 4
    assert {"redis", "s3", "nginx", "gateway1", "gateway16", "sweeper1", "signer4"} <= set(names)


def test_the_counts_decide_which_processes_start() -> None:
    started = [p.name for p in plan(Counts(gateways=3, sweepers=0, signers=1)).values() if p.starts]
    assert started == ["redis", "s3", "nginx", "gateway1", "gateway2", "gateway3", "signer1"]


def test_a_gateway_gets_its_number_ports_and_account() -> None:
    env = plan()["gateway7"].env
    assert (env["ROOMCAST_NODE"], env["ROOMCAST_PORT"], env["ROOMCAST_METRICS_PORT"]) == ("7", "8187", "8287")
    assert env["ROOMCAST_REDIS_URL"] == SECRETS.redis_url("gateway", 8421)


def test_only_signers_get_the_keys_of_the_storage() -> None:
    for name, process in plan().items():
        assert ("AWS_SECRET_ACCESS_KEY" in process.env) == name.startswith("signer")


def test_only_gateways_and_apis_get_the_secret_of_tokens() -> None:
    for name, process in plan().items():
        assert ("ROOMCAST_JWT_SECRET" in process.env) == name.startswith(("gateway", "api"))


def test_only_variables_of_roomcast_and_path_are_inherited() -> None:
    env = plan(ROOMCAST_LOG_LEVEL="debug", AWS_PROFILE="work", HTTP_PROXY="http://proxy", PATH="/bin")["signer1"].env
    assert (env["ROOMCAST_LOG_LEVEL"], env["PATH"]) == ("debug", "/bin")
    assert "AWS_PROFILE" not in env
    assert "HTTP_PROXY" not in env


def test_the_settings_of_the_cluster_override_inherited_variables() -> None:
    assert plan(ROOMCAST_PORT="1", ROOMCAST_REDIS_URL="redis://elsewhere")["gateway1"].env["ROOMCAST_PORT"] == "8181"


@pytest.mark.parametrize("name", ["gateway1", "signer1"])
def test_inherited_origins_are_added_to_the_origins_of_the_page(name: str) -> None:
    own = "http://localhost:8080,http://127.0.0.1:8080,http://localhost:3000,http://localhost:5173"
    assert plan()[name].env["ROOMCAST_ALLOWED_ORIGINS"] == own
    added = plan(ROOMCAST_ALLOWED_ORIGINS="http://localhost:4200, https://app.example.com")[name].env
    assert added["ROOMCAST_ALLOWED_ORIGINS"] == f"{own},http://localhost:4200,https://app.example.com"


def test_secrets_do_not_show_in_a_repr() -> None:
    assert SECRETS.jwt_secret not in repr(plan()["gateway1"])


def test_gateways_stop_first_and_redis_last() -> None:
    assert processes.STOP_ORDER[0] == ("gateway", "api")
    assert processes.STOP_ORDER[-1] == ("redis",)
    for order in (processes.START_ORDER, processes.STOP_ORDER):
        assert {kind for stage in order for kind in stage} == {p.kind for p in plan().values()}


@pytest.mark.parametrize("user", [None, "www-data www-data"])
def test_the_nginx_command_sets_a_user_only_if_there_is_one(user: str | None) -> None:
    argv = processes.nginx_command("/usr/sbin/nginx", Paths(Path("/a b"), Path("/public")), user)
    assert argv[argv.index("-p") + 1] == "/public/"
    assert ("user www-data www-data;" in argv[-1]) == (user is not None)
