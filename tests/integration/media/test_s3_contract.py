"""The features that Roomcast requires of an object storage, checked on the default storage.

`make s3-contract ENDPOINT=…` checks another storage, with credentials from the environment (AWS_ACCESS_KEY_ID, …). The
tests create a bucket for the run and delete it afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from yarl import URL

from roomcast.media.bucket import Bucket
from roomcast.media.metrics import Metrics
from roomcast.media.storage import ChangedError, Location, Storage, UploadForm, connect
from tests import s3

ORIGIN = "https://app.example.com"
KEY, PRIVATE = "incoming/upload-1", "2026/11/private.txt"
TYPE = "image/png"
BODY = b"0123456789"
SECRET = b"a private file"
LIFE_SECONDS = 60


class Place(NamedTuple):
    """A bucket on a storage, and a client with all rights to the bucket."""

    endpoint: str
    bucket: str
    access_key: str
    client: Any

    @property
    def url(self) -> str:
        return f"{self.endpoint}/{self.bucket}"

    def read(self, key: str) -> bytes | None:
        """Return the bytes of an object, or None if it does not exist."""
        try:
            return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of the storage. The credentials are in the environment."""
    given = os.environ.get("S3_CONTRACT_ENDPOINT")
    if given:
        yield given.rstrip("/")
        return
    with pytest.MonkeyPatch.context() as patch, s3.s3_server_on(tmp_path_factory.mktemp("s3")) as server:
        patch.setenv("AWS_ACCESS_KEY_ID", s3.ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", s3.SECRET_KEY)
        yield server.endpoint


@pytest.fixture(scope="module")
def place(endpoint: str) -> Iterator[Place]:
    bucket = f"roomcast-contract-{secrets.token_hex(6)}"
    options = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 5})
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name=os.environ.get("AWS_REGION", "us-east-1"), config=options
    )
    client.create_bucket(Bucket=bucket)
    yield Place(endpoint, bucket, os.environ["AWS_ACCESS_KEY_ID"], client)
    for row in client.list_objects_v2(Bucket=bucket).get("Contents", []):
        client.delete_object(Bucket=bucket, Key=row["Key"])
    client.delete_bucket(Bucket=bucket)


@pytest.fixture(autouse=True)
def objects(place: Place) -> None:
    """Put the private file into the bucket, and delete the upload of an earlier test."""
    place.client.put_object(Bucket=place.bucket, Key=PRIVATE, Body=SECRET, ContentType="text/plain")
    place.client.delete_object(Bucket=place.bucket, Key=KEY)


@pytest.fixture(params=["POST", "PUT"])
def method(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
async def storage(place: Place) -> AsyncIterator[Storage]:
    async with connect(Location(place.bucket, place.endpoint), "POST", Metrics()) as running:
        yield running


async def signed(place: Place, method: Any, seconds: int = LIFE_SECONDS) -> UploadForm:
    async with connect(Location(place.bucket, place.endpoint), method, Metrics()) as running:
        return await running.upload_form(KEY, TYPE, len(BODY), seconds)


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


async def request(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """Send a request unchanged: do not encode the URL again, and do not add a content type."""
    left_out = [] if isinstance(body, aiohttp.FormData) else ["Content-Type"]
    async with (
        aiohttp.ClientSession(skip_auto_headers=left_out) as session,
        session.request(method, URL(url, encoded=True), data=body, headers=headers) as answer,
    ):
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, await answer.read(), found)


async def send(
    form: UploadForm, body: bytes = BODY, url: str | None = None, changes: Mapping[str, str | None] | None = None
) -> int:
    """Upload as a browser does. `changes` replace form fields or headers; None removes a field or header."""
    given = (form.fields if form.method == "POST" else form.headers) | dict(changes or {})
    fields = {name: value for name, value in given.items() if value is not None}
    if form.method == "PUT":
        return (await request("PUT", url or form.url, body, fields)).status
    data = aiohttp.FormData()
    for name, value in fields.items():
        data.add_field(name, value)
    data.add_field("file", body, filename="upload.png")
    return (await request("POST", url or form.url, data)).status


def is_refused(status: int) -> bool:
    return 400 <= status < 500


# --- a signature is required ------------------------------------------------------------------------------------------


def forgeries(place: Place) -> dict[str, tuple[str, dict[str, str]]]:
    """Return queries and headers that have no valid signature, but may name the access key."""
    scope = f"{place.access_key}/20261127/us-east-1/s3/aws4_request"
    header = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    dated = {"X-Amz-Date": "20261127T100000Z", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}
    query = f"X-Amz-Credential={scope}&X-Amz-Date=20261127T100000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host"
    return {
        "no query and no header": ("", {}),
        "a credential": (f"X-Amz-Credential={scope}", {}),
        "all but the signature": (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}", {}),
        "all but the algorithm": (f"{query}&X-Amz-Signature={'0' * 64}", {}),
        "another algorithm": (f"X-Amz-Algorithm=none&{query}&X-Amz-Signature={'0' * 64}", {}),
        "an empty signature": (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}&X-Amz-Signature=", {}),
        "a made-up signature": (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}&X-Amz-Signature={'0' * 64}", {}),
        "lower-case names": (f"x-amz-credential={scope}&x-amz-signature={'0' * 64}", {}),
        "version 2, by key only": (f"AWSAccessKeyId={place.access_key}", {}),
        "version 2": (f"AWSAccessKeyId={place.access_key}&Signature=x&Expires=99999999999", {}),
        "a header of version 2": ("", {"Authorization": f"AWS {place.access_key}:c2lnbmF0dXJl"}),
        "a header of version 4": ("", {"Authorization": header, **dated}),
        "a header without a signature": ("", {"Authorization": header.rpartition(",")[0], **dated}),
    }


NAMES = list(forgeries(Place("", "", "", None)))


@pytest.mark.parametrize("name", NAMES)
async def test_a_read_without_a_valid_signature_is_refused(place: Place, name: str) -> None:
    query, headers = forgeries(place)[name]
    for path in (f"/{PRIVATE}", "", "/", "/?list-type=2", "?policy", "?cors"):
        joint = "&" if "?" in path else "?"
        answer = await request("GET", f"{place.url}{path}{joint + query if query else ''}", headers=headers)
        assert is_refused(answer.status), path
        assert SECRET not in answer.body
        assert b"<Contents>" not in answer.body


@pytest.mark.parametrize("name", NAMES)
async def test_a_change_without_a_valid_signature_is_refused(place: Place, name: str) -> None:
    query, headers = forgeries(place)[name]
    url = f"{place.url}/{PRIVATE}?{query}"
    assert is_refused((await request("PUT", url, b"overwritten", headers)).status)
    assert is_refused((await request("DELETE", url, headers=headers)).status)
    copy = headers | {"x-amz-copy-source": f"/{place.bucket}/{PRIVATE}"}
    assert is_refused((await request("PUT", f"{place.url}/{KEY}?{query}", b"", copy)).status)
    assert is_refused(
        (await request("PUT", f"{place.url}?acl&{query}", b"", headers | {"x-amz-acl": "public-read"})).status
    )
    assert place.read(PRIVATE) == SECRET
    assert place.read(KEY) is None


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("policy",),
        ("x-amz-credential",),
        ("policy", "x-amz-credential", "x-amz-algorithm", "x-amz-date"),
        ("x-amz-signature",),
        ("AWSAccessKeyId",),
    ],
)
@pytest.mark.parametrize("query", ["", "v2"])
async def test_a_form_without_a_valid_signature_is_refused(place: Place, names: tuple[str, ...], query: str) -> None:
    form = await signed(place, "POST")
    kept = {name: value for name, value in form.fields.items() if name in (*names, "Content-Type")}
    if "AWSAccessKeyId" in names:
        kept["AWSAccessKeyId"] = place.access_key
    url = form.url + (f"?AWSAccessKeyId={place.access_key}" if query else "")
    bare = UploadForm("POST", url, kept | {"key": PRIVATE}, {})
    assert is_refused(await send(bare, b"overwritten"))
    assert place.read(PRIVATE) == SECRET


# --- what a form permits ----------------------------------------------------------------------------------------------


async def test_a_signed_upload_is_stored(place: Place, storage: Storage, method: Any) -> None:
    assert await send(await signed(place, method)) in (200, 201, 204)
    stored = await storage.head(KEY)
    assert stored is not None
    assert (stored.size, stored.type) == (len(BODY), TYPE)
    assert place.read(KEY) == BODY


@pytest.mark.parametrize("body", [BODY + b"x", BODY[:-1], b""])
async def test_a_file_of_another_size_is_refused(place: Place, method: Any, body: bytes) -> None:
    assert is_refused(await send(await signed(place, method), body))
    assert place.read(KEY) is None


@pytest.mark.parametrize("other", ["image/svg+xml", "text/html", None])
async def test_another_content_type_is_refused(place: Place, method: Any, other: str | None) -> None:
    assert is_refused(await send(await signed(place, method), changes={"Content-Type": other}))
    assert place.read(KEY) is None


async def test_another_key_is_refused(place: Place, method: Any) -> None:
    form = await signed(place, method)
    if method == "POST":
        assert is_refused(await send(form, changes={"key": PRIVATE}))
    else:
        assert is_refused(await send(form, url=form.url.replace(KEY, PRIVATE)))
    assert place.read(PRIVATE) == SECRET


async def test_a_form_is_valid_for_one_bucket(place: Place, method: Any) -> None:
    form, other = await signed(place, method), f"{place.bucket}-2"
    place.client.create_bucket(Bucket=other)
    try:
        assert is_refused(await send(form, url=form.url.replace(place.bucket, other)))
        assert place._replace(bucket=other).read(KEY) is None
    finally:
        place.client.delete_object(Bucket=other, Key=KEY)
        place.client.delete_bucket(Bucket=other)


async def test_an_expired_signature_is_refused(place: Place, method: Any) -> None:
    form = await signed(place, method, seconds=1)
    await asyncio.sleep(2.1)
    assert is_refused(await send(form))
    assert place.read(KEY) is None


async def test_a_tampered_policy_is_refused(place: Place) -> None:
    form = await signed(place, "POST")
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    policy["conditions"] = [["content-length-range", 0, 10**9], ["starts-with", "$key", ""]]
    wider = base64.b64encode(json.dumps(policy).encode()).decode()
    assert is_refused(await send(form, b"overwritten", changes={"policy": wider, "key": PRIVATE}))
    assert place.read(PRIVATE) == SECRET


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("x-amz-signature", "0" * 64),
        ("x-amz-date", "20260101T000000Z"),
        ("x-amz-credential", "nobody/20261127/us-east-1/s3/aws4_request"),
        ("x-amz-algorithm", "none"),
        ("acl", "public-read"),
        ("x-amz-meta-more", "x"),
        ("success_action_redirect", "https://evil.example"),
    ],
)
async def test_a_tampered_field_is_refused(place: Place, field: str, value: str) -> None:
    assert is_refused(await send(await signed(place, "POST"), changes={field: value}))
    assert place.read(KEY) is None


@pytest.mark.parametrize(
    "headers",
    [{"x-amz-copy-source": f"/bucket/{PRIVATE}"}, {"x-amz-acl": "public-read"}, {"x-amz-meta-more": "x"}],
)
async def test_a_signed_put_with_further_headers_is_refused(place: Place, headers: dict[str, str]) -> None:
    given = {name: value.replace("/bucket", f"/{place.bucket}") for name, value in headers.items()}
    assert is_refused(await send(await signed(place, "PUT"), changes=given))
    assert place.read(KEY) is None


# --- links ------------------------------------------------------------------------------------------------------------


async def link(storage: Storage, seconds: int = LIFE_SECONDS) -> str:
    return await storage.download_url(PRIVATE, "text/plain; charset=utf-8", 'attachment; filename="a b.txt"', seconds)


async def test_a_link_returns_the_file_with_the_headers_that_it_names(storage: Storage) -> None:
    answer = await request("GET", await link(storage))
    assert (answer.status, answer.body) == (200, SECRET)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="a b.txt"'


async def test_a_range_of_a_file_can_be_read(storage: Storage) -> None:
    """Video and audio players request ranges."""
    answer = await request("GET", await link(storage), headers={"Range": "bytes=2-8"})
    assert (answer.status, answer.body) == (206, SECRET[2:9])
    assert answer.headers["content-range"] == f"bytes 2-8/{len(SECRET)}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Signature=", "Signature=0"),
        ("private.txt", "other.txt"),
        ("attachment", "inline"),
        ("text%2Fplain", "text%2Fhtml"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("?", "?list-type=2&"),
    ],
)
async def test_a_tampered_link_is_refused(storage: Storage, old: str, new: str) -> None:
    url = await link(storage)
    assert old in url
    answer = await request("GET", url.replace(old, new, 1))
    assert is_refused(answer.status)
    assert SECRET not in answer.body


async def test_a_link_is_for_reading_only(place: Place, storage: Storage) -> None:
    for verb in ("PUT", "DELETE", "POST"):
        assert is_refused((await request(verb, await link(storage), b"x")).status)
    assert place.read(PRIVATE) == SECRET


async def test_an_expired_link_is_refused(storage: Storage) -> None:
    url = await link(storage, 1)
    await asyncio.sleep(2.1)
    assert is_refused((await request("GET", url)).status)


# --- what the signer does ---------------------------------------------------------------------------------------------


async def test_an_object_that_has_changed_since_it_was_checked_is_not_copied(place: Place, storage: Storage) -> None:
    stored = await storage.head(PRIVATE)
    assert stored is not None
    await storage.move_in(PRIVATE, KEY, stored.etag, TYPE, "inline")
    assert (place.read(KEY), (await storage.head(KEY) or stored).type) == (SECRET, TYPE)
    place.client.put_object(Bucket=place.bucket, Key=PRIVATE, Body=b"another file")
    with pytest.raises(ChangedError):
        await storage.move_in(PRIVATE, KEY, stored.etag, TYPE, "inline")
    assert place.read(KEY) == SECRET


async def test_the_signer_can_read_heads_probe_and_delete(place: Place, storage: Storage) -> None:
    assert await storage.read_head(PRIVATE, 5) == SECRET[:5]
    assert await storage.head("2026/11/absent") is None
    with pytest.raises(ChangedError):
        await storage.read_head("2026/11/absent", 5)
    await storage.probe()
    await storage.probe()
    await storage.delete(PRIVATE)
    await storage.delete(PRIVATE)
    assert place.read(PRIVATE) is None


async def test_an_account_with_all_rights_lists_objects_by_prefix(place: Place) -> None:
    rows = place.client.list_objects_v2(Bucket=place.bucket, Prefix="2026/")["Contents"]
    assert [row["Key"] for row in rows] == [PRIVATE]


async def test_only_pages_of_allowed_origins_may_upload(place: Place, storage: Storage) -> None:
    await Bucket(storage, [ORIGIN]).set_up()
    try:
        place.client.get_bucket_cors(Bucket=place.bucket)
    except ClientError as error:
        pytest.skip(f"this storage keeps no CORS rules: {error.response['Error']['Code']}")
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allowed = await request("OPTIONS", f"{place.url}/", headers=wanted | {"Origin": ORIGIN})
    assert (allowed.status, allowed.headers.get("access-control-allow-origin")) == (200, ORIGIN)
    foreign = await request("OPTIONS", f"{place.url}/", headers=wanted | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers
    answer = await request("GET", await link(storage), headers={"Origin": ORIGIN})
    assert answer.headers.get("access-control-allow-origin") in (ORIGIN, "*")
