"""Publish, edit, delete and react; read history in both directions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Response, Security, status
from pydantic import BaseModel, Field, TypeAdapter

from roomcast.api import cursors
from roomcast.api.authentication import authenticate, charge, charged_so_far, owe
from roomcast.api.cursors import Cursor
from roomcast.api.models import (
    BatchItem,
    BatchRequest,
    EditRequest,
    HistoryResponse,
    Limit,
    Message,
    MessageId,
    Name,
    PublishRequest,
    ReactionRequest,
    Receipt,
    Room,
    Seq,
    User,
    as_message,
)
from roomcast.api.parts import TheBackend, TheParts
from roomcast.api.problems import REASONS
from roomcast.contract.api_keys import Listed, Scope
from roomcast.contract.backend import Backend, HistoryPage
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.log_scripts import PublishReceipt

router: Final = APIRouter(prefix="/v1", tags=["messages"])
_ROOMS_AT_ONCE: Final = 16
_HISTORY: Final = TypeAdapter(HistoryResponse)
_KNOWN: Final[dict[int | str, dict[str, Any]]] = {200: {"model": Receipt, "description": "The id was known."}}

Reads = Annotated[Listed, Security(authenticate, scopes=[Scope.MESSAGES_READ])]
Writes = Annotated[Listed, Security(authenticate, scopes=[Scope.MESSAGES_WRITE])]
IdempotencyKey = Annotated[
    MessageId | None, Header(alias="Idempotency-Key", description="the message's id, if the body has none")
]


class Refusal(BaseModel):
    """The reason why one message of a batch was not published."""

    code: int
    reason: str = Field(json_schema_extra={"enum": list(REASONS)})
    retryable: bool
    detail: str | None = None


class BatchResult(BaseModel):
    """The receipt of one message, or the error."""

    receipt: Receipt | None = None
    error: Refusal | None = None


class BatchResponse(BaseModel):
    """The results in the order of the messages."""

    results: list[BatchResult]


@router.post("/rooms/{room}/messages", status_code=status.HTTP_201_CREATED, operation_id="publish", responses=_KNOWN)
async def publish(
    room: Room, body: PublishRequest, _: Writes, backend: TheBackend, response: Response, key: IdempotencyKey = None
) -> Receipt:
    """Publish a message. Answers 201, or 200 with the first receipt for a known id."""
    if body.id is not None and key is not None and body.id != key:
        raise RoomcastError(Code.BAD_REQUEST, "the id and Idempotency-Key differ")
    receipt = await _publish(backend, room, body, body.id or key)
    if receipt.duplicate:
        response.status_code = status.HTTP_200_OK
    return receipt


@router.post("/messages/batch", operation_id="publishBatch")
async def publish_batch(
    body: BatchRequest, key: Writes, parts: TheParts, charged: Annotated[int, Depends(charged_so_far)]
) -> BatchResponse:
    """Publish up to 100 messages; messages of one room are published in order. Each message has its own result.

    After a refusal, the later messages of the room are still tried. Give each message an id, so that you can repeat the
    whole batch.
    """
    if len(body.messages) > charged:  # the rate has admitted a large body already
        await charge(parts, key, len(body.messages) - charged, owes=charged > 1)
    rooms: dict[str, list[int]] = {}
    for place, item in enumerate(body.messages):
        rooms.setdefault(item.room, []).append(place)
    results: dict[int, BatchResult] = {}
    turns = asyncio.Semaphore(_ROOMS_AT_ONCE)

    async def publish_room(places: list[int]) -> None:
        async with turns:
            for place in places:
                results[place] = await _result(parts.backend, body.messages[place])

    async with asyncio.TaskGroup() as group:
        for places in rooms.values():
            group.create_task(publish_room(places))
    return BatchResponse(results=[results[place] for place in range(len(body.messages))])


@router.get("/rooms/{room}/messages", operation_id="history", response_model=HistoryResponse)
async def read_history(
    room: Room,
    key: Reads,
    parts: TheParts,
    before: Annotated[Seq | None, Query(description="the last messages below this seq")] = None,
    after: Annotated[int | None, Query(ge=0, le=2**53, description="the first messages above this seq")] = None,
    cursor: Annotated[str | None, Query(max_length=200, description="`older` or `newer` of another page")] = None,
    limit: Limit = 50,
) -> Response:
    """Read a page of a room's log: the newest messages, or the messages before or after a seq or a cursor.

    For a cursor of an earlier epoch the answer is 409: messages may be missing, so begin again with the newest page.
    """
    if sum(value is not None for value in (before, after, cursor)) > 1:
        raise RoomcastError(Code.BAD_REQUEST, "only one of before, after and cursor")
    at = None if cursor is None else cursors.decode(cursor)
    if at is not None:
        before, after = (None, at.seq) if at.direction == "after" else (at.seq, None)
    page = await parts.backend.history(room, before=before, after=after, limit=limit)
    answer = _HISTORY.dump_json(_page(page, after))  # encoded here, because the size counts towards the rate
    await owe(parts, key, size=len(answer))
    if at is not None and page.epoch != at.epoch:
        raise RoomcastError(Code.CONFLICT, "the room has a new epoch: read it again from the newest page")
    return Response(answer, media_type="application/json")


@router.patch("/rooms/{room}/messages/{seq}", operation_id="edit")
async def edit(room: Room, seq: Seq, body: EditRequest, _: Writes, backend: TheBackend) -> Receipt:
    """Replace the text of a message, its data or both, in the name of its author."""
    return _receipt(await backend.edit(room, body.user, seq, body.text, data=body.data, name=body.name, id=body.id))


@router.delete("/rooms/{room}/messages/{seq}", operation_id="delete")
async def delete(
    room: Room,
    seq: Seq,
    user: Annotated[User, Query()],
    _: Writes,
    backend: TheBackend,
    name: Annotated[Name | None, Query()] = None,
    id: Annotated[MessageId | None, Query()] = None,  # noqa: A002 (the protocol's name)
) -> Receipt:
    """Delete a message of any author in the name of a user."""
    return _receipt(await backend.delete(room, user, seq, name=name, id=id))


@router.post("/rooms/{room}/messages/{seq}/reactions", operation_id="react")
async def react(room: Room, seq: Seq, body: ReactionRequest, _: Writes, backend: TheBackend) -> Receipt:
    """Add a reaction of a user to a message, or remove it."""
    receipt = await backend.react(room, body.user, seq, body.emoji, on=body.on, name=body.name, id=body.id)
    return _receipt(receipt)


async def _publish(backend: Backend, room: str, body: PublishRequest, message_id: str | None) -> Receipt:
    receipt = await backend.publish(
        room,
        body.user,
        body.text,
        data=body.data,
        upload=body.upload,
        reply_to=body.reply_to,
        mentions=body.mentions,
        name=body.name,
        kind=body.kind,
        id=message_id,
    )
    return _receipt(receipt)


async def _result(backend: Backend, item: BatchItem) -> BatchResult:
    try:
        return BatchResult(receipt=await _publish(backend, item.room, item, item.id))
    except RoomcastError as error:
        code = error.code
        refusal = Refusal(code=code.number, reason=code.reason, retryable=code.retryable, detail=error.detail or None)
        return BatchResult(error=refusal)


def _receipt(receipt: PublishReceipt) -> Receipt:
    return Receipt(seq=receipt.seq, time=receipt.time, epoch=receipt.epoch, duplicate=receipt.duplicate)


def _page(page: HistoryPage, after: int | None) -> HistoryResponse:
    """Return a page with its cursors. The `newer` cursor of an empty page leads to the same position again."""
    messages: list[Message] = [as_message(entry) for entry in page.messages]
    older = newer = None
    if messages and messages[0].seq > page.first:
        older = cursors.encode(Cursor("before", messages[0].seq, page.epoch))
    last = messages[-1].seq if messages else after
    if last:
        newer = cursors.encode(Cursor("after", last, page.epoch))
    return HistoryResponse(**page._asdict() | {"messages": messages}, older=older, newer=newer)
