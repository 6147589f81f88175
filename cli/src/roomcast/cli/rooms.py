"""The commands `roomcast room …` and `roomcast profile`: descriptions, members and owners of rooms, and profiles."""

from __future__ import annotations

import json
from typing import Any

import click

from roomcast.cli.options import Options
from roomcast.contract.backend import Backend


@click.group("room")
def group() -> None:
    """Show and change stored rooms."""


@group.command()
@click.argument("room")
@click.pass_obj
def info(options: Options, room: str) -> None:
    """Show the description of ROOM, and its numbers of members, occupants and messages."""
    found = options.act(lambda client: client.room(room))._asdict()
    found["data"] = json.dumps(found["data"], ensure_ascii=False)
    columns = ("room", "kind", "name", "topic", "owner", "members", "occupants", "messages", "data")
    options.show([found], columns)


@group.command()
@click.argument("room")
@click.option("--limit", default=1_000, type=click.IntRange(1, 100_000), help="Most members to show.")
@click.pass_obj
def members(options: Options, room: str, limit: int) -> None:
    """List the stored members of ROOM with their roles. Members need not be in the room now."""
    found = options.act(lambda client: _all_members(client, room, limit))
    options.show([{"user": user, "role": role} for user, role in sorted(found.items())][:limit], ("user", "role"))


async def _all_members(client: Backend, room: str, limit: int) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor: str | None = None
    while True:
        page = await client.members(room, cursor=cursor, limit=min(limit, 1_000))
        found.update((member.user, member.role) for member in page.members)
        cursor = page.cursor
        if cursor is None or len(found) >= limit:
            return found


@group.command()
@click.argument("room")
@click.option("--name", help="The room's name.")
@click.option("--topic", help='One line; "" removes it.')
@click.option("--data", help='A JSON object of the application; "{}" removes it.')
@click.pass_obj
def update(options: Options, room: str, name: str | None, topic: str | None, data: str | None) -> None:
    """Change the name, topic or data of ROOM, and notify its members."""
    parsed = None if data is None else _object(data)
    options.act(lambda client: client.update_room(room, name=name, topic=topic, data=parsed))
    click.echo(f"{room} was changed", err=True)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.UsageError(f"--data is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.UsageError("--data must be a JSON object")
    return found


@group.command()
@click.argument("room")
@click.argument("user")
@click.pass_obj
def transfer(options: Options, room: str, user: str) -> None:
    """Make USER, who is a member, the owner of ROOM. The previous owner becomes an admin."""
    options.act(lambda client: client.transfer_room(room, user))
    click.echo(f"{user} owns {room}", err=True)


@group.command()
@click.argument("room")
@click.argument("user")
@click.option("--role", default="member", type=click.Choice(["admin", "member"]))
@click.pass_obj
def invite(options: Options, room: str, user: str, role: Any) -> None:
    """Make USER a member of ROOM, or give a member another role."""
    options.act(lambda client: client.grant(room, user, role))
    click.echo(f"{user} is {role} of {room}", err=True)


@group.command()
@click.argument("room")
@click.argument("user")
@click.pass_obj
def remove(options: Options, room: str, user: str) -> None:
    """End the membership of USER in ROOM, and remove the user from the room."""
    was_member = options.act(lambda client: client.remove(room, user))
    click.echo(f"{user} {'was removed from' if was_member else 'was not a member of'} {room}", err=True)


@click.command()
@click.argument("user")
@click.option("--name", help="The name that others see.")
@click.option("--picture", help='An https URL; "" removes it.')
@click.option("--data", help='A JSON object of the application; "{}" removes it.')
@click.pass_obj
def profile(options: Options, user: str, name: str | None, picture: str | None, data: str | None) -> None:
    """Show the profile of USER, or change it."""
    parsed = None if data is None else _object(data)
    if not (name is None and picture is None and parsed is None):
        options.act(lambda client: client.set_profile(user, name=name, picture=picture, data=parsed))
    found = options.act(lambda client: client.profile(user))._asdict()
    found["data"] = json.dumps(found["data"], ensure_ascii=False)
    options.show([found], ("user", "name", "picture", "data"))
