"""Define the routes of the back end: sign-in and sign-out, the chat token, tickets and their state."""

from __future__ import annotations

import asyncio
import secrets
from hashlib import sha256
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Cookie, Depends, HTTPException, Request, Response, status
from pydantic import BaseModel, StringConstraints

from helpdesk.chat import Chat
from helpdesk.store import Person, Role, State, Store, Ticket

COOKIE = "helpdesk_sign_in"
VISITOR_COOKIE = "helpdesk_visitor"
"""The cookie with a secret of the browser. It stays after a sign-out, so that the same visitor is the same person."""
VISITOR_SECONDS = 365 * 24 * 3_600
OWNER = "helpdesk"
"""The user id that owns the rooms."""
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]

router = APIRouter(prefix="/api")


class Desk(NamedTuple):
    """The objects that the routes use. `chat_url`: the address of the chat for browsers."""

    store: Store
    chat: Chat
    chat_url: str


class SignIn(BaseModel):
    """The input of a sign-in. In a product, replace it with passwords or an identity provider."""

    name: Line
    role: Role


class NewTicket(BaseModel):
    """The input of a new ticket."""

    subject: Line
    text: Text


class NewState(BaseModel):
    """The new state of a ticket."""

    state: State


async def the_desk(request: Request) -> Desk:
    """Return the objects that `make_application` stored."""
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(the_desk)]
SignInCookie = Annotated[str, Cookie(alias=COOKIE)]
VisitorCookie = Annotated[str, Cookie(alias=VISITOR_COOKIE)]


async def signed_in(desk: TheDesk, sign_in: SignInCookie = "") -> Person:
    """Return the person that the request's cookie identifies; raise 401 without a valid cookie."""
    person = desk.store.person(sign_in)
    if person is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "sign in first")
    return person


Me = Annotated[Person, Depends(signed_in)]


@router.post("/sign-in")
async def sign_in(body: SignIn, desk: TheDesk, response: Response, visitor: VisitorCookie = "") -> dict[str, str]:
    """Sign a person in. An agent may enter the rooms of all tickets."""
    if not desk.store.knows_visitor(visitor):  # a cookie that this back end has not set is not a secret
        visitor = secrets.token_urlsafe(24)
    cookie, person = desk.store.sign_in(visitor, body.name, body.role)
    if person.role == "agent":
        await asyncio.gather(*(desk.chat.invite(ticket.room, person.id) for ticket in desk.store.tickets(person)))
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="lax")
    response.set_cookie(VISITOR_COOKIE, visitor, max_age=VISITOR_SECONDS, httponly=True, samesite="lax")
    return describe(person, desk)


@router.post("/sign-out", status_code=status.HTTP_204_NO_CONTENT)
async def sign_out(desk: TheDesk, response: Response, sign_in: SignInCookie = "") -> None:
    """End the sign-in, and close its connections to the chat."""
    if desk.store.person(sign_in) is not None:
        await desk.chat.sign_out(id_of(sign_in))  # first: if the chat does not answer, the person can try again
        desk.store.sign_out(sign_in)
    response.delete_cookie(COOKIE)


@router.get("/me")
async def me(person: Me, desk: TheDesk) -> dict[str, str]:
    """Return who is signed in."""
    return describe(person, desk)


@router.post("/chat-token")
async def chat_token(person: Me, desk: TheDesk, sign_in: SignInCookie) -> dict[str, str]:
    """Return a token with which the page connects to the chat."""
    return {"token": await desk.chat.sign(person.id, person.name, id_of(sign_in))}


@router.get("/tickets")
async def tickets(person: Me, desk: TheDesk) -> list[dict[str, str]]:
    """Return the tickets that the person may see."""
    return [as_json(ticket) for ticket in desk.store.tickets(person)]


@router.post("/tickets", status_code=status.HTTP_201_CREATED)
async def open_ticket(body: NewTicket, person: Me, desk: TheDesk) -> dict[str, str]:
    """Open a ticket: store it, create its room, add the customer and all agents, and publish the question."""
    ticket = desk.store.open_ticket(body.subject, person.id)
    await desk.chat.open_room(ticket.room, ticket.subject, OWNER)
    people = {person.id, *(agent.id for agent in desk.store.agents())}
    await asyncio.gather(*(desk.chat.invite(ticket.room, user) for user in people))
    question = {"id": f"first-{ticket.id}", "user": person.id, "name": person.name, "kind": "text", "text": body.text}
    await desk.chat.publish(ticket.room, question)
    return as_json(ticket)


@router.put("/tickets/{ticket_id}/state")
async def set_state(ticket_id: str, body: NewState, person: Me, desk: TheDesk) -> dict[str, str]:
    """Set a ticket's state. A custom event updates open pages, and a system message records it in the history."""
    ticket = desk.store.ticket(ticket_id)
    if ticket is None or (person.role != "agent" and ticket.customer != person.id):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such ticket")
    desk.store.set_state(ticket.id, body.state)
    await desk.chat.emit(ticket.room, "ticket:state", {"ticket": ticket.id, "state": body.state})
    text = f"{person.name} marked this ticket as {body.state}"
    await desk.chat.publish(ticket.room, {"user": OWNER, "name": "Support desk", "kind": "system", "text": text})
    return as_json(ticket._replace(state=body.state))


@router.get("/agents")
async def agents(_: Me, desk: TheDesk) -> list[dict[str, str]]:
    """Return the agents."""
    return [{"id": agent.id, "name": agent.name} for agent in desk.store.agents()]


def id_of(sign_in: str) -> str:
    """Return the id of a sign-in for the claim `sid`. It is not the cookie, because scripts of the page read claims."""
    return sha256(sign_in.encode()).hexdigest()


def describe(person: Person, desk: Desk) -> dict[str, str]:
    """Return a person as JSON for the page, with the address of the chat."""
    return {"id": person.id, "name": person.name, "role": person.role, "chatUrl": desk.chat_url}


def as_json(ticket: Ticket) -> dict[str, str]:
    """Return a ticket as JSON for the page."""
    return {"id": ticket.id, "subject": ticket.subject, "state": ticket.state, "room": ticket.room}
