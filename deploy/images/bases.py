"""Build base images from Debian's packages, and tag them with the names that the Dockerfile uses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from deploy.images.tools import STATE, ImageError, buildah, run

HERE: Final = Path(__file__).resolve().parent
SUITES: Final = {"python": "bookworm", "redis": "bookworm", "node": "trixie", "nginx": "sid"}
"""The Debian suite of each base image. It has the needed version: Python 3.11, Node 20, an nginx with `resolve`."""

_NPM: Final = "npm@10.9.4"
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_TRUST: Final = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")


def make(wanted: Iterable[str]) -> None:
    """Build the `wanted` images that are missing. The names are like `python:3.11-slim-bookworm`."""
    for image in wanted:
        target = image.split(":")[0]
        if target not in SUITES:
            raise ImageError(
                f"there is no substitute for the base image {image}: add one to deploy/images/bases.Dockerfile"
            )
        if not exists(name := f"docker.io/library/{image}"):
            _debian(SUITES[target])
            print(f"· {image} from Debian's packages", flush=True)
            with _context() as context:
                build(HERE / "bases.Dockerfile", context, target, name)


def exists(image: str) -> bool:
    """Tell whether an image is in the local image storage."""
    return bool(buildah("images", "--quiet", "--filter", f"reference={image}").strip())


def build(dockerfile: Path, context: Path, target: str, tag: str, options: Iterable[str] = ()) -> None:
    """Build one target without a container engine. The output goes to `<target>.log` in the state folder."""
    command = ["bud", "--isolation", "chroot", "--pull-never", "--layers", "--network", "host", "--target", target]
    buildah(*command, "--tag", tag, *options, "--file", dockerfile, context, log=STATE / f"{target}.log")


def machine_trust() -> Mapping[str, str]:
    """Return the variables that name this machine's certificates: a new Debian image may lack some of these."""
    return {name: str(_CERTIFICATES) for name in _TRUST if os.environ.get(name)}


def _debian(suite: str) -> None:
    """Build a minimal Debian image; raise ImageError when not run as root, which debootstrap needs."""
    name = f"localhost/roomcast-debian:{suite}"
    if exists(name):
        return
    if os.geteuid() != 0:
        raise ImageError("debootstrap makes the base images and needs root: run this as root")
    print(f"· Debian {suite}", flush=True)
    with TemporaryDirectory(dir=STATE) as folder:
        root = Path(folder) / "root"
        run(["debootstrap", "--variant=minbase", suite, root], log=STATE / f"debian-{suite}.log")
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        container = buildah("from", "scratch").strip()
        try:
            buildah("copy", "--quiet", container, root, "/")
            buildah("config", *(f"--env={key}={value}" for key, value in machine_trust().items()), container)
            buildah("commit", "--quiet", container, name)
        finally:
            buildah("rm", container)


@contextmanager
def _context() -> Iterator[Path]:
    """Yield a folder with the files that bases.Dockerfile copies: nginx's entry point, certificates, packed npm."""
    with TemporaryDirectory(dir=STATE) as folder:
        shutil.copy(HERE / "nginx-entrypoint.sh", folder)
        if _CERTIFICATES.exists():
            shutil.copy(_CERTIFICATES, Path(folder) / "certificates.crt")
        packed = run(["npm", "pack", "--silent", "--pack-destination", folder, _NPM]).strip().splitlines()[-1]
        (Path(folder) / packed).rename(Path(folder) / "npm.tgz")
        yield Path(folder)
