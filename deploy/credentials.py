"""Make the random secrets of a cluster once, and store them so that only their owner can read them."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from deploy.layout import HOST
from roomcast.contract.api_keys import PREFIX as API_KEY_PREFIX

REDIS_ACCOUNTS: Final = ("gateway", "presence", "media", "backend", "api", "admin")
_FILE: Final = "credentials.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Redis passwords by account, the secrets of tokens and seals, the storage's key pair, an API key."""

    redis: dict[str, str]
    jwt_secret: str
    cluster_key: str
    s3_access_key: str
    s3_secret_key: str
    api_key: str = ""

    def redis_url(self, account: str, port: int) -> str:
        """Return the URL by which `account` reaches the cluster's Redis; raise KeyError for an unknown account."""
        return f"redis://{account}:{quote(self.redis[account], safe='')}@{HOST}:{port}/0"


def make() -> Credentials:
    """Return new random credentials."""
    return Credentials(
        redis={account: secrets.token_urlsafe(32) for account in REDIS_ACCOUNTS},
        jwt_secret=secrets.token_urlsafe(48),
        cluster_key=secrets.token_urlsafe(48),
        s3_access_key="RC" + secrets.token_hex(9).upper(),
        s3_secret_key=secrets.token_urlsafe(30),
        api_key=API_KEY_PREFIX + secrets.token_urlsafe(32),
    )


def load(folder: Path) -> Credentials:
    """Return the credentials in `folder`; raise FileNotFoundError when there are none yet."""
    return Credentials(**_read(folder))


def load_or_make(folder: Path) -> Credentials:
    """Return the credentials in `folder`. The folder gets mode 0700, the file mode 0600.

    The function makes missing credentials: all on first use, and after an upgrade those that the older release lacked.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    fresh = make()
    try:
        known = _read(folder)
    except FileNotFoundError:
        known = {}
    redis = fresh.redis | known.get("redis", {})
    whole = Credentials(**{**asdict(fresh), **known, "redis": redis})
    if asdict(whole) != known:
        _write_private(folder / _FILE, json.dumps(asdict(whole), indent=2))
    return whole


def _read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / _FILE).read_text())
    return found


def _write_private(path: Path, text: str) -> None:
    """Write a file atomically, with mode 0600 from the start: other users can never read it."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
