"""The commands of `roomcast`: inspect a running cluster, and act on it. `roomcast --help` lists them.

Exit status: 0 for success; 1 if the action was refused, an object was not found, or a check failed; 2 for a bad command
line or URL.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from roomcast.cli import api_keys, gateway_orders, output, tail
from roomcast.cli import doctor as examination
from roomcast.cli import plan as planning
from roomcast.cli import rooms as stored_rooms
from roomcast.cli.cluster import ClusterReader, connect, lacks_rights
from roomcast.contract import backend
from roomcast.contract.api_keys import ApiKeys
from roomcast.contract.config import cluster_keys
from roomcast.contract.errors import RoomcastError
from roomcast.wire import redis_url

URL_VARIABLES: Final = ("ROOMCAST_ADMIN_REDIS_URL", "ROOMCAST_REDIS_URL")
"""The environment variables for the URL of Redis. The first variable that is set is used."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Options:
    """The options of every command."""

    url: str | None
    is_json: bool

    def show(self, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
        """Print rows as a table, or as JSON."""
        click.echo(output.as_json(list(rows)) if self.is_json else output.table(rows, columns))

    def read(self, use: Callable[[ClusterReader], Awaitable[Result]]) -> Result:
        """Run `use` with a connected reader. On an error, end the program with a one-line message."""

        async def run() -> Result:
            async with connect(self._url()) as reader:
                return await use(reader)

        return _guarded(run)

    def act(self, use: Callable[[backend.Backend], Awaitable[Result]]) -> Result:
        """Run `use` with a connected Backend. On an error, end the program with a one-line message."""

        async def run() -> Result:
            async with backend.connect(self._url(), cluster_keys=cluster_keys()) as client:
                return await use(client)

        return _guarded(run)

    def manage_keys(self, use: Callable[[ApiKeys], Awaitable[Result]]) -> Result:
        """Run `use` with the table of API keys. On an error, end the program with a one-line message."""

        async def run() -> Result:
            target = redis_url.parse(self._url())
            client = backend.open_client(target)
            try:
                return await use(ApiKeys(client, prefix=target.prefix))
            finally:
                await client.aclose()

        return _guarded(run)

    def _url(self) -> str:
        if not self.url:
            raise click.UsageError("the URL of Redis is missing: set ROOMCAST_ADMIN_REDIS_URL, or pass --redis")
        return self.url


def _guarded(run: Callable[[], Awaitable[Result]]) -> Result:
    async def whole() -> Result:
        return await run()

    try:
        return asyncio.run(whole())
    except RoomcastError as error:
        raise click.ClickException(f"{error}; use the account `admin`" if lacks_rights(error) else str(error)) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--redis", "url", envvar=URL_VARIABLES, help=f"URL of Redis; default: {' or '.join(URL_VARIABLES)}.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON instead of a table.")
@click.version_option(package_name="roomcast-cli")
@click.pass_context
def main(context: click.Context, url: str | None, is_json: bool) -> None:
    """Inspect a running Roomcast cluster through Redis, and act on it."""
    context.obj = Options(url, is_json)


# --- inspecting ---


@main.command()
@click.pass_obj
def nodes(options: Options) -> None:
    """List the gateways. The columns show whether each is alive, its state, connections and last announcement."""
    rows = [
        {**node._asdict(), "alive": "yes" if node.is_alive else "no", "seen": f"{node.announced_seconds_ago} s ago"}
        for node in options.read(lambda reader: reader.nodes())
    ]
    options.show(rows, ("node", "alive", "state", "connections", "seen", "incarnation"))


@main.command()
@click.option("--match", default="*", show_default=True, help="Glob pattern of room ids.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Most rooms to list.")
@click.pass_obj
def rooms(options: Options, match: str, limit: int) -> None:
    """List rooms by id. The columns show kind, newest seq, messages in the log, stored members and occupants."""
    found = options.read(lambda reader: reader.rooms(match, limit))
    columns = ("room", "kind", "name", "seq", "messages", "members", "occupants")
    options.show([room._asdict() for room in found], columns)


@main.command()
@click.argument("room")
@click.pass_obj
def who(options: Options, room: str) -> None:
    """List who is in ROOM now, on which gateways, and with which role."""
    options.show(options.read(lambda reader: reader.occupants(room)), ("user", "nodes", "role"))


@main.command()
@click.argument("user")
@click.pass_obj
def sessions(options: Options, user: str) -> None:
    """List the connections of USER."""
    rows = [
        {**session._asdict(), "since": output.moment(session.since_ms)}
        for session in options.read(lambda reader: reader.sessions(user))
    ]
    options.show(rows, ("session", "node", "kind", "status", "note", "since"))


@main.command()
@click.argument("users", nargs=-1, required=True)
@click.pass_obj
def presence(options: Options, users: tuple[str, ...]) -> None:
    """Show the presence of USERS as other users see it. The columns include devices and the ends of notes."""
    found = options.act(lambda client: client.presence(users, devices=True))
    rows = [
        {
            "user": user,
            "status": each.status,
            "last seen": output.moment(each.last_seen),
            "note": each.note,
            "until": output.moment(each.until),
            "devices": ", ".join(f"{device.kind or '?'} {device.status}" for device in each.devices),
        }
        for user, each in found.items()
    ]
    options.show(rows, ("user", "status", "last seen", "note", "until", "devices"))


@main.command()
@click.pass_obj
def sizes(options: Options) -> None:
    """Show the size of the cluster's data. The rows are counts of keys and requests, and bytes of memory."""
    found = options.read(lambda reader: reader.sizes())
    options.show([{"what": name, "size": value} for name, value in found._asdict().items()], ("what", "size"))


@main.command()
@click.option("--match", default="*", show_default=True, help="Glob pattern of room ids.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Most logs to show.")
@click.option("--scan", default=1_000, show_default=True, type=click.IntRange(1, 100_000), help="Most rooms to read.")
@click.pass_obj
def logs(options: Options, match: str, limit: int, scan: int) -> None:
    """List the largest room logs. The columns show messages and bytes of memory in Redis."""
    found = options.read(lambda reader: reader.logs(match, scan))
    options.show([log._asdict() for log in found[:limit]], ("room", "seq", "messages", "memory_bytes"))


@main.command("tail")
@click.argument("room")
@click.option(
    "--lines",
    default=10,
    show_default=True,
    type=click.IntRange(0, 100),
    help="Number of stored messages to print first.",
)
@click.option("--no-follow", is_flag=True, help="End after the stored messages.")
@click.pass_obj
def tail_command(options: Options, room: str, lines: int, no_follow: bool) -> None:
    """Print the newest messages of ROOM and follow it; Ctrl-C ends."""

    def show(message: dict[str, Any]) -> None:
        click.echo(output.as_json(message, indent=None) if options.is_json else tail.line(message))

    options.read(lambda reader: tail.follow(reader, room, lines, show, ends=no_follow))


@main.command()
@click.option(
    "--process", "processes", multiple=True, metavar="URL", help="URL of a metrics port to check as well; repeatable."
)
@click.pass_obj
def doctor(options: Options, processes: tuple[str, ...]) -> None:
    """Check Redis and the processes, and advise what to change. Exit with status 1 if a check fails.

    --process http://host:9100 also checks the file limit and the readiness of that process.
    """
    findings = options.read(lambda reader: examination.examine(reader, options.url or "", processes))
    options.show(examination.as_rows(findings), ("check", "level", "seen", "advice"))
    if examination.worst(findings) == "error":
        sys.exit(1)


@main.command("plan")
@click.option("--users", required=True, type=click.IntRange(1), help="Users connected at once, at the peak.")
@click.option(
    "--messages", default=1.0, show_default=True, type=click.FloatRange(0), help="Messages per user and minute."
)
@click.option(
    "--room", "room_size", default=20, show_default=True, type=click.IntRange(1), help="Connected members of a room."
)
@click.option("--rooms", "rooms_per_user", default=5, show_default=True, type=click.IntRange(1), help="Rooms per user.")
@click.option("--text-bytes", default=128, show_default=True, type=click.IntRange(1), help="Size of a text in bytes.")
@click.option("--kept", default=1_000, show_default=True, type=click.IntRange(1), help="Messages kept per room.")
@click.option(
    "--reconnect",
    default=30,
    show_default=True,
    type=click.IntRange(1),
    help="Seconds until the clients of a lost gateway are on other gateways.",
)
@click.pass_obj
def plan_command(options: Options, /, users: int, messages: float, reconnect: int, **more: int) -> None:
    """Calculate how many servers of each kind a load needs.

    The calculation uses measured unit costs; docs/capacity.md explains them, and how to measure your own.
    """
    load = planning.Load(users, messages, reconnect_seconds=reconnect, **_renamed(more))
    try:
        found = planning.plan(load)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    rows = [
        {**need._asdict(), "cores": round(need.cores, 2), "memory_gib": round(need.memory_gib, 1)}
        for need in found.needs
    ]
    options.show(rows, ("process", "servers", "limit", "cores", "memory_gib"))
    if not options.is_json:
        click.echo(
            f"{found.messages_per_second:,.0f} messages and {found.deliveries_per_second:,.0f} deliveries a second"
        )


def _renamed(more: dict[str, int]) -> dict[str, int]:
    return {("kept_messages" if name == "kept" else name): value for name, value in more.items()}


# --- acting ---


def _order(name: gateway_orders.Order, done: str, text: str, *, lasts: bool = False) -> None:
    """Add the command `name`, which gives one gateway an order."""

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
    main.command(name)(click.argument("node")(decorated))


_order("cordon", "takes no new sessions", "Stop gateway NODE from taking new sessions; open sessions stay.")
_order("uncordon", "takes new sessions", "Let gateway NODE take new sessions again.")
_order("drain", "is empty and takes no new sessions", "Cordon gateway NODE and move its clients away.", lasts=True)


@main.command()
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


@main.command()
@click.argument("room")
@click.argument("user")
@click.pass_obj
def kick(options: Options, room: str, user: str) -> None:
    """Remove USER from ROOM on every gateway. A user who is allowed to enter can enter again."""
    options.act(lambda client: client.kick(room, user))
    click.echo(f"{user} was removed from {room}", err=True)


@main.command()
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


def _sanctions(name: str, past: str, *, lasts: bool) -> None:
    """Add the command `name`, which sets or lifts a mute or ban."""

    def command(options: Options, user: str, room: str | None, seconds: float | None = None) -> None:
        more = {"seconds": seconds} if lasts else {}
        options.act(lambda client: getattr(client, name)(user, room=room, **more))
        click.echo(f"{user} was {past}{f' in {room}' if room else ''}", err=True)

    command.__doc__ = f"{name.capitalize()} USER everywhere, or in one room."
    decorated = click.pass_obj(command)
    if lasts:
        decorated = click.option("--seconds", type=click.FloatRange(1), help="Duration; default: no end.")(decorated)
    decorated = click.option("--room", help="Only in this room.")(decorated)
    main.command(name)(click.argument("user")(decorated))


_sanctions("mute", "muted", lasts=True)
_sanctions("unmute", "unmuted", lasts=False)
_sanctions("ban", "banned", lasts=True)
_sanctions("unban", "unbanned", lasts=False)


@main.command()
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


@main.command()
@click.pass_obj
def reports(options: Options) -> None:
    """List open reports of messages, oldest first."""
    options.show(options.act(lambda client: client.reports()), ("id", "room", "target", "by", "reason"))


@main.command()
@click.argument("number")
@click.pass_obj
def resolve(options: Options, number: str) -> None:
    """Close the report with the id NUMBER."""
    options.act(lambda client: client.resolve_report(number))
    click.echo(f"report {number} is closed", err=True)


@main.command()
@click.argument("room")
@click.confirmation_option(prompt="Delete the room with its history and members?")
@click.pass_obj
def close(options: Options, room: str) -> None:
    """Delete ROOM with its history and members. The gateways remove all clients from the room."""
    options.act(lambda client: client.close_room(room))
    click.echo(f"{room} is closed", err=True)


main.add_command(api_keys.group)
main.add_command(stored_rooms.group)
main.add_command(stored_rooms.profile)

if __name__ == "__main__":
    main()
