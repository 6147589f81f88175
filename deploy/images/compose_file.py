"""Translate compose.yaml's services into podman's options, for the compose features that the file uses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "roomcast-try-"
"""Prefix of the names of containers, volumes and the network, so that no other containers are touched."""

_PROCESSES: Final = 4096

Service = Mapping[str, Any]


def in_order(services: Mapping[str, Service]) -> list[str]:
    """Return the services that start without a profile, each after the services that it depends on."""
    chosen = {name: service for name, service in services.items() if "profiles" not in service}
    graph = {
        name: [other for other in service.get("depends_on", ()) if other in chosen] for name, service in chosen.items()
    }
    return list(TopologicalSorter(graph).static_order())


def run_arguments(name: str, service: Service, folder: Path, port: int, most_files: int) -> list[str]:
    """Return the arguments of `podman run` for a service of the file in `folder`.

    `port` replaces the published port in the file. `most_files`: the most files that a process may open.
    """
    arguments = ["--name", PREFIX + name, "--network", PREFIX + "net", "--network-alias", name]
    for alias in service.get("networks", {}).get("default", {}).get("aliases", ()):
        arguments += ["--network-alias", alias]
    if env_file := service.get("env_file"):
        arguments += ["--env-file", str((folder / env_file).resolve())]
    for key, value in service.get("environment", {}).items():
        arguments += ["--env", f"{key}={value}"]
    for published in service.get("ports", ()):
        arguments += ["--publish", f"127.0.0.1:{port}:{published.rsplit(':', 1)[1]}"]
    for volume in service.get("volumes", ()):
        source, rest = volume.split(":", 1)
        arguments += ["--volume", f"{_source(source, folder)}:{rest}"]
    return [*arguments, *_confinement(service, most_files), image(service), *map(str, service.get("command", ()))]


def health_command(service: Service) -> list[str]:
    """Return the health check of a service, a command to run inside its container; [] when the service has none."""
    kind, *command = service.get("healthcheck", {}).get("test", ("NONE",))
    if kind == "CMD-SHELL":
        return ["sh", "-c", *command]
    return list(command)


def image(service: Service) -> str:
    """Return the name of a service's image in the local storage: localhost/… if it is built, else docker.io/… ."""
    name = str(service["image"])
    return f"localhost/{name}" if "build" in service else f"docker.io/library/{name}"


def _source(source: str, folder: Path) -> str:
    return str((folder / source).resolve()) if source.startswith(".") else PREFIX + source


def _confinement(service: Service, most_files: int) -> list[str]:
    """Return the options that confine a container: read-only root, no capabilities, no new privileges, file limits."""
    arguments = ["--read-only"] if service.get("read_only") else []
    for option, key in (("--tmpfs", "tmpfs"), ("--cap-drop", "cap_drop"), ("--security-opt", "security_opt")):
        for value in service.get(key, ()):
            arguments += [option, str(value).replace("no-new-privileges:true", "no-new-privileges")]
    files = min(most_files, service.get("ulimits", {}).get("nofile", most_files))
    # podman's defaults are higher than the limits that a machine without full privileges may set.
    arguments += ["--ulimit", f"nofile={files}:{files}", "--ulimit", f"nproc={_PROCESSES}:{_PROCESSES}"]
    return arguments
