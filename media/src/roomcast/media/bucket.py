"""Create the bucket, allow web pages to upload into it (CORS), and let it expire abandoned uploads (lifecycle).

Only the bucket itself is necessary. The signer also works with a storage that has no CORS or lifecycle rules (MinIO
answers NotImplemented, other servers 405 or an unreadable document). MinIO allows all origins by default, and the
signers' sweep deletes abandoned uploads.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final

import structlog
from botocore.exceptions import ClientError

from roomcast.contract.errors import RoomcastError
from roomcast.media.policy import INCOMING
from roomcast.media.storage import Storage, status_of

ABANDONED_DAYS: Final = 2
_log = structlog.get_logger(__name__)


class Bucket:
    """Creates and configures one bucket. Each optional rule that the storage refuses is logged once."""

    def __init__(self, storage: Storage, origins: list[str]) -> None:
        self._storage = storage
        self._origins = origins
        self._without: set[str] = set()

    async def set_up(self) -> None:
        """Create the bucket if it is missing, probe it, and try to set the optional rules.

        Raise RoomcastError if the storage cannot be reached, or refuses the bucket or the probe.
        """
        await self._create()
        await self._storage.probe()
        client, bucket = self._storage.client, self._storage.bucket
        await self._offer("CORS", client.put_bucket_cors(Bucket=bucket, CORSConfiguration=_cors(self._origins)))
        rules = client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=_lifecycle())
        await self._offer("lifecycle", rules)

    async def _create(self) -> None:
        client, bucket = self._storage.client, self._storage.bucket
        with self._storage.translating("setup"):
            try:
                await client.head_bucket(Bucket=bucket)
            except ClientError as error:
                if status_of(error) == 404:
                    await self._create_missing(client, bucket)
                elif status_of(error) != 403:  # an account without the right to HEAD may still have the right to use it
                    raise

    async def _create_missing(self, client: Any, bucket: str) -> None:
        region = client.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            await client.create_bucket(Bucket=bucket, **place)
        except ClientError as error:
            if status_of(error) != 409:  # 409: another signer has created the bucket in the meantime
                raise

    async def _offer(self, rule: str, call: Awaitable[Any]) -> None:
        try:
            with self._storage.translating("setup"):
                await call
            self._without.discard(rule)
        except RoomcastError as error:
            if rule not in self._without:
                self._without.add(rule)
                _log.warning(
                    "the storage does not accept this rule; uploads work without it", rule=rule, reason=error.detail
                )


def _cors(origins: list[str]) -> dict[str, Any]:
    rule = {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "HEAD", "POST", "PUT"],
        "AllowedHeaders": ["content-type", "range"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }
    return {"CORSRules": [rule]}


def _lifecycle() -> dict[str, Any]:
    """Return the rule that deletes objects under `incoming/` after two days, if the signers' sweep did not."""
    rule = {
        "ID": "roomcast-incoming",
        "Status": "Enabled",
        "Filter": {"Prefix": INCOMING},
        "Expiration": {"Days": ABANDONED_DAYS},
    }
    return {"Rules": [rule]}
