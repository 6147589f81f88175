"""The command-line options that the locustfile adds to locust's; the master passes them to its workers."""

from __future__ import annotations

import secrets
from typing import Any


def add(parser: Any) -> None:
    """Add the options to locust's parser."""
    parser.add_argument(
        "--token-secret",
        env_var="ROOMCAST_JWT_SECRET",
        default="",
        is_secret=True,
        help="secret of the gateways, to sign tokens (without any token option, users POST to /dev/login)",
    )
    parser.add_argument("--token-command", default="", help="a command that prints a token; {user} becomes the user id")
    parser.add_argument("--token-file", default="", help="a file with one line per user, which is the user's token")
    parser.add_argument("--token-url", default="", help='a URL that answers POST {"name", "user"} with a `token`')
    parser.add_argument("--room-users", type=int, default=10, help="users in each room of Chat (default 10)")
    parser.add_argument("--storm-seconds", type=float, default=30.0, help="time between reconnect storms (default 30)")
    parser.add_argument(
        "--run-id", default=secrets.token_hex(4), help="part of all user and room names (default: random)"
    )
    parser.add_argument("--slo", default="", help="a TOML file of targets; a missed target gives exit status 1")
    parser.add_argument("--report", default="", help="HTML file to write, with plots and the verdict")
