"""TLS to Redis, by the options of a URL: a context for Roomcast's own clients, and the options of redis-py."""

from __future__ import annotations

import ssl
from typing import Any

from roomcast.wire.redis_url import RedisTarget, TlsOptions


def make_context(target: RedisTarget) -> ssl.SSLContext | None:
    """Return the context for `target`, or None without TLS. For a bad option raise ValueError with its name."""
    if not target.tls:
        return None
    options = target.tls_options
    try:
        context = ssl.create_default_context(cafile=options.ca_certs)
    except OSError as error:
        raise ValueError(f"ssl_ca_certs of the Redis URL: {_reason(error)}") from None
    if options.certfile is not None:
        try:
            context.load_cert_chain(options.certfile, options.keyfile, options.password)
        except OSError as error:
            raise ValueError(f"ssl_certfile and ssl_keyfile of the Redis URL: {_reason(error)}") from None
    context.check_hostname = options.check_hostname and options.verify
    if not options.verify:
        context.verify_mode = ssl.CERT_NONE
    return context


def redis_py_options(options: TlsOptions) -> dict[str, Any]:
    """Return the options as arguments of redis-py's clients and SSLConnection."""
    return {
        "ssl_ca_certs": options.ca_certs,
        "ssl_certfile": options.certfile,
        "ssl_keyfile": options.keyfile,
        "ssl_password": options.password,
        "ssl_cert_reqs": "required" if options.verify else "none",
        "ssl_check_hostname": options.check_hostname and options.verify,
    }


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
