"""Run a gateway (`python -m roomcast.gateway`), or print a token for scripts (`… token --user ada`); see `--help`."""

from __future__ import annotations

import argparse
import gc
import sys

from roomcast.contract.tokens import sign
from roomcast.gateway.config import TITLE, Config
from roomcast.process import command
from roomcast.process.settings import describe, load


def main() -> int:
    """Run the command; return its exit status.

    0 after SIGTERM or a printed token; 1 for an error, such as a port in use; 2 for a bad setting.
    """
    parser = argparse.ArgumentParser(
        prog="python -m roomcast.gateway",
        epilog=describe(Config, TITLE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command")
    token = commands.add_parser("token", help="print a signed token")
    token.add_argument("--user", required=True)
    token.add_argument("--name")
    token.add_argument("--rooms", nargs="*", default=[], help="patterns of rooms that the token opens")
    token.add_argument("--create", nargs="*", default=[], help="patterns of rooms that the user may create")
    token.add_argument("--hours", type=float, default=12.0)
    token.add_argument("--ops", action="store_true", help="make the user an operator")
    arguments = parser.parse_args()
    settings = load(Config, "gateway")
    return _print_token(settings, arguments) if arguments.command == "token" else _serve(settings)


def _print_token(settings: Config, arguments: argparse.Namespace) -> int:
    if settings.jwt_secret is None:
        return command.fail("gateway", "token: set ROOMCAST_JWT_SECRET; a JWKS has no private keys to sign with", 2)
    claims = {
        "rooms": arguments.rooms,
        "create": arguments.create,
        "ops": arguments.ops,
        **({"aud": settings.jwt_audience} if settings.jwt_audience else {}),
        **({"iss": settings.jwt_issuer} if settings.jwt_issuer else {}),
    }
    secret = settings.jwt_secret.get_secret_value()
    name = arguments.name or arguments.user
    sys.stdout.write(sign(secret, arguments.user, name=name, seconds=arguments.hours * 3600, **claims) + "\n")
    return 0


def _serve(settings: Config) -> int:
    try:
        from roomcast.gateway import app  # this import chooses the compiled or the plain hot path
        from roomcast.gateway.operations.file_descriptors import raise_limit
    except ImportError as error:
        return command.fail("gateway", str(error), 2)
    raise_limit()
    gc.freeze()
    # Collecting 5,000 new objects takes about 1 ms. A connection keeps 40 objects and almost no cycles, but needs many
    # more objects while it opens. With a threshold of 1,000, collecting takes 3 % of the time of a connect; with 5,000,
    # it takes 1 %. Collecting older objects takes 100 ms with 10,000 sessions and finds no garbage, so it happens once
    # in a million connections.
    gc.set_threshold(5_000, 10_000, 10)
    return command.serve("gateway", settings, app.run)


if __name__ == "__main__":
    raise SystemExit(main())
