"""`python -m roomcast.contract`: the operations of back ends, from the command line.

    python -m roomcast.contract publish public:lobby "Maintenance at noon" --user ops
    python -m roomcast.contract emit ticket:state '{"id": 7, "state": "closed"}' --user ada
    python -m roomcast.contract kick team:red ada
    python -m roomcast.contract revoke --user ada
    python -m roomcast.contract close team:red
    python -m roomcast.contract token --user ada

Exit status: 0 for success, 1 for a refusal or when Redis does not answer, 2 for a bad command line or variable.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any, Final

from roomcast.contract import backend, config, tokens
from roomcast.contract.errors import Code, RoomcastError

_PROGRAM: Final = "python -m roomcast.contract"
"""The name of this command in its errors and help; `roomcast` is the operator command."""
_DAY_SECONDS: Final = 86_400


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and return the exit status. Print an error as one line to standard error."""
    options = _parser().parse_args(arguments)
    try:
        line = _token(options) if options.command == "token" else asyncio.run(_act(options))
    except ValueError as error:
        return _fail(options, str(error), 2)
    except RoomcastError as error:
        return _fail(options, str(error), 1)
    sys.stdout.write(line + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description=__doc__,
        epilog=f"{config.REDIS_URL} is the URL of Redis (the account `backend`); token needs {config.JWT_SECRET}."
        f" With {config.CLUSTER_KEY}, messages are sealed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_publish(commands.add_parser("publish", help="publish a message into a room; print its receipt as JSON"))
    _add_emit(commands.add_parser("emit", help="send a custom event, which is not stored"))
    kick = commands.add_parser("kick", help="remove a user from a room; a user who may enter the room can join again")
    kick.add_argument("room")
    kick.add_argument("user")
    _add_revoke(commands.add_parser("revoke", help="refuse tokens, and close the connections that use them"))
    commands.add_parser("close", help="delete a room with its history and memberships").add_argument("room")
    _add_token(commands.add_parser("token", help="print a signed token"))
    return parser


def _add_publish(publish: argparse.ArgumentParser) -> None:
    publish.add_argument("room")
    publish.add_argument("text", nargs="?", help="the text; may be omitted with --data")
    publish.add_argument("--data", type=_json_object, metavar="JSON", help="an object of the application")
    publish.add_argument("--user", required=True, help="the user who appears as the author")
    publish.add_argument("--name", help="the name that is shown (default: the user id)")
    publish.add_argument("--kind", choices=("system", "text"), default="system")
    publish.add_argument("--id", help="message id; a repeated call with the same id publishes nothing")


def _add_revoke(revoke: argparse.ArgumentParser) -> None:
    what = revoke.add_mutually_exclusive_group(required=True)
    what.add_argument("--user", help="every token of this user, including those issued in the next 30 s")
    what.add_argument("--token", metavar="JTI", help="the token with this jti claim")
    what.add_argument("--session", metavar="SID", help="every token with this sid claim, which names a sign-in")
    revoke.add_argument(
        "--issued-before", type=float, metavar="SECONDS", help="with --user: only tokens issued before (unix seconds)"
    )
    revoke.add_argument("--days", type=float, default=30.0, help="longest life of a token in days (default 30)")


def _add_emit(emit: argparse.ArgumentParser) -> None:
    emit.add_argument("event", help="the name of the event")
    emit.add_argument(
        "data", nargs="?", type=_json_object, default={}, metavar="JSON", help="a JSON object (default: {})"
    )
    to = emit.add_mutually_exclusive_group(required=True)
    to.add_argument("--user", help="to all devices of a user")
    to.add_argument("--room", help="to all clients that have joined a room")
    to.add_argument("--all", action="store_true", help="to all connected clients")


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return found


def _add_token(token: argparse.ArgumentParser) -> None:
    token.add_argument("--user", required=True, help="the user id, which is the token's sub claim")
    token.add_argument("--name")
    token.add_argument("--rooms", nargs="*", default=[], help="patterns of rooms that the token opens")
    token.add_argument("--create", nargs="*", default=[], help="patterns of rooms that the user may create")
    token.add_argument("--hours", type=float, default=12.0)
    token.add_argument("--ops", action="store_true", help="make the user an operator")
    token.add_argument("--jti", help="an id by which this token can be revoked")
    token.add_argument("--sid", help="an id of the sign-in, by which all its tokens can be revoked together")
    token.add_argument("--aud", help="the aud claim, if the gateways require one")
    token.add_argument("--iss", help="the iss claim, if the gateways require one")


def _token(options: argparse.Namespace) -> str:
    claims = {
        name: getattr(options, name)
        for name in ("rooms", "create", "ops", "jti", "sid", "aud", "iss")
        if getattr(options, name)
    }
    seconds = options.hours * 3600
    try:
        return tokens.sign(
            config.required(config.JWT_SECRET), options.user, name=options.name, seconds=seconds, **claims
        )
    except config.MissingVariable:
        raise
    except ValueError as error:
        raise ValueError(f"{config.JWT_SECRET}: {error}") from None


async def _act(options: argparse.Namespace) -> str:
    """Run the command, and return the line to print."""
    url, cluster_keys = config.required(config.REDIS_URL), config.cluster_keys()
    try:
        async with backend.connect(url, cluster_keys=cluster_keys) as client:
            return await _do(client, options)
    except ValueError as error:
        raise ValueError(f"{config.REDIS_URL}: {error}") from None


async def _do(client: backend.Backend, options: argparse.Namespace) -> str:
    match options.command:
        case "publish":
            given = {name: getattr(options, name) for name in ("text", "data", "name", "kind", "id")}
            receipt = await client.publish(options.room, options.user, **given)
            return json.dumps(receipt._asdict())
        case "emit":
            return await _emit(client, options)
        case "kick":
            await client.kick(options.room, options.user)
            return f"{options.user} was removed from {options.room}"
        case "revoke":
            seconds = options.days * _DAY_SECONDS
            if options.user:
                await client.revoke_user(options.user, issued_before=options.issued_before, seconds=seconds)
            elif options.issued_before is not None:
                raise RoomcastError(Code.BAD_REQUEST, "--issued-before needs --user")
            elif options.session:
                await client.revoke_session(options.session, seconds=seconds)
            else:
                await client.revoke_token(options.token, seconds=seconds)
            return f"revoked: {options.user or options.session or options.token}"
        case _:
            await client.close_room(options.room)
            return f"{options.room} is closed"


async def _emit(client: backend.Backend, options: argparse.Namespace) -> str:
    event, data = options.event, options.data
    if options.user:
        await client.emit_to_user(options.user, event, data)
    elif options.room:
        await client.emit_to_room(options.room, event, data)
    else:
        await client.emit_to_all(event, data)
    return f"{event} was sent to {options.user or options.room or 'all clients'}"


def _fail(options: argparse.Namespace, reason: str, status: int) -> int:
    sys.stderr.write(f"{_PROGRAM} {options.command}: {reason}\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
