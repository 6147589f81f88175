"""Write the files that deploy/compose.yaml needs before its first start: random secrets and configurations.

The templates and rules are those of a local cluster. The command is `python -m deploy compose`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy import credentials, nginx_config, redis_config
from deploy.credentials import Credentials
from deploy.s3 import server as s3_server

GATEWAYS: Final = ("gateway1", "gateway2", "gateway3")
GATEWAY_PORT: Final = 8000
ALL_GATEWAYS: Final = f"gateways:{GATEWAY_PORT}"
"""The DNS name with the addresses of all gateways; nginx looks it up again every few seconds."""

STORAGE_PORT: Final = 4566
REDIS: Final = "redis:6379"
ORIGIN: Final = "http://localhost:8080"


def write(folder: Path) -> None:
    """Write the files into `folder`, which other users cannot read. Keep the secrets of an earlier call."""
    secrets = credentials.load_or_make(folder)
    for name, text in files(secrets).items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)
    # Redis reads these two files as the container's own user. On this machine, other users cannot open the folder.
    for name in ("redis.conf", "users.acl"):
        (folder / name).chmod(0o644)


def files(secrets: Credentials) -> dict[str, str]:
    """Return the content of each file by its name."""
    environments: dict[str, Mapping[str, str]] = {
        "gateway.env": {
            "ROOMCAST_REDIS_URL": _redis_url("gateway", secrets),
            "ROOMCAST_JWT_SECRET": secrets.jwt_secret,
            "ROOMCAST_CLUSTER_KEY": secrets.cluster_key,
        },
        "presence.env": {"ROOMCAST_REDIS_URL": _redis_url("presence", secrets)},
        "media.env": {
            "ROOMCAST_REDIS_URL": _redis_url("media", secrets),
            "ROOMCAST_CLUSTER_KEY": secrets.cluster_key,
            **_storage_keys(secrets),
        },
        "api.env": {
            "ROOMCAST_REDIS_URL": _redis_url("api", secrets),
            "ROOMCAST_JWT_SECRET": secrets.jwt_secret,
            "ROOMCAST_CLUSTER_KEY": secrets.cluster_key,
        },
        "backend.env": {"ROOMCAST_REDIS_URL": _redis_url("backend", secrets)},
        "redis.env": {"REDISCLI_AUTH": secrets.redis["admin"]},
        "storage.env": _storage(secrets),
        "nginx.env": nginx_values(),
    }
    texts = {name: "".join(f"{key}={value}\n" for key, value in env.items()) for name, env in environments.items()}
    return texts | {
        "redis.conf": redis_config.config(6379, Path("/data"), Path("/etc/redis/users.acl"), bind="0.0.0.0"),
        "users.acl": redis_config.acl(secrets.redis),
    }


def nginx_values() -> dict[str, str]:
    """Return the values of nginx.conf: one DNS name for all gateways together, and `gateway-<n>` for each gateway."""
    return {
        "PAGE_LISTEN": "8080",
        **nginx_config.PLAIN,
        "NGINX_RUN": "/tmp",
        "NGINX_WORKERS": "auto",
        "NGINX_CONNECTIONS": str(nginx_config.MAX_CONNECTIONS),
        "NGINX_LOG_LEVEL": "error",
        "RESOLVER": "resolver 127.0.0.11 valid=5s ipv6=off;",
        "GATEWAY_SERVERS": nginx_config.gateway_servers([ALL_GATEWAYS], " resolve"),
        "WEBSOCKET_SERVERS": nginx_config.websocket_servers([ALL_GATEWAYS], " resolve"),
        "GATEWAY_UPSTREAMS": "",
        "GATEWAY_NAME": "gateway-",
        "GATEWAY_NAME_END": f":{GATEWAY_PORT}",
        **nginx_config.front_proxies(()),
        "API_ROUTE": "",
        "WEB_ROOT": "/usr/share/nginx/html",
        "S3_SERVER": f"storage:{STORAGE_PORT}",
        "S3_BUCKET": nginx_config.S3_BUCKET,
        "S3_MAX_BODY": str(nginx_config.UPLOAD_BYTES + nginx_config.FORM_BYTES),
        "MEDIA_ORIGIN": ORIGIN,
        "PICTURE_ORIGINS": nginx_config.PICTURE_ORIGINS,
    }


def _redis_url(account: str, secrets: Credentials) -> str:
    return f"redis://{account}:{secrets.redis[account]}@{REDIS}/0"


def _storage_keys(secrets: Credentials) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": secrets.s3_access_key, "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key}


def _storage(secrets: Credentials) -> dict[str, str]:
    """Return the storage's environment, with the container's folders and address."""
    data = Path("/data")
    local = s3_server.environment(STORAGE_PORT, data, secrets.s3_access_key, secrets.s3_secret_key)
    return {**local, "BIND_HOST": "0.0.0.0", "PATH": "/usr/local/bin:/usr/bin:/bin"}
