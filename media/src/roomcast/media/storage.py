"""Use object storage through the S3 protocol. This module and `bucket` are the only users of aioboto3.

`connect` makes two clients: one for the address that the signer uses, and one for the address that browsers use. The
second client only signs, because a signature covers the host name. Signing sends no request, so it works while the
storage hangs. Every error of the driver becomes a RoomcastError (MEDIA_UNAVAILABLE).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final, Literal, NamedTuple, Protocol

import aioboto3
from botocore.config import Config as DriverConfig
from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media.policy import INCOMING

CONNECT_SECONDS: Final = 1.0
READ_SECONDS: Final = 3.0
PROBE_KEY: Final = f"{INCOMING}probe"
PROBE_BODY: Final = b"Roomcast's signers read this object to see that the storage accepts their signatures.\n"
Method = Literal["POST", "PUT"]


class Location(NamedTuple):
    """A bucket and its addresses: `endpoint` for the signer, `public_endpoint` for browsers (None: AWS itself)."""

    bucket: str
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str = "us-east-1"
    addressing: Literal["path", "virtual"] = "path"


class UploadForm(NamedTuple):
    """The data with which a browser stores one object: `fields` of a multipart form (POST), or `headers` (PUT)."""

    method: Method
    url: str
    fields: dict[str, str]
    headers: dict[str, str]


class Stored(NamedTuple):
    """The metadata of a stored object. `size` is in bytes."""

    size: int
    type: str
    etag: str


class ChangedError(Exception):
    """The object was changed or deleted since it was last read."""


class RefusedError(RoomcastError):
    """The storage refuses the signer's requests: the credentials, the rights or the bucket are wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.MEDIA_UNAVAILABLE, detail)


class Observer(Protocol):
    """Counts the calls to the storage."""

    def storage_call(self, operation: str, seconds: float, failed: bool) -> None:
        """Count a call to the storage with its time."""


class Storage:
    """One bucket of an object storage. Made by `connect`."""

    def __init__(self, inside: Any, outside: Any, bucket: str, method: Method, observer: Observer) -> None:
        self.client = inside
        self.bucket = bucket
        self._outside = outside
        self._observer = observer
        self._sign_upload: Callable[[str, str, int, int], Awaitable[UploadForm]] = (
            self._post_form if method == "POST" else self._put_form
        )

    async def upload_form(self, key: str, content_type: str, size: int, seconds: int) -> UploadForm:
        """Sign a form that accepts, for `seconds`, only an object of this key, this type and `size` bytes."""
        with self.translating("sign"):
            return await self._sign_upload(key, content_type, size, seconds)

    async def _post_form(self, key: str, content_type: str, size: int, seconds: int) -> UploadForm:
        signed = await self._outside.generate_presigned_post(
            self.bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", size, size]],
            ExpiresIn=seconds,
        )
        return UploadForm("POST", signed["url"].rstrip("/") + "/", signed["fields"], {})

    async def _put_form(self, key: str, content_type: str, size: int, seconds: int) -> UploadForm:
        wanted = {"Bucket": self.bucket, "Key": key, "ContentType": content_type, "ContentLength": size}
        url = await self._outside.generate_presigned_url("put_object", Params=wanted, ExpiresIn=seconds)
        return UploadForm("PUT", url, {}, {"Content-Type": content_type})

    async def download_url(self, key: str, content_type: str, disposition: str, seconds: int) -> str:
        """Sign a link that works for `seconds` (at most 7 days), for every client that has the link."""
        wanted = {
            "Bucket": self.bucket,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
        }
        with self.translating("sign"):
            return str(await self._outside.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds))

    async def head(self, key: str) -> Stored | None:
        """Return the metadata of the object under a key, or None if there is no object."""
        with self.translating("head"):
            try:
                found = await self.client.head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if status_of(error) == 404:
                    return None
                raise
            return Stored(found["ContentLength"], found.get("ContentType", ""), found["ETag"])

    async def read_head(self, key: str, max_bytes: int) -> bytes:
        """Return the first `max_bytes` bytes of an object. Raise ChangedError if there is no object."""
        with self.translating("read"):
            try:
                found = await self.client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{max_bytes - 1}")
            except ClientError as error:
                if status_of(error) == 404:
                    raise ChangedError(key) from None
                raise
            return await _read_up_to(found["Body"], max_bytes)

    async def move_in(self, source: str, target: str, etag: str, content_type: str, disposition: str) -> None:
        """Copy `source` to `target` inside the storage. Raise ChangedError if `source` no longer has this ETag."""
        with self.translating("copy"):
            try:
                await self.client.copy_object(
                    Bucket=self.bucket,
                    Key=target,
                    CopySource={"Bucket": self.bucket, "Key": source},
                    CopySourceIfMatch=etag,
                    MetadataDirective="REPLACE",
                    ContentType=content_type,
                    ContentDisposition=disposition,
                    CacheControl="private, max-age=604800, immutable",
                )
            except ClientError as error:
                if status_of(error) in (404, 412):
                    raise ChangedError(source) from None
                raise

    async def delete(self, key: str) -> None:
        """Remove an object, if it exists."""
        with self.translating("delete"):
            await self.client.delete_object(Bucket=self.bucket, Key=key)

    async def probe(self) -> None:
        """Check with a signed read that the storage accepts the signer's requests. Write the object if it is missing.

        Credentials without the right to list get AccessDenied for a missing object. So the object is written after that
        answer, too. Raise RefusedError if a setting is wrong, and another RoomcastError if the storage does not answer.
        """
        with self.translating("probe"):
            try:
                found = await self.client.get_object(Bucket=self.bucket, Key=PROBE_KEY)
            except ClientError as error:
                if code_of(error) not in ("NoSuchKey", "AccessDenied"):
                    raise
                await self.client.put_object(Bucket=self.bucket, Key=PROBE_KEY, Body=PROBE_BODY)
            else:
                await _read_up_to(found["Body"], len(PROBE_BODY))

    @contextmanager
    def translating(self, operation: str) -> Iterator[None]:
        """Measure the time of one call, and convert every error of the driver into a RoomcastError.

        The driver raises many classes of errors: its own, those of aiohttp, and for a malformed answer KeyError or the
        error of a parser. So every Exception counts as a failure of the storage.
        """
        started = time.perf_counter()
        failed = True
        try:
            yield
            failed = False
        except ChangedError:
            failed = False
            raise
        except ClientError as error:
            reason = f"storage: {operation}: {code_of(error)}"
            is_refusal = 400 <= status_of(error) < 500 and status_of(error) not in (408, 429)
            raise (RefusedError(reason) if is_refusal else RoomcastError(Code.MEDIA_UNAVAILABLE, reason)) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise RefusedError(f"storage: {operation}: {type(error).__name__}") from error
        except Exception as error:
            reason = f"storage: {operation}: {type(error).__name__}"
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, reason) from error
        finally:
            self._observer.storage_call(operation, time.perf_counter() - started, failed)


@asynccontextmanager
async def connect(location: Location, method: Method, observer: Observer) -> AsyncIterator[Storage]:
    """Yield a storage, and close its clients at the end. This sends no request, so the storage may be down.

    The driver finds the credentials as every AWS SDK does: environment variables, profile, instance or container role.
    """
    session = aioboto3.Session(region_name=location.region)
    options = _driver_config(location)
    async with AsyncExitStack() as stack:
        inside = await stack.enter_async_context(session.client("s3", endpoint_url=location.endpoint, config=options))
        public = location.public_endpoint or location.endpoint
        outside = await stack.enter_async_context(session.client("s3", endpoint_url=public, config=options))
        yield Storage(inside, outside, location.bucket, method, observer)


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an error answer; 0 if the answer has no status."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    """Return the S3 error code of an error answer, such as `SignatureDoesNotMatch`; else its HTTP status."""
    return str(error.response.get("Error", {}).get("Code") or status_of(error))[:64]


def _driver_config(location: Location) -> DriverConfig:
    """Return the driver's options. Checksums are off where S3 allows it, so that browsers need not send them."""
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
    """Read at most `max_bytes`, even from a storage that ignores ranges. Then release the connection."""
    parts = bytearray()
    try:
        while len(parts) < max_bytes and (part := await body.read(max_bytes - len(parts))):
            parts += part
    finally:
        body.close()
    return bytes(parts)
