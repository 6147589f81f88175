"""Build every image without a container engine and print its size; with `--run`, start compose.yaml's services.

    python -m deploy.images [--run]

It needs root, npm, and Debian's buildah and debootstrap; `--run` also podman, netavark, aardvark-dns and runc. Built
layers stay in the state folder, so that the next run builds only what has changed.
"""

from __future__ import annotations

import argparse
import sys

import yaml

from deploy.images import bases, dockerfile, services
from deploy.images.tools import STATE, ImageError, buildah, require
from deploy.layout import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
_MAIN = "server"


def main() -> int:
    """Build, and run if asked to; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.images", description=__doc__)
    parser.add_argument("--run", action="store_true", help="start the services of compose.yaml, check and drain them")
    options = parser.parse_args()
    try:
        build_all()
        if options.run:
            services.check(yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text()))
    except ImageError as error:
        print(f"roomcast: {error}", file=sys.stderr)
        return 1
    return 0


def build_all() -> None:
    """Build every target and print its size; raise ImageError when an image's user is a name instead of a number."""
    require("buildah", "debootstrap", "npm")
    STATE.mkdir(parents=True, exist_ok=True)
    stages = dockerfile.stages(DOCKERFILE.read_text())
    bases.make(dockerfile.outside_bases(stages))
    ignore = f"--ignorefile={DOCKERFILE}.dockerignore"
    for target in dockerfile.targets(stages):
        print(f"· {target}", flush=True)
        image = image_of(target)
        bases.build(DOCKERFILE, ROOT, target, image, [ignore])
        user = _inspect(image, "{{.OCIv1.Config.User}}")
        if user and not dockerfile.is_numeric_user(user):
            raise ImageError(f"{image} runs as {user}: Kubernetes' runAsNonRoot needs a number")
        print(f"  {image}: {_size(image)}, user {user or 'of its base'}", flush=True)


def image_of(target: str) -> str:
    """Return the name of a target's image, as compose.yaml calls it."""
    return "localhost/roomcast" + ("" if target == _MAIN else f"-{target}")


def _inspect(image: str, form: str) -> str:
    return buildah("inspect", "--type", "image", "--format", form, image).strip()


def _size(image: str) -> str:
    return buildah("images", "--format", "{{.Size}}", image).strip()


if __name__ == "__main__":
    sys.exit(main())
