"""The commands that change the cluster: orders to gateways, messages, revocations, moderation, allowances."""

from __future__ import annotations

from typing import Final

import click

from roomcast.cli import gateway_orders
from roomcast.cli.options import Options
from roomcast.contract import backend


def _order(name: gateway_orders.Order, done: str, text: str, *, lasts: bool = False) -> click.Command:
    """Return the command `name`, which gives one gateway an order."""

    def command(options: Options, node: str, wait: float = 60.0) -> None:
        found = options.read(lambda reader: gateway_orders.give(reader, node, name, wait))
        click.echo(f"gateway {node} {done}; {found.connections} connections", err=True)

    command.__doc__ = text
    decorated = click.pass_obj(command)
    if lasts:
        wait = click.option(
            "--wait",
            default=60.0,
            show_default=True,
            type=click.FloatRange(1),
            help="Longest wait for the end of the drain, in seconds.",
        )
        decorated = wait(decorated)
    return click.command(name)(click.argument("node")(decorated))


@click.command()
@click.argument("room")
@click.argument("text")
@click.option("--user", required=True, help="The user id of the message's author.")
@click.option("--name", help="The name that is shown; default: the user id.")
@click.option("--id", "message_id", help="Message id; a repeated call with the same id publishes nothing.")
@click.pass_obj
def publish(options: Options, room: str, text: str, user: str, name: str | None, message_id: str | None) -> None:
    """Publish TEXT into ROOM as a system message."""
    receipt = options.act(lambda client: client.publish(room, user, text, name=name, id=message_id))
    options.show([receipt._asdict()], ("seq", "time", "epoch", "duplicate"))


@click.command()
@click.argument("room")
@click.argument("user")
@click.pass_obj
def kick(options: Options, room: str, user: str) -> None:
    """Remove USER from ROOM on every gateway. A user who is allowed to enter can enter again."""
    options.act(lambda client: client.kick(room, user))
    click.echo(f"{user} was removed from {room}", err=True)


@click.command()
@click.option("--user", help="Refuse every token of this user issued up to now.")
@click.option(
    "--issued-before", type=click.FloatRange(0), help="With --user: refuse only tokens issued before this Unix time."
)
@click.option("--token", metavar="JTI", help="Refuse the token with this jti claim.")
@click.option("--session", metavar="SID", help="Refuse every token with this sid claim, which names a sign-in.")
@click.pass_obj
def revoke(
    options: Options, user: str | None, issued_before: float | None, token: str | None, session: str | None
) -> None:
    """Refuse tokens, and close the connections that use them. Name a user, a sign-in or one token."""
    if sum(each is not None for each in (user, token, session)) != 1:
        raise click.UsageError("name one of --user, --token and --session")
    if issued_before is not None and user is None:
        raise click.UsageError("--issued-before needs --user")
    if user is not None:
        options.act(lambda client: client.revoke_user(user, issued_before=issued_before))
    elif session is not None:
        options.act(lambda client: client.revoke_session(session))
    elif token is not None:
        options.act(lambda client: client.revoke_token(token))
    click.echo(f"revoked: {user or session or token}", err=True)


def _sanctions(name: str, past: str, *, lasts: bool) -> click.Command:
    """Return the command `name`, which sets or lifts a mute or ban."""

    def command(options: Options, user: str, room: str | None, seconds: float | None = None) -> None:
        more = {"seconds": seconds} if lasts else {}
        options.act(lambda client: getattr(client, name)(user, room=room, **more))
        click.echo(f"{user} was {past}{f' in {room}' if room else ''}", err=True)

    command.__doc__ = f"{name.capitalize()} USER everywhere, or in one room."
    decorated = click.pass_obj(command)
    if lasts:
        decorated = click.option("--seconds", type=click.FloatRange(1), help="Duration; default: no end.")(decorated)
    decorated = click.option("--room", help="Only in this room.")(decorated)
    return click.command(name)(click.argument("user")(decorated))


@click.command()
@click.argument("user")
@click.option("--rooms", type=click.IntRange(0), help="Rooms that USER may create per day.")
@click.option("--bytes", "count", type=click.IntRange(0), help="Bytes that USER may write into rooms per day.")
@click.option(
    "--default", "is_default", is_flag=True, help="Delete both allowances; the gateways' settings apply again."
)
@click.pass_obj
def allow(options: Options, user: str, rooms: int | None, count: int | None, is_default: bool) -> None:
    """Give USER its own daily allowance."""
    if is_default == (rooms is not None or count is not None):
        raise click.UsageError("give --rooms, --bytes or both, or --default alone")

    async def change(client: backend.Backend) -> None:
        if is_default or rooms is not None:
            await client.allow_rooms(user, rooms)
        if is_default or count is not None:
            await client.allow_bytes(user, count)

    options.act(change)
    click.echo(f"{user} has {'the default allowances' if is_default else 'a new allowance'}", err=True)


@click.command()
@click.pass_obj
def reports(options: Options) -> None:
    """List open reports of messages, oldest first."""
    options.show(options.act(lambda client: client.reports()), ("id", "room", "target", "by", "reason"))


@click.command()
@click.argument("number")
@click.pass_obj
def resolve(options: Options, number: str) -> None:
    """Close the report with the id NUMBER."""
    options.act(lambda client: client.resolve_report(number))
    click.echo(f"report {number} is closed", err=True)


@click.command()
@click.argument("room")
@click.confirmation_option(prompt="Delete the room with its history and members?")
@click.pass_obj
def close(options: Options, room: str) -> None:
    """Delete ROOM with its history and members. The gateways remove all clients from the room."""
    options.act(lambda client: client.close_room(room))
    click.echo(f"{room} is closed", err=True)


COMMANDS: Final = (
    _order("cordon", "takes no new sessions", "Stop gateway NODE from taking new sessions; open sessions stay."),
    _order("uncordon", "takes new sessions", "Let gateway NODE take new sessions again."),
    _order("drain", "is empty and takes no new sessions", "Cordon gateway NODE and move its clients away.", lasts=True),
    publish,
    kick,
    revoke,
    _sanctions("mute", "muted", lasts=True),
    _sanctions("unmute", "unmuted", lasts=False),
    _sanctions("ban", "banned", lasts=True),
    _sanctions("unban", "unbanned", lasts=False),
    allow,
    reports,
    resolve,
    close,
)
