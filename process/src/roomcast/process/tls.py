"""TLS for the ports of a process: one certificate for clients, health and metrics."""

from __future__ import annotations

import ssl


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and newer with a certificate chain and its key, both PEM files.

    Raise ValueError for files that cannot be read or do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # includes ssl.SSLError
        reason = error.strerror or getattr(error, "reason", None) or type(error).__name__
        raise ValueError(f"ROOMCAST_TLS_CERTIFICATE and ROOMCAST_TLS_KEY: {reason}") from None
    return context
