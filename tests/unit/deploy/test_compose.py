"""The checks of deploy/compose.yaml and deploy/Dockerfile that need no container engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import compose, credentials, nginx_config, template, tools
from deploy.layout import ROOT
from deploy.s3 import server as s3_server

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRETS = credentials.make()
FILES = compose.files(SECRETS)
KINDS = {**dict.fromkeys(compose.GATEWAYS, "gateway"), "presence": "presence", "media": "media", "api": "api"}


def environment(service: str) -> dict[str, str]:
    """Return the environment of a service: the lines of its env_file and its own variables."""
    file = FILES[Path(SERVICES[service]["env_file"]).name]
    own: dict[str, str] = SERVICES[service].get("environment", {})
    return dict(line.split("=", 1) for line in file.splitlines()) | own


def known_names(module: str) -> set[str]:
    """Return the variables that the `--help` of a process lists."""
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-m", f"roomcast.{module}", "--help"], cwd=ROOT, capture_output=True, check=True
    )
    return set(re.findall(r"\b(?:ROOMCAST|AWS)_[A-Z0-9_]+\b", done.stdout.decode()))


@pytest.mark.parametrize("module", ["gateway", "presence", "media", "api"])
def test_each_process_knows_every_variable_of_its_services(module: str) -> None:
    known = known_names(module)
    for service in (name for name, kind in KINDS.items() if kind == module):
        assert set(environment(service)) <= known


def test_the_name_of_a_gateway_ends_with_its_number() -> None:
    named = {name: environment(name)["ROOMCAST_NODE"] for name in SERVICES if name.startswith("gateway")}
    assert named == {name: str(number) for number, name in enumerate(compose.GATEWAYS, 1)}


def test_the_services_have_the_same_ports_and_origins() -> None:
    for name in compose.GATEWAYS:
        assert environment(name)["ROOMCAST_PORT"] == str(compose.GATEWAY_PORT)
        assert environment(name)["ROOMCAST_ALLOWED_ORIGINS"] == compose.ORIGIN
    media = environment("media")
    assert media["ROOMCAST_S3_ENDPOINT"] == f"http://storage:{environment('storage')['GATEWAY_PORT']}"
    assert media["ROOMCAST_S3_BUCKET"] == environment("nginx")["S3_BUCKET"]
    assert media["ROOMCAST_S3_PUBLIC_ENDPOINT"] == environment("nginx")["MEDIA_ORIGIN"] == compose.ORIGIN


def test_only_nginx_the_api_and_prometheus_have_published_ports_all_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "nginx": ["127.0.0.1:8080:8080"],
        "api": ["127.0.0.1:8481:8481"],
        "prometheus": ["127.0.0.1:9090:9090"],
    }


def test_the_development_login_is_off() -> None:
    assert not any("ROOMCAST_DEV_LOGIN" in environment(name) for name in KINDS)


def test_the_gateways_trust_the_network_of_nginx() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert [environment(name)["ROOMCAST_TRUSTED_PROXIES"] for name in compose.GATEWAYS] == [network["subnet"]] * len(
        compose.GATEWAYS
    )


def test_every_service_except_prometheus_has_a_health_check() -> None:
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["prometheus"]


def test_the_gateways_have_twenty_seconds_to_drain() -> None:
    assert [SERVICES[name]["stop_grace_period"] for name in compose.GATEWAYS] == ["20s"] * len(compose.GATEWAYS)


def test_no_container_can_gain_privileges() -> None:
    assert all(service.get("security_opt") == ["no-new-privileges:true"] for service in SERVICES.values())


def test_the_containers_of_an_unprivileged_user_have_no_capabilities() -> None:
    """The images `server` and `storage` have such a user; the masters of nginx and Redis start as root."""
    unprivileged = {name for name, service in SERVICES.items() if service.get("cap_drop") == ["ALL"]}
    assert unprivileged == {*KINDS, "storage"}
    assert all(SERVICES[name]["read_only"] for name in KINDS)


def test_every_dependency_of_a_service_has_a_health_check() -> None:
    needed = {name for service in SERVICES.values() for name in service.get("depends_on", ())}
    assert {"redis", "storage"} <= needed
    assert [name for name in needed if "healthcheck" not in SERVICES[name]] == []


def test_the_storage_has_the_settings_of_the_local_storage() -> None:
    local = s3_server.environment(compose.STORAGE_PORT, Path("/data"), "k", "s")
    differing = {name for name, value in environment("storage").items() if local[name] != value}
    assert differing == {"BIND_HOST", "PATH", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


# --- nginx ------------------------------------------------------------------------------------------------------------


def test_nginx_gets_a_one_line_value_for_every_placeholder() -> None:
    values = compose.nginx_values()
    assert set(values) == template.names(nginx_config.TEMPLATE.read_text())
    assert not [name for name, value in values.items() if "\n" in value or "$" in value]


def test_the_variables_of_nginx_have_lower_case_names() -> None:
    """Envsubst replaces `$NAME` if NAME is an environment variable. The names of those are in capital letters."""
    own = re.findall(r"\$([A-Za-z_]+)", nginx_config.TEMPLATE.read_text())
    assert own
    assert [name for name in own if name != name.lower()] == []


def test_nginx_accepts_the_configuration_rendered_for_compose(tmp_path: Path) -> None:
    """Without a container network, the test replaces names by addresses, and removes the option `resolve`.

    Debian's nginx does not know that option.
    """
    values = dict(compose.nginx_values())
    for name in ("GATEWAY_SERVERS", "WEBSOCKET_SERVERS", "GATEWAY_UPSTREAMS", "S3_SERVER"):
        values[name] = re.sub(r"\b(gateways|storage):", "127.0.0.1:", values[name]).replace(" resolve", "")
    values |= {"NGINX_RUN": str(tmp_path), "NGINX_CONNECTIONS": "512"}
    (tmp_path / "nginx.conf").write_text(nginx_config.render(values))
    command: list[str | Path] = [
        tools.require("nginx"),
        "-t",
        "-e",
        "stderr",
        "-p",
        tmp_path,
        "-c",
        tmp_path / "nginx.conf",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- images -----------------------------------------------------------------------------------------------------------


def test_files_that_the_image_copies_exist_and_are_not_ignored() -> None:
    included = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.M)
    sources = [source for line in copies for source in line.split()]
    assert len(sources) > 8
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source.rstrip("/") == entry or source.startswith(f"{entry}/") for entry in included), source


def test_the_image_contains_every_package_with_a_src_folder() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (DEPLOY / "Dockerfile").read_text(), re.M))
    assert copied >= {path.parent.name for path in ROOT.glob("*/src")} > {"gateway", "wire"}


def test_every_target_that_compose_builds_exists() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", (DEPLOY / "Dockerfile").read_text(), re.M))
    built = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert len(built) > 1
    assert built <= stages


def test_the_image_and_bootstrap_use_the_same_version_of_uv() -> None:
    from deploy import bootstrap

    assert f"pip install --no-cache-dir {bootstrap.UV}\n" in (DEPLOY / "Dockerfile").read_text()


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_written_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    compose.write(tmp_path / "compose")
    first = {path.name: path.read_text() for path in (tmp_path / "compose").iterdir()}
    compose.write(tmp_path / "compose")
    assert {path.name: path.read_text() for path in (tmp_path / "compose").iterdir()} == first
    assert first.keys() == {*FILES, "credentials.json"}
    assert (tmp_path / "compose").stat().st_mode & 0o777 == 0o700
    private = {path.name for path in (tmp_path / "compose").iterdir() if path.stat().st_mode & 0o077 == 0}
    assert private == set(first) - {"redis.conf", "users.acl"}


def test_compose_yaml_contains_no_secret() -> None:
    assert set(re.findall(r"(?:secret|password|auth)\w*: *(\S+)", (DEPLOY / "compose.yaml").read_text(), re.I)) == set()


def test_every_file_that_compose_names_is_written() -> None:
    named = {
        Path(name).name for name in re.findall(r"\.\./\.state/compose/[\w.]+", (DEPLOY / "compose.yaml").read_text())
    }
    assert len(named) > 3
    assert named <= set(FILES)


def test_prometheus_scrapes_every_process() -> None:
    jobs = yaml.safe_load((DEPLOY / "observability" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in jobs for group in job["static_configs"] for target in group["targets"]}
    assert targets == {f"{name}:{environment(name)['ROOMCAST_METRICS_PORT']}" for name in KINDS}


def test_prometheus_accepts_its_configuration() -> None:
    command: list[str | Path] = [
        tools.require("promtool"),
        "check",
        "config",
        DEPLOY / "observability" / "prometheus.yml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_images_name_their_user_by_number() -> None:
    """Kubernetes refuses a user name with runAsNonRoot, because root could have that name."""
    users = re.findall(r"^USER (\S+)$", (DEPLOY / "Dockerfile").read_text(), re.M)
    assert users == ["10001:10001", "10001:10001"]
