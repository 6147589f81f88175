"""Fill in the template of nginx.conf, for a local cluster and for compose. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Final

from deploy import template
from deploy.layout import GATEWAY_CAPACITY, HOST, ROOT, Ports

TEMPLATE: Final = ROOT / "nginx.conf"
S3_BUCKET: Final = "roomcast-media"
UPLOAD_BYTES: Final = 10_485_760
"""Largest upload in bytes: the signers' own default when ROOMCAST_UPLOAD_BYTES does not set another."""

FORM_BYTES: Final = 65_536
"""Bytes added to the upload limit for the fields around a file in a POST form. The storage checks the exact size."""

API_BODY: Final = "2m"
"""nginx's limit of a request body for the API: the API's own bound, `roomcast.api.guard.MAX_BODY_BYTES`."""

PICTURE_ORIGINS: Final = "https:"
"""Origins from which the page may load profile pictures: any https address. A deployment can name its own instead."""

MAX_CONNECTIONS: Final = 65_536
MAX_WORKERS: Final = 4

_RETRY: Final = "max_fails=1 fail_timeout=1s"


def gateway_servers(addresses: Sequence[str], suffix: str = "") -> str:
    """Return the lines of an upstream for new sessions, with all addresses; `suffix`: more parameters of each line."""
    return " ".join(f"server {address}{suffix} {_RETRY};" for address in addresses)


def websocket_servers(addresses: Sequence[str], suffix: str = "") -> str:
    """Return the lines of the upstream for new WebSockets, which always try every gateway.

    nginx would mark a gateway that refused once as working again only after a request to it has ended. A WebSocket
    ends hours later. Until then the gateway would get one new session every other second.
    """
    return " ".join(f"server {address}{suffix} max_fails=0;" for address in addresses)


def gateway_upstreams(addresses: Sequence[str], suffix: str = "") -> str:
    """Return `upstream gateway_<n>` for each address, so that a session id's number leads to exactly one."""
    return "\n    ".join(
        f"upstream gateway_{n} {{ zone gateway_{n} 64k; server {address}{suffix} max_fails=0; keepalive 16; }}"
        for n, address in enumerate(addresses, 1)
    )


def front_proxies(networks: Sequence[str]) -> dict[str, str]:
    """Return the values for proxies in front of nginx; raise ValueError for a value that is no network."""
    names = [str(ip_network(network)) for network in networks]
    return {
        "FRONT_PROXIES": " ".join(f"{name} 1;" for name in names),
        "FRONT_REAL_IP": " ".join(f"set_real_ip_from {name};" for name in names),
    }


def api_route(address: str) -> str:
    """Return the location that routes `/api/…` to the HTTP API; without it the API is not reachable through nginx."""
    return (
        f"location /api/ {{ proxy_pass http://{address}/; client_max_body_size {API_BODY}; proxy_read_timeout 30s;"
        ' proxy_set_header Connection ""; add_header X-Content-Type-Options nosniff always; }'
    )


def page_tls(certificate: str, key: str) -> str:
    """Return the lines of nginx's own certificate; write `ssl` behind the address in PAGE_LISTEN, too."""
    session = "ssl_session_cache shared:page:10m; ssl_session_timeout 1d; ssl_session_tickets off;"
    return f'ssl_certificate "{certificate}"; ssl_certificate_key "{key}"; ssl_protocols TLSv1.2 TLSv1.3; {session}'


def gateway_tls(authority: str, name: str) -> str:
    """Return the lines with which nginx checks that gateways have a certificate for `name`, signed by `authority`."""
    checks = f'proxy_ssl_trusted_certificate "{authority}"; proxy_ssl_verify on; proxy_ssl_verify_depth 3;'
    return f"{checks} proxy_ssl_name {name}; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2 TLSv1.3;"


PLAIN: Final[Mapping[str, str]] = {"PAGE_TLS": "", "GATEWAY_SCHEME": "http", "GATEWAY_TLS": ""}
"""The values without TLS."""


def local_values(
    ports: Ports,
    *,
    cpus: int,
    open_files: int,
    upload_bytes: int = UPLOAD_BYTES,
    capacity: int = GATEWAY_CAPACITY,
    fronts: Sequence[str] = (),
    has_api_route: bool = False,
) -> dict[str, str]:
    """Return the values for `make run`: everything on the loopback address, paths relative to nginx's prefix.

    `open_files`: the hard limit of descriptors; nginx raises its own limit to it, at most to 65,536 for each worker.
    `has_api_route`: show the HTTP API under `/api/`.
    """
    addresses = [f"{HOST}:{ports.gateway(number)}" for number in range(1, capacity + 1)]
    return {
        "PAGE_LISTEN": f"{HOST}:{ports.page}",
        **PLAIN,
        "NGINX_RUN": "run",
        "NGINX_WORKERS": str(max(1, min(cpus, MAX_WORKERS))),
        "NGINX_CONNECTIONS": str(min(open_files, MAX_CONNECTIONS)),
        "NGINX_LOG_LEVEL": "crit",
        "RESOLVER": "",
        "GATEWAY_SERVERS": gateway_servers(addresses).replace("; ", ";\n        "),
        "WEBSOCKET_SERVERS": websocket_servers(addresses).replace("; ", ";\n        "),
        "GATEWAY_UPSTREAMS": gateway_upstreams(addresses),
        "GATEWAY_NAME": "gateway_",
        "GATEWAY_NAME_END": "",
        **front_proxies(fronts),
        "API_ROUTE": api_route(f"{HOST}:{ports.api(1)}") if has_api_route else "",
        "WEB_ROOT": "page",
        "S3_SERVER": f"{HOST}:{ports.s3}",
        "S3_BUCKET": S3_BUCKET,
        "S3_MAX_BODY": str(upload_bytes + FORM_BYTES),
        "MEDIA_ORIGIN": f"http://localhost:{ports.page}",
        "PICTURE_ORIGINS": PICTURE_ORIGINS,
    }


def render(values: Mapping[str, str]) -> str:
    """Return nginx.conf with the values filled in; raise KeyError for one that is missing."""
    return template.fill(TEMPLATE.read_text(), values)
