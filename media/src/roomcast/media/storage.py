"""Object storage, by the S3 protocol: the only user of aioboto3.

Two clients, made once: one for the address at which the signer works, one that only signs, for the address that
browsers use (a signature covers the host name). Signing asks nobody, so it works while the storage hangs.
Errors of the driver become RoomcastError (MEDIA_UNAVAILABLE).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final, Literal, NamedTuple, Protocol

import aioboto3
from aiohttp import ClientError as HttpError
from botocore.config import Config as DriverConfig
from botocore.exceptions import BotoCoreError, ClientError

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media.policy import INCOMING

CONNECT_SECONDS: Final = 1.0
READ_SECONDS: Final = 3.0
ABANDONED_DAYS: Final = 2
PROBE_KEY: Final = f"{INCOMING}probe"
Method = Literal["POST", "PUT"]


class Location(NamedTuple):
    """Where a storage is; `endpoint` as the signer reaches it, `public_endpoint` as browsers do (None: AWS itself)."""

    bucket: str
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str = "us-east-1"
    addressing: Literal["path", "virtual"] = "path"


class Credentials(NamedTuple):
    """Static credentials; all None: the driver finds those of the instance or profile."""

    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None


class UploadForm(NamedTuple):
    """What a browser needs to store one object: `fields` of a multipart form (POST), or `headers` to send (PUT)."""

    method: Method
    url: str
    fields: dict[str, str]
    headers: dict[str, str]


class Stored(NamedTuple):
    """What the storage says about an object; `size` in bytes."""

    size: int
    type: str
    etag: str


class ChangedError(Exception):
    """The object is not the one that was looked at before, or is gone."""


class Observer(Protocol):
    """Is told about each call to the storage: how long it took, in seconds, and whether it went wrong."""

    def storage_call(self, operation: str, seconds: float, failed: bool) -> None: ...


class Storage:
    """One bucket. Make it with `connect`."""

    def __init__(self, inside: Any, outside: Any, bucket: str, method: Method, observer: Observer) -> None:
        self._inside = inside
        self._outside = outside
        self._bucket = bucket
        self._observer = observer
        self._sign_upload: Callable[[str, str, int, int], Awaitable[UploadForm]] = (
            self._post_form if method == "POST" else self._put_form
        )

    async def upload_form(self, key: str, content_type: str, size: int, seconds: int) -> UploadForm:
        """A form that stores exactly `size` bytes of this type under this key, within `seconds`; nothing else."""
        with self._call("sign"):
            return await self._sign_upload(key, content_type, size, seconds)

    async def _post_form(self, key: str, content_type: str, size: int, seconds: int) -> UploadForm:
        signed = await self._outside.generate_presigned_post(
            self._bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", size, size]],
            ExpiresIn=seconds,
        )
        return UploadForm("POST", signed["url"].rstrip("/") + "/", signed["fields"], {})

    async def _put_form(self, key: str, content_type: str, size: int, seconds: int) -> UploadForm:
        wanted = {"Bucket": self._bucket, "Key": key, "ContentType": content_type, "ContentLength": size}
        url = await self._outside.generate_presigned_url("put_object", Params=wanted, ExpiresIn=seconds)
        return UploadForm("PUT", url, {}, {"Content-Type": content_type})

    async def download_url(self, key: str, content_type: str, disposition: str, seconds: int) -> str:
        """A link for anybody who holds it, valid for `seconds` (at most 7 days)."""
        wanted = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
        }
        with self._call("sign"):
            return str(await self._outside.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds))

    async def head(self, key: str) -> Stored | None:
        """What lies under a key; None when nothing does."""
        with self._call("head"):
            try:
                found = await self._inside.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if _status(error) == 404:
                    return None
                raise
        return Stored(found["ContentLength"], found.get("ContentType", ""), found["ETag"])

    async def read_head(self, key: str, max_bytes: int) -> bytes:
        """The first bytes of an object. Raises ChangedError when it is gone."""
        with self._call("read"):
            try:
                found = await self._inside.get_object(Bucket=self._bucket, Key=key, Range=f"bytes=0-{max_bytes - 1}")
            except ClientError as error:
                if _status(error) == 404:
                    raise ChangedError(key) from None
                raise
            return await _read_up_to(found["Body"], max_bytes)

    async def move_in(self, source: str, target: str, etag: str, content_type: str, disposition: str) -> None:
        """Copy `source` to `target` inside the storage, if it still has this ETag (else ChangedError)."""
        with self._call("copy"):
            try:
                await self._inside.copy_object(
                    Bucket=self._bucket,
                    Key=target,
                    CopySource={"Bucket": self._bucket, "Key": source},
                    CopySourceIfMatch=etag,
                    MetadataDirective="REPLACE",
                    ContentType=content_type,
                    ContentDisposition=disposition,
                    CacheControl="private, max-age=604800, immutable",
                )
            except ClientError as error:
                if _status(error) in (404, 412):
                    raise ChangedError(source) from None
                raise

    async def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        with self._call("delete"):
            await self._inside.delete_object(Bucket=self._bucket, Key=key)

    async def set_up(self, origins: list[str]) -> None:
        """Make the bucket if it is missing; let pages of these origins upload; drop abandoned uploads after days.

        Ends by asking for an object that is not there: a storage that refuses that, or that is so cold that it cannot
        answer in time (a development server imports half of itself for its first object), is not ready for uploads.
        """
        with self._call("setup"):
            try:
                await self._inside.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if _status(error) != 404:
                    raise
                await self._create_bucket()
            await self._inside.put_bucket_cors(Bucket=self._bucket, CORSConfiguration=_cors(origins))
            await self._inside.put_bucket_lifecycle_configuration(
                Bucket=self._bucket, LifecycleConfiguration=_lifecycle()
            )
        await self.head(PROBE_KEY)

    async def _create_bucket(self) -> None:
        region = self._inside.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            await self._inside.create_bucket(Bucket=self._bucket, **place)
        except ClientError as error:
            if _status(error) != 409:  # another signer was quicker
                raise

    @contextmanager
    def _call(self, operation: str) -> Iterator[None]:
        """Time one call, and translate what the driver raises."""
        started = time.perf_counter()
        failed = True
        try:
            yield
            failed = False
        except ChangedError:
            failed = False
            raise
        except (ClientError, BotoCoreError, HttpError, OSError, TimeoutError) as error:
            reason = f"storage: {operation}: {type(error).__name__}"
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, reason) from error
        finally:
            self._observer.storage_call(operation, time.perf_counter() - started, failed)


Connecting = AbstractAsyncContextManager["Storage"]


@asynccontextmanager
async def connect(
    location: Location, credentials: Credentials, method: Method, observer: Observer
) -> AsyncIterator[Storage]:
    """A storage for as long as the context lasts. Nothing is asked of it yet, so it may be down."""
    session = aioboto3.Session(
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token,
        region_name=location.region,
    )
    options = _driver_config(location)
    async with AsyncExitStack() as stack:
        inside = await stack.enter_async_context(session.client("s3", endpoint_url=location.endpoint, config=options))
        public = location.public_endpoint or location.endpoint
        outside = await stack.enter_async_context(session.client("s3", endpoint_url=public, config=options))
        yield Storage(inside, outside, location.bucket, method, observer)


def _driver_config(location: Location) -> DriverConfig:
    """Checksum headers only where S3 demands them: in a signed PUT they would bind the browser to send them too."""
    return DriverConfig(
        signature_version="s3v4",
        s3={"addressing_style": location.addressing},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=64,
        retries={"total_max_attempts": 2, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


async def _read_up_to(body: Any, max_bytes: int) -> bytes:
    """No more than asked for, even from a storage that ignores ranges; the connection is given back or closed."""
    parts = bytearray()
    try:
        while len(parts) < max_bytes and (part := await body.read(max_bytes - len(parts))):
            parts += part
    finally:
        body.close()
    return bytes(parts)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _cors(origins: list[str]) -> dict[str, Any]:
    rule = {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "HEAD", "POST", "PUT"],
        "AllowedHeaders": ["content-type"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }
    return {"CORSRules": [rule]}


def _lifecycle() -> dict[str, Any]:
    """A second net under the signers' own sweep: whatever stays under `incoming/` for days."""
    rule = {
        "ID": "roomcast-incoming",
        "Status": "Enabled",
        "Filter": {"Prefix": INCOMING},
        "Expiration": {"Days": ABANDONED_DAYS},
    }
    return {"Rules": [rule]}
