"""Start compose.yaml's services from the images with podman, send messages through them, and drain them."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import socketio

from deploy import compose, free_ports
from deploy.images import bases
from deploy.images.compose_file import PREFIX, Service, health_command, image, in_order, run_arguments
from deploy.images.tools import STATE, ImageError, podman, require
from roomcast.contract import tokens

HEALTHY_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 10.0
STOP_SECONDS: Final = 20
MESSAGES: Final = 20


def check(file: Mapping[str, Any]) -> None:
    """Start every service, wait until each is healthy, send messages through nginx, and drain.

    Raise ImageError if a step fails.
    """
    require("podman", "runc")
    services: Mapping[str, Service] = file["services"]
    names = in_order(services)
    bases.make(services[name]["image"] for name in names if "build" not in services[name])
    subnet = file["networks"]["default"]["ipam"]["config"][0]["subnet"]
    [port] = free_ports.singles(1)
    with TemporaryDirectory(dir=STATE) as folder, _network(subnet):
        secrets = Path(folder) / ".state" / "compose"
        secrets.mkdir(parents=True)
        compose.write(secrets)
        _know_the_resolver(secrets / "nginx.env", subnet)
        with _running(names):
            for name in names:
                _start(name, services[name], Path(folder) / "deploy", port)
            asyncio.run(_talk(f"http://localhost:{port}", _secret(secrets)))
            for name in reversed(names):
                _drain(name)


@contextmanager
def _network(subnet: str) -> Iterator[None]:
    """Make a network for this test, and remove it at the end."""
    (STATE / "networks").mkdir(exist_ok=True)
    _forget("network", "rm", "--force", PREFIX + "net")
    podman("network", "create", "--subnet", subnet, PREFIX + "net")
    try:
        yield
    finally:
        _forget("network", "rm", "--force", PREFIX + "net")


@contextmanager
def _running(names: list[str]) -> Iterator[None]:
    """Remove the containers and volumes of an earlier run at the start, and those of this run at the end."""

    def remove() -> None:
        for name in reversed(names):
            _forget("rm", "--force", "--time", "1", PREFIX + name)
        for volume in ("redis", "storage"):
            _forget("volume", "rm", "--force", PREFIX + volume)

    remove()
    try:
        yield
    finally:
        remove()


def _forget(*arguments: str) -> None:
    with suppress(ImageError):
        podman(*arguments)


def _know_the_resolver(path: Path, subnet: str) -> None:
    """Write nginx's environment file with podman's resolver (the network's first address) instead of Docker's."""
    values = compose.nginx_values() | {"RESOLVER": f"resolver {subnet.rsplit('.', 1)[0]}.1 valid=5s ipv6=off;"}
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))


def _start(name: str, service: Service, folder: Path, port: int) -> None:
    """Start one service and wait until its own health check succeeds."""
    started = time.monotonic()
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    arguments = run_arguments(name, service, folder, port, most_files)
    podman("run", "--detach", "--runtime", "runc", *arguments)
    command = health_command(service)
    while command:
        try:
            podman("exec", PREFIX + name, *command, seconds=ANSWER_SECONDS)
            break
        except ImageError as error:
            if time.monotonic() - started > HEALTHY_SECONDS:
                raise ImageError(f"{name} is not healthy after {HEALTHY_SECONDS:g} s: {error}") from None
            time.sleep(0.5)
    print(f"· {name} from {image(service)}: healthy after {time.monotonic() - started:.1f} s", flush=True)


async def _talk(url: str, secret: str) -> None:
    """Send messages through nginx; raise ImageError unless each is acked and delivered to the sender."""
    heard: set[str] = set()
    all_heard = asyncio.Event()

    def hear(message: dict[str, Any]) -> None:
        heard.add(message["id"])
        if len(heard) == MESSAGES:
            all_heard.set()

    client = socketio.AsyncClient()
    client.on("message", hear)
    await client.connect(url, auth={"token": tokens.sign(secret, "ada")}, headers={"Origin": compose.ORIGIN})
    try:
        await client.call("room:join", {"room": "public:images"}, timeout=ANSWER_SECONDS)
        for number in range(MESSAGES):
            ack = await client.call("message:send", _message(number), timeout=ANSWER_SECONDS)
            if not ack["ok"]:
                raise ImageError(f"a message was refused: {ack}")
        async with asyncio.timeout(ANSWER_SECONDS):
            await all_heard.wait()
    except TimeoutError:
        raise ImageError(f"{MESSAGES - len(heard)} of {MESSAGES} messages were not delivered") from None
    finally:
        await client.disconnect()
    print(f"· {MESSAGES} messages through nginx: all acked and delivered", flush=True)


def _message(number: int) -> dict[str, str]:
    return {"room": "public:images", "id": f"image-{number}", "text": "hello"}


def _drain(name: str) -> None:
    """Stop a container by SIGTERM, as a container engine does; raise ImageError unless its status is 0."""
    started = time.monotonic()
    podman("stop", "--time", str(STOP_SECONDS), PREFIX + name)
    status = podman("inspect", "--format", "{{.State.ExitCode}}", PREFIX + name).strip()
    if status != "0":
        raise ImageError(f"{name} ended with status {status}: {podman('logs', '--tail', '3', PREFIX + name).strip()}")
    print(f"· {name} drained in {time.monotonic() - started:.1f} s", flush=True)


def _secret(folder: Path) -> str:
    lines = (folder / "gateway.env").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("ROOMCAST_JWT_SECRET="))
