"""`make images` finds the images in the Dockerfile, and the services with their podman options in compose.yaml."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.images import bases, compose_file, dockerfile
from deploy.images.__main__ import DOCKERFILE, image_of
from deploy.images.tools import ImageError
from deploy.layout import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
STAGES = dockerfile.stages(DOCKERFILE.read_text())


def test_every_stage_that_no_other_stage_uses_is_a_target() -> None:
    stages = dockerfile.stages("FROM a AS one\nCOPY x x\nFROM one AS two\nFROM b:1 AS three\nCOPY --from=two /x /x\n")
    assert [stage.name for stage in stages] == ["one", "two", "three"]
    assert dockerfile.targets(stages) == ["three"]
    assert dockerfile.outside_bases(stages) == ["a", "b:1"]


def test_a_stage_without_a_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        dockerfile.stages("FROM a AS one\nFROM b\n")


def test_every_target_that_compose_builds_has_an_image() -> None:
    built = {compose_file.image(service) for service in SERVICES.values() if "build" in service}
    assert built == {image_of(target) for target in dockerfile.targets(STAGES)}


def test_every_base_image_has_a_substitute() -> None:
    assert {base.split(":")[0] for base in dockerfile.outside_bases(STAGES)} <= set(bases.SUITES)
    with pytest.raises(ImageError, match="no substitute"):
        bases.make(["cobol:1"])


@pytest.mark.parametrize(
    ("user", "is_numeric"), [("10001:10001", True), ("101", True), ("roomcast", False), ("0:0", False), ("", False)]
)
def test_a_user_must_be_a_number_other_than_zero(user: str, is_numeric: bool) -> None:
    assert dockerfile.is_numeric_user(user) is is_numeric


def test_a_service_with_a_profile_does_not_start() -> None:
    assert "prometheus" not in compose_file.in_order(SERVICES)


def test_each_service_starts_after_its_dependencies() -> None:
    names = compose_file.in_order(SERVICES)
    for name in names:
        assert all(names.index(other) < names.index(name) for other in SERVICES[name].get("depends_on", ()))


def test_a_gateway_has_the_options_of_compose() -> None:
    arguments = compose_file.run_arguments("gateway1", SERVICES["gateway1"], Path("/made/deploy"), 1, 1024)
    pairs = list(pairwise(arguments))
    assert ("--env-file", "/made/.state/compose/gateway.env") in pairs
    assert ("--env", "ROOMCAST_NODE=1") in pairs
    assert {("--network-alias", "gateway-1"), ("--cap-drop", "ALL"), ("--tmpfs", "/tmp")} <= set(pairs)
    assert "--read-only" in arguments
    assert ("--ulimit", "nofile=1024:1024") in pairs
    assert arguments[-1] == "localhost/roomcast"


def test_the_published_port_and_the_volumes_are_replaced() -> None:
    nginx = compose_file.run_arguments("nginx", SERVICES["nginx"], Path("/made/deploy"), 4321, 10**6)
    assert "127.0.0.1:4321:8080" in nginx
    assert f"nofile={SERVICES['nginx']['ulimits']['nofile']}:{SERVICES['nginx']['ulimits']['nofile']}" in nginx
    redis = compose_file.run_arguments("redis", SERVICES["redis"], Path("/made/deploy"), 1, 1024)
    assert "roomcast-try-redis:/data" in redis
    assert "/made/.state/compose/redis.conf:/etc/redis/redis.conf:ro" in redis
    assert redis[-2:] == ["redis-server", "/etc/redis/redis.conf"]


def test_the_health_command_is_read_from_compose() -> None:
    assert compose_file.health_command(SERVICES["redis"])[:2] == ["sh", "-c"]
    assert compose_file.health_command(SERVICES["gateway1"])[0] == "python"
    assert compose_file.health_command({}) == []
