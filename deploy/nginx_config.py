"""Compute the values of nginx.conf for a local cluster and for compose, and fill in its template. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Final

from deploy import template
from deploy.layout import GATEWAY_CAPACITY, HOST, ROOT, Ports

TEMPLATE: Final = ROOT / "nginx.conf"
S3_BUCKET: Final = "roomcast-media"
UPLOAD_BYTES: Final = 10_485_760
"""Largest upload in bytes, unless ROOMCAST_UPLOAD_BYTES sets another. The signers have the same default."""

FORM_BYTES: Final = 65_536
"""Bytes added to the upload limit for the fields around a file in a POST form. The storage checks the exact size."""

API_BODY: Final = "2m"
"""nginx's limit for the body of an API request. The API has the same limit: `roomcast.api.guard.MAX_BODY_BYTES`."""

PICTURE_ORIGINS: Final = "https:"
"""Origins from which the page may load profile pictures: any https address. A deployment can name origins instead."""

MAX_CONNECTIONS: Final = 65_536
MAX_WORKERS: Final = 4

_RETRY: Final = "max_fails=1 fail_timeout=1s"


def gateway_servers(addresses: Sequence[str], suffix: str = "") -> str:
    """Return the `server` lines of the upstream for new polling sessions. `suffix`: more parameters of each line."""
    return " ".join(f"server {address}{suffix} {_RETRY};" for address in addresses)


def websocket_servers(addresses: Sequence[str], suffix: str = "") -> str:
    """Return the `server` lines of the upstream for new WebSockets: with `max_fails=0`, nginx tries every gateway.

    With another value, nginx would treat a gateway that refused once as working again only after a request to this
    gateway has ended. A WebSocket ends hours later. Until then the gateway would get only one new session every other
    second.
    """
    return " ".join(f"server {address}{suffix} max_fails=0;" for address in addresses)


def gateway_upstreams(addresses: Sequence[str], suffix: str = "") -> str:
    """Return an `upstream gateway_<n>` for each address, so that the number in a session id selects one gateway."""
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
    """Return the location that routes `/api/…` to the HTTP API. Without it, nginx does not route to the API."""
    limits = f"client_max_body_size {API_BODY}; proxy_read_timeout 30s;"
    headers = 'proxy_set_header Connection ""; add_header X-Content-Type-Options nosniff always;'
    check = "if ($is_ambiguous_path) { return 400; }"
    return f"location /api/ {{ {check} proxy_pass http://{address}/; {limits} {headers} }}"


def page_tls(certificate: str, key: str) -> str:
    """Return the lines for nginx's own certificate. PAGE_LISTEN must then end with `ssl`."""
    session = "ssl_session_cache shared:page:10m; ssl_session_timeout 1d; ssl_session_tickets off;"
    return f'ssl_certificate "{certificate}"; ssl_certificate_key "{key}"; ssl_protocols TLSv1.2 TLSv1.3; {session}'


def gateway_tls(authority: str, name: str) -> str:
    """Return the lines that make nginx check gateways' certificates: for `name`, signed by `authority`."""
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
    """Return the values for `make run`: all addresses on the loopback address, paths relative to nginx's prefix.

    `open_files`: the hard limit of file descriptors; each nginx worker uses up to this number, at most 65,536.
    `has_api_route`: whether to route `/api/` to the HTTP API.
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
    """Return nginx.conf with the values filled in; raise KeyError for a missing value."""
    return template.fill(TEMPLATE.read_text(), values)
