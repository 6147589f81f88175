"""The requests that the storage's guard accepts. tests/integration/media/test_s3_contract.py runs it in a server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from deploy.s3.guard import Guard, RefusedError, Request, guarded

KEYS = Credentials("key", "secret")
URL = "http://127.0.0.1:9000/files/2026/11/a%20b.txt"
Form = list[tuple[str, Any, Any, bytes]]


def guard(form: Iterable[tuple[str, Any, Any, bytes]] = ()) -> Guard:
    return Guard("key", "secret", lambda content_type, body: form)


def refusal(request: Request, later: timedelta = timedelta(), form: Form | None = None) -> str:
    """Return why the guard refuses the request, received `later` from now; an empty text if it accepts the request."""
    try:
        guard(form or []).check(request, datetime.now(UTC) + later)
    except RefusedError as error:
        return str(error)
    return ""


def link(url: str = URL, method: str = "GET", seconds: int = 60, headers: dict[str, str] | None = None) -> Request:
    signed = AWSRequest(method, url, headers=headers or {})
    S3SigV4QueryAuth(KEYS, "s3", "us-east-1", expires=seconds).add_auth(signed)
    parts = urlsplit(signed.url)
    sent = {"host": parts.netloc} | (headers or {})
    return Request(method, parts.path, parts.query, list(sent.items()))


def call(method: str = "PUT", body: bytes = b"body", url: str = URL) -> Request:
    signed = AWSRequest(method, url, data=body)
    S3SigV4Auth(KEYS, "s3", "us-east-1").add_auth(signed)
    parts = urlsplit(signed.url)
    headers = [("host", parts.netloc), *((name.lower(), value) for name, value in signed.headers.items())]
    return Request(method, parts.path, parts.query, headers, body)


def form(**changes: str | None) -> Form:
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    signing = AWSRequest("POST", "http://form/")
    signing.context["timestamp"] = date
    fields: dict[str, str | None] = {
        "key": "incoming/1",
        "policy": "e30=",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"key/{date[:8]}/us-east-1/s3/aws4_request",
        "x-amz-date": date,
        "x-amz-signature": SigV4Auth(KEYS, "s3", "us-east-1").signature("e30=", signing),
    }
    rows = {name: value for name, value in (fields | changes).items() if value is not None}
    return [(name, None, {}, value.encode()) for name, value in rows.items()] + [("file", "a", {}, b"\xff\xfe")]


POST = Request("POST", "/files/", "", [("host", "h"), ("content-type", "multipart/form-data; boundary=x")], b"the form")


def test_a_signed_link_is_accepted_until_it_expires() -> None:
    assert refusal(link()) == ""
    assert refusal(link(seconds=604_800)) == ""
    assert refusal(link(headers={"content-type": "image/png", "content-length": "5"}, method="PUT")) == ""
    assert refusal(link(), timedelta(seconds=70)) == "Request has expired"
    assert refusal(link(), -timedelta(minutes=16)) == "Request has expired"
    assert refusal(link(seconds=604_801)) == "no valid life in the query"


def test_a_client_may_encode_the_query_in_another_way() -> None:
    request = link()
    assert refusal(request._replace(query=request.query.replace("%2F", "/").replace("%3B", ";"))) == ""
    assert refusal(request._replace(path="/files/2026%2F11/%61%20b.txt")) == ""
    assert refusal(request._replace(query=request.query + "&a=b+c")) == "a plus sign in the query is ambiguous"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/files/2026/11/other.txt"},
        {"headers": [("host", "evil.example")]},
        {"headers": []},
        {"headers": [("host", "127.0.0.1:9000"), ("host", "127.0.0.1:9000")]},
        {"headers": [("host", "127.0.0.1:9000"), ("x-amz-acl", "public-read")]},
        {"headers": [("host", "127.0.0.1:9000"), ("authorization", "AWS key:x")]},
        {"path": "/_ministack/reset"},
        {"path": "/files/2026/11/a%20b.txt#x"},
        {"path": "files"},
    ],
)
def test_a_changed_link_is_refused(change: dict[str, Any]) -> None:
    assert refusal(link()._replace(**change)) != ""


@pytest.mark.parametrize(
    "added", ["&list-type=2", "&X-Amz-Expires=600", "&x-amz-date=20260101T000000Z", "&X-Amz-Signature=0"]
)
def test_an_added_query_parameter_is_refused(added: str) -> None:
    request = link()
    assert refusal(request._replace(query=request.query + added)) != ""


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])
def test_a_link_without_a_part_of_its_signature_is_refused(name: str) -> None:
    request = link()
    rest = "&".join(part for part in request.query.split("&") if not part.startswith(f"X-Amz-{name}="))
    assert refusal(request._replace(query=rest)) == "incomplete signature in the query"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("key%2F", "other%2F", "the access key does not exist"),
        ("%2Fs3%2F", "%2Fiam%2F", "the credential is not valid here"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "the credential is not valid here"),
        ("us-east-1", "eu-west-1", "the signature does not match"),
        ("X-Amz-Date=2", "X-Amz-Date=x", "no valid date"),
    ],
)
def test_a_link_with_a_changed_credential_is_refused(old: str, new: str, reason: str) -> None:
    request = link()
    assert old in request.query
    assert refusal(request._replace(query=request.query.replace(old, new))) == reason


def test_a_signed_call_is_accepted_only_with_its_signed_body() -> None:
    assert refusal(call()) == ""
    assert refusal(call("GET", b"", "http://127.0.0.1:9000/files?list-type=2&prefix=a%2F")) == ""
    assert refusal(call()._replace(body=b"other")) == "the body is not the one that was signed"
    assert refusal(call()._replace(method="DELETE")) == "the signature does not match"
    assert refusal(call(), timedelta(minutes=16)) == "the request is too old"
    later = call()
    assert refusal(later._replace(headers=[*later.headers, ("x-amz-copy-source", "/a/b")])) != ""


def test_a_signed_form_is_accepted_and_needs_every_field_of_the_signature() -> None:
    assert refusal(POST, form=form()) == ""
    for name in ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"):
        assert refusal(POST, form=form(**{name: None})) == "the form is not signed"
    assert refusal(POST, form=form(policy="e31=")) == "the signature does not match"
    assert refusal(POST, form=[*form(), ("Key", None, {}, b"2026/11/a.txt")]) == "a field of the form occurs twice"
    assert refusal(POST._replace(query="AWSAccessKeyId=key"), form=form()) != ""
    assert refusal(POST._replace(path="/files/2026/11/a.txt"), form=form()) == "the request is not signed"
    assert refusal(POST._replace(headers=[*POST.headers, ("x-amz-acl", "public-read")]), form=form()) != ""


def test_only_a_preflight_needs_no_signature() -> None:
    preflight = Request("OPTIONS", "/files/", "", [("host", "h"), ("origin", "https://app.example.com")])
    assert refusal(preflight) == ""
    assert refusal(preflight._replace(method="GET")) == "the request is not signed"
    assert refusal(preflight._replace(headers=[("host", "h")])) == "the request is not signed"


async def test_only_an_accepted_request_reaches_the_application_with_its_whole_body() -> None:
    seen: list[bytes] = []
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["body"])

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def serve(request: Request) -> None:
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": request.body[:2], "more_body": True},
            {"type": "http.request", "body": request.body[2:]},
        ]

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        scope = {
            "type": "http",
            "method": request.method,
            "raw_path": request.path.encode(),
            "query_string": request.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in request.headers],
        }
        await guarded(application, guard())(scope, receive, send)

    await serve(call())
    assert seen == [b"body"]
    for method in ("PUT", "HEAD"):
        await serve(call()._replace(body=b"other", method=method))
    assert seen == [b"body"]
    assert [message["status"] for message in sent if "status" in message] == [403, 403]
    bodies = [message["body"] for message in sent if "body" in message]
    assert b"<Code>AccessDenied</Code>" in bodies[0]
    assert bodies[1] == b""
    await guarded(application, guard())({"type": "websocket"}, None, send)  # type: ignore[arg-type]
    assert sent[-1] == {"type": "websocket.close", "code": 1008}
