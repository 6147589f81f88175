"""The commands that only read: gateways, rooms, sessions, presence, sizes, logs, `tail`, `doctor`, `plan`."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from roomcast.cli import doctor as examination
from roomcast.cli import output, tail
from roomcast.cli import plan as planning
from roomcast.cli.options import Options


@click.command()
@click.pass_obj
def nodes(options: Options) -> None:
    """List the gateways. The columns show whether each is alive, its state, connections and last announcement."""
    rows = [
        {**node._asdict(), "alive": "yes" if node.is_alive else "no", "seen": f"{node.announced_seconds_ago} s ago"}
        for node in options.read(lambda reader: reader.nodes())
    ]
    options.show(rows, ("node", "alive", "state", "connections", "seen", "incarnation"))


@click.command()
@click.option("--match", default="*", show_default=True, help="Glob pattern of room ids.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Most rooms to list.")
@click.pass_obj
def rooms(options: Options, match: str, limit: int) -> None:
    """List rooms by id. The columns show kind, newest seq, messages in the log, stored members and occupants."""
    found = options.read(lambda reader: reader.rooms(match, limit))
    columns = ("room", "kind", "name", "seq", "messages", "members", "occupants")
    options.show([room._asdict() for room in found], columns)


@click.command()
@click.argument("room")
@click.pass_obj
def who(options: Options, room: str) -> None:
    """List who is in ROOM now, on which gateways, and with which role."""
    options.show(options.read(lambda reader: reader.occupants(room)), ("user", "nodes", "role"))


@click.command()
@click.argument("user")
@click.pass_obj
def sessions(options: Options, user: str) -> None:
    """List the connections of USER."""
    rows = [
        {**session._asdict(), "since": output.moment(session.since_ms)}
        for session in options.read(lambda reader: reader.sessions(user))
    ]
    options.show(rows, ("session", "node", "kind", "status", "note", "since"))


@click.command()
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


@click.command()
@click.pass_obj
def sizes(options: Options) -> None:
    """Show the size of the cluster's data. The rows are counts of keys and requests, and bytes of memory."""
    found = options.read(lambda reader: reader.sizes())
    options.show([{"what": name, "size": value} for name, value in found._asdict().items()], ("what", "size"))


@click.command()
@click.option("--match", default="*", show_default=True, help="Glob pattern of room ids.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Most logs to show.")
@click.option("--scan", default=1_000, show_default=True, type=click.IntRange(1, 100_000), help="Most rooms to read.")
@click.pass_obj
def logs(options: Options, match: str, limit: int, scan: int) -> None:
    """List the largest room logs. The columns show messages and bytes of memory in Redis."""
    found = options.read(lambda reader: reader.logs(match, scan))
    options.show([log._asdict() for log in found[:limit]], ("room", "seq", "messages", "memory_bytes"))


@click.command("tail")
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


@click.command()
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


@click.command("plan")
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


COMMANDS: Final = (nodes, rooms, who, sessions, presence, sizes, logs, tail_command, doctor, plan_command)
