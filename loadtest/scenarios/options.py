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
        help="sign tokens with the gateways' secret (default without any token option: POST /dev/login)",
    )
    parser.add_argument("--token-command", default="", help="a command that prints a token; {user} is replaced")
    parser.add_argument("--token-file", default="", help="a file with one token a line, one for each user")
    parser.add_argument("--token-url", default="", help='a URL that answers POST {"name", "user"} with a `token`')
    parser.add_argument("--room-users", type=int, default=10, help="users in a room of the chat (default 10)")
    parser.add_argument("--storm-seconds", type=float, default=30.0, help="time between reconnect storms (default 30)")
    parser.add_argument(
        "--run-id", default=secrets.token_hex(4), help="part of all user and room names (default: random)"
    )
    parser.add_argument("--slo", default="", help="a TOML file of targets; a missed target gives exit status 1")
    parser.add_argument("--report", default="", help="write one HTML page with plots and the verdict")
