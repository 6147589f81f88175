"""Check the signature of every storage request before ministack (the storage for development) handles the request.

If a request names the access key, ministack accepts it in many cases without checking a signature: a credential in the
query without a signature, a malformed signature, Signature Version 2. Every signed link contains the access key. So any
client could list the bucket, read private files and overwrite verified files. This guard runs in ministack's process.
It accepts only requests that AWS accepts: signed with Signature Version 4 by header or query, signed POST forms, and
CORS preflights. ministack still checks what a signed form or link permits (size, type, key). `make s3-contract` tests
both together.

The file runs in the storage's own environment (`python guard.py`), so it imports no other file of this repository.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ALGORITHM: Final = "AWS4-HMAC-SHA256"
CLOCK_SKEW: Final = timedelta(minutes=15)
LONGEST_LIFE_SECONDS: Final = 7 * 86_400
QUERY_FIELDS: Final = tuple(
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)
FORM_FIELDS: Final = ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Credential=([^, ]+), ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{{64}})"
)
_FORM_PATH: Final = re.compile(r"/[a-z0-9][a-z0-9.-]+/?")

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
ParseForm = Callable[[str, bytes], Iterable[tuple[str, Any, Any, bytes]]]
"""A function that splits a multipart body into `(field, file name, headers, value)`."""


class RefusedError(Exception):
    """The request has no valid signature; `code` is one of S3's error codes."""

    def __init__(self, reason: str, code: str = "AccessDenied") -> None:
        super().__init__(reason)
        self.code = code


class Request(NamedTuple):
    """One HTTP request; `path` and `query` as sent, header names in lower case."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return the value of a header; empty when it is absent. Raises RefusedError when it occurs twice."""
        values = [value for header, value in self.headers if header == name]
        if len(values) > 1:
            raise RefusedError(f"the header {name} occurs twice")
        return values[0] if values else ""


class Guard:
    """A checker of signatures made with one key pair."""

    def __init__(self, access_key: str, secret_key: str, parse_form: ParseForm) -> None:
        self._credentials = Credentials(access_key, secret_key)
        self._parse_form = parse_form

    def check(self, request: Request, now: datetime) -> None:
        """Raise RefusedError unless the request is signed or a CORS preflight."""
        if not request.path.startswith("/") or "#" in request.path or request.path.startswith("/_ministack"):
            raise RefusedError("no such path")
        if "+" in request.query:
            raise RefusedError("a plus sign in the query is ambiguous")
        query = parse_qsl(request.query, keep_blank_values=True)
        names = [name.lower() for name, _ in query]
        is_query_signed = "x-amz-signature" in names
        has_authorization = request.header("authorization") != ""
        if is_query_signed and not has_authorization:
            self._check_query(request, query, now)
        elif any(name.startswith("x-amz-") for name in names) or "awsaccesskeyid" in names:
            raise RefusedError("incomplete signature in the query")
        elif has_authorization:
            self._check_header(request, query, now)
        elif request.method == "POST" and not query and _FORM_PATH.fullmatch(request.path):
            self._check_form(request)
        elif not (request.method == "OPTIONS" and request.header("origin")):
            raise RefusedError("the request is not signed")

    def _check_query(self, request: Request, query: list[tuple[str, str]], now: datetime) -> None:
        signed = [(name, value) for name, value in query if name.lower().startswith("x-amz-")]
        fields = dict(signed)
        if len(fields) != len(signed) or any(not fields.get(name) for name in QUERY_FIELDS):
            raise RefusedError("incomplete signature in the query")
        date, life = fields["X-Amz-Date"], fields["X-Amz-Expires"]
        if not life.isascii() or not life.isdigit() or not 0 < int(life) <= LONGEST_LIFE_SECONDS:
            raise RefusedError("no valid life in the query")
        made = _time(date)
        if not made - CLOCK_SKEW <= now < made + timedelta(seconds=int(life)):
            raise RefusedError("Request has expired")
        rest = [(name, value) for name, value in query if name != "X-Amz-Signature"]
        again = _rebuilt(request, rest, fields["X-Amz-SignedHeaders"], date)
        region = self._region(fields["X-Amz-Algorithm"], fields["X-Amz-Credential"], date)
        _compare(S3SigV4QueryAuth(self._credentials, "s3", region), again, fields["X-Amz-Signature"])

    def _check_header(self, request: Request, query: list[tuple[str, str]], now: datetime) -> None:
        match = _AUTHORIZATION.fullmatch(request.header("authorization"))
        if match is None:
            raise RefusedError("the Authorization header is no Signature Version 4")
        credential, signed_headers, signature = match.groups()
        date, digest = request.header("x-amz-date"), request.header("x-amz-content-sha256")
        if abs(now - _time(date)) > CLOCK_SKEW:
            raise RefusedError("the request is too old")
        if not digest or (_SIGNATURE.fullmatch(digest) and digest != hashlib.sha256(request.body).hexdigest()):
            raise RefusedError("the body is not the one that was signed")
        again = _rebuilt(request, query, signed_headers, date)
        _compare(S3SigV4Auth(self._credentials, "s3", self._region(ALGORITHM, credential, date)), again, signature)

    def _check_form(self, request: Request) -> None:
        if any(name.startswith("x-amz-") for name, _ in request.headers):
            raise RefusedError("the fields of a form must be in its body")
        parts = list(self._parse_form(request.header("content-type"), request.body))
        names = [name.lower() for name, *_ in parts]
        if len(set(names)) != len(names):
            raise RefusedError("a field of the form occurs twice")
        fields = {name.lower(): value.decode("utf-8", "replace") for name, *_, value in parts if name != "file"}
        if any(not fields.get(name) for name in FORM_FIELDS):
            raise RefusedError("the form is not signed")
        date = fields["x-amz-date"]
        region = self._region(fields["x-amz-algorithm"], fields["x-amz-credential"], date)
        empty = AWSRequest("POST", "http://form/")
        empty.context["timestamp"] = date
        made = SigV4Auth(self._credentials, "s3", region).signature(fields["policy"], empty)
        if not hmac.compare_digest(made.encode(), fields["x-amz-signature"].encode()):
            raise RefusedError("the signature does not match", "SignatureDoesNotMatch")

    def _region(self, algorithm: str, credential: str, date: str) -> str:
        """Return the region of a credential scope; raise RefusedError for another access key or service."""
        key, *scope = credential.split("/")
        is_scope = len(scope) == 4 and scope[0] == date[:8] and scope[2:] == ["s3", "aws4_request"]
        if key != self._credentials.access_key:
            raise RefusedError("the access key does not exist", "InvalidAccessKeyId")
        if algorithm != ALGORITHM or not is_scope:
            raise RefusedError("the credential is not valid here")
        return scope[1]


def _time(date: str) -> datetime:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError("no valid date") from None


def _rebuilt(request: Request, query: list[tuple[str, str]], signed_headers: str, date: str) -> AWSRequest:
    """Return the request as its sender signed it, with path and query in the encoding that signatures are made for.

    Clients and proxies may use other encodings (`/` or `%2F`). Raises RefusedError for an unsigned `x-amz-` header.
    """
    signed = signed_headers.split(";")
    unsigned = [name for name, _ in request.headers if name.startswith("x-amz-") and name not in signed]
    if unsigned or "host" not in signed:
        raise RefusedError(f"headers present in the request were not signed: {', '.join(unsigned) or 'host'}")
    headers = {name: request.header(name) for name in signed}
    path, arguments = quote(unquote(request.path), safe="/-_.~"), urlencode(query, quote_via=quote, safe="-_.~")
    url = f"http://{request.header('host')}{path}" + (f"?{arguments}" if arguments else "")
    rebuilt = AWSRequest(request.method, url, headers)
    rebuilt.context["timestamp"] = date
    return rebuilt


def _compare(auth: SigV4Auth, request: AWSRequest, signature: str) -> None:
    made = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    if not hmac.compare_digest(made.encode(), signature.encode()):
        raise RefusedError("the signature does not match", "SignatureDoesNotMatch")


def guarded(app: App, guard: Guard) -> App:
    """Return an ASGI application that checks HTTP requests with `guard` before `app`, and refuses WebSockets."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            body = await _read(receive)
            try:
                guard.check(_request(scope, body), datetime.now(UTC))
            except RefusedError as error:
                await _refuse(send, error, has_body=scope["method"] != "HEAD")
                return
            receive = _replay(body, receive)
        await app(scope, receive, send)

    return application


def _request(scope: Scope, body: bytes) -> Request:
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
    path = scope["raw_path"].decode("latin-1").partition("?")[0]
    return Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)


async def _read(receive: Receive) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        parts += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> dict[str, Any]:
        return waiting.pop() if waiting else await receive()

    return next_message


async def _refuse(send: Send, error: RefusedError, has_body: bool) -> None:
    text = f"<?xml version='1.0'?>\n<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message></Error>"
    body = text.encode() if has_body else b""
    headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Run ministack, configured by its environment variables, behind the guard."""
    from ministack import app as server
    from ministack.services.s3 import _parse_multipart_form

    guard = Guard(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], _parse_multipart_form)
    server.app = guarded(server.app, guard)
    server.main()


if __name__ == "__main__":
    main()
