"""The storage translates its driver's errors. tests/integration/media/test_s3_contract.py uses a real server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media.bucket import Bucket
from roomcast.media.storage import PROBE_BODY, PROBE_KEY, ChangedError, RefusedError, Storage
from tests.unit.media.fakes import Counts, refused


class Body:
    """A body that is read in small parts."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.is_closed = False

    async def read(self, count: int) -> bytes:
        return self.parts.pop(0)[:count] if self.parts else b""

    def close(self) -> None:
        self.is_closed = True


class Driver:
    """A client of the driver. `answers` maps the name of a call to its result or exception."""

    def __init__(self, region: str = "us-east-1", **answers: Any) -> None:
        self.meta = SimpleNamespace(region_name=region)
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        async def call(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            answer = self.answers.get(name, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def storage(driver: Driver, counts: Counts | None = None) -> Storage:
    return Storage(driver, driver, "files", "POST", counts or Counts())


@pytest.mark.parametrize(
    ("error", "is_refusal", "detail"),
    [
        (refused(403, "SignatureDoesNotMatch"), True, "storage: delete: SignatureDoesNotMatch"),
        (refused(404, "NoSuchBucket"), True, "storage: delete: NoSuchBucket"),
        (refused(403), True, "storage: delete: 403"),
        (refused(503, "SlowDown"), False, "storage: delete: SlowDown"),
        (refused(429), False, "storage: delete: 429"),
        (NoCredentialsError(), True, "storage: delete: NoCredentialsError"),
        (EndpointConnectionError(endpoint_url="x"), False, "storage: delete: EndpointConnectionError"),
        (ResponseParserError("no XML"), False, "storage: delete: ResponseParserError"),
        (KeyError("ETag"), False, "storage: delete: KeyError"),
        (TimeoutError(), False, "storage: delete: TimeoutError"),
    ],
)
async def test_every_error_of_the_driver_becomes_media_unavailable(
    error: Exception, is_refusal: bool, detail: str
) -> None:
    counts = Counts()
    with pytest.raises(RoomcastError) as caught:
        await storage(Driver(delete_object=error), counts).delete("key")
    assert caught.value.code is Code.MEDIA_UNAVAILABLE
    assert (isinstance(caught.value, RefusedError), caught.value.detail) == (is_refusal, detail)
    assert [(operation, failed) for operation, _, failed in counts.of("storage_call")] == [("delete", True)]


async def test_a_missing_or_changed_object_does_not_count_as_a_failure() -> None:
    counts = Counts()
    files = storage(Driver(head_object=refused(404), get_object=refused(404), copy_object=refused(412)), counts)
    assert await files.head("key") is None
    with pytest.raises(ChangedError):
        await files.read_head("key", 10)
    with pytest.raises(ChangedError):
        await files.move_in("a", "b", "etag", "image/png", "inline")
    assert [failed for _, _, failed in counts.of("storage_call")] == [False, False, False]


async def test_a_403_of_the_storage_raises_refused_error() -> None:
    files = storage(Driver(head_object=refused(403), get_object=refused(403), copy_object=refused(403)))
    for call in (files.head("key"), files.read_head("key", 10), files.move_in("a", "b", "e", "image/png", "inline")):
        with pytest.raises(RefusedError):
            await call


async def test_read_head_returns_at_most_the_requested_bytes() -> None:
    body = Body(b"0123", b"4567", b"89")
    assert await storage(Driver(get_object={"Body": body})).read_head("key", 6) == b"012345"
    assert body.is_closed


async def test_an_answer_without_a_required_field_is_a_failure() -> None:
    with pytest.raises(RoomcastError, match="media_unavailable"):
        await storage(Driver(head_object={"ContentLength": 1})).head("key")


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
async def test_the_probe_writes_its_object_if_it_cannot_read_it(code: str) -> None:
    driver = Driver(get_object=refused(404, code))
    await storage(driver).probe()
    assert driver.names() == ["get_object", "put_object"]
    assert driver.calls[1][1] == {"Bucket": "files", "Key": PROBE_KEY, "Body": PROBE_BODY}


async def test_the_probe_reads_its_object_and_reports_refusals() -> None:
    driver = Driver(get_object={"Body": Body(PROBE_BODY)})
    await storage(driver).probe()
    assert driver.names() == ["get_object"]
    for answers in ({"get_object": refused(403, "InvalidAccessKeyId")}, {"get_object": refused(404, "NoSuchBucket")}):
        with pytest.raises(RefusedError):
            await storage(Driver(**answers)).probe()
    driver = Driver(get_object=refused(403, "AccessDenied"), put_object=refused(403, "AccessDenied"))
    with pytest.raises(RefusedError, match="media_unavailable"):
        await storage(driver).probe()


# --- the bucket -------------------------------------------------------------------------------------------------------


def bucket(driver: Driver) -> Bucket:
    return Bucket(storage(driver), ["https://app.example.com"])


async def test_a_missing_bucket_is_created_with_its_rules() -> None:
    driver = Driver(head_bucket=refused(404), get_object={"Body": Body()})
    await bucket(driver).set_up()
    assert driver.names() == [
        "head_bucket",
        "create_bucket",
        "get_object",
        "put_bucket_cors",
        "put_bucket_lifecycle_configuration",
    ]
    assert "CreateBucketConfiguration" not in driver.calls[1][1]
    rules = driver.calls[3][1]["CORSConfiguration"]["CORSRules"]
    assert rules[0]["AllowedOrigins"] == ["https://app.example.com"]


async def test_a_bucket_outside_the_default_region_is_created_with_its_region() -> None:
    driver = Driver("eu-central-1", head_bucket=refused(404), get_object={"Body": Body()})
    await bucket(driver).set_up()
    assert driver.calls[1][1]["CreateBucketConfiguration"] == {"LocationConstraint": "eu-central-1"}


async def test_set_up_accepts_a_bucket_that_another_signer_has_just_created_or_that_is_not_readable() -> None:
    await bucket(Driver(head_bucket=refused(404), create_bucket=refused(409), get_object={"Body": Body()})).set_up()
    driver = Driver(head_bucket=refused(403), get_object={"Body": Body()})
    await bucket(driver).set_up()
    assert "create_bucket" not in driver.names()


@pytest.mark.parametrize(
    "answers", [{"head_bucket": refused(500)}, {"head_bucket": refused(404), "create_bucket": refused(403)}]
)
async def test_set_up_fails_without_a_bucket(answers: dict[str, Any]) -> None:
    with pytest.raises(RoomcastError):
        await bucket(Driver(**answers)).set_up()


async def test_rules_that_the_storage_refuses_are_logged_once() -> None:
    driver = Driver(put_bucket_cors=refused(501, "NotImplemented"), get_object={"Body": Body()})
    made = bucket(driver)
    warnings: list[Any] = []
    import roomcast.media.bucket as module

    class Log:
        def warning(self, text: str, **values: Any) -> None:
            warnings.append(values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_log", Log())
        await made.set_up()
        await made.set_up()
        driver.answers["put_bucket_cors"] = {}
        await made.set_up()
        driver.answers["put_bucket_cors"] = refused(405)
        await made.set_up()
    assert warnings == [
        {"rule": "CORS", "reason": "storage: setup: NotImplemented"},
        {"rule": "CORS", "reason": "storage: setup: 405"},
    ]
