"""The sources of the tokens for a load test: a secret, a command, a file or a URL."""

from __future__ import annotations

import json
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jwt
import pytest

from loadtest.scenarios.tokens import TokenError, make_source

SECRET = "s" * 32
NONE = {"token_secret": "", "token_command": "", "token_file": "", "token_url": ""}
HOST = "http://127.0.0.1:1"


def options(**given: str) -> Namespace:
    return Namespace(**{**NONE, **given})


def test_a_token_is_signed_with_the_secret() -> None:
    token = make_source(options(token_secret=SECRET), HOST)("ada")
    assert jwt.decode(token, SECRET, ["HS256"])["sub"] == "ada"


def test_a_command_prints_a_token_for_a_user() -> None:
    command = f'{sys.executable} -c \'print("token-of", end="-"); print("{{user}}")\''
    assert make_source(options(token_command=command), HOST)("ada") == "token-of-ada"


def test_the_lines_of_a_file_are_divided_among_processes_and_each_line_is_used_once(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("ada token-1\n\ntoken-2\nbob token-3\n")
    first = make_source(options(token_file=str(file)), HOST, (0, 2))
    second = make_source(options(token_file=str(file)), HOST, (1, 2))
    assert [first("x"), first("x"), second("x")] == ["token-1", "token-3", "token-2"]
    with pytest.raises(TokenError, match="3 tokens"):
        second("x")


class Login(BaseHTTPRequestHandler):
    """A server that answers sign-ins like `/dev/login`."""

    def do_POST(self) -> None:
        user = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["user"]
        body = json.dumps({"token": f"{self.path} {user}"}).encode()
        self.send_response(200 if user != "eve" else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def login() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Login) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_url_returns_a_token(login: str) -> None:
    assert make_source(options(token_url=f"{login}/tokens"), HOST)("ada") == "/tokens ada"
    assert make_source(options(), login)("ada") == "/dev/login ada"
    with pytest.raises(TokenError, match="HTTP 403"):
        make_source(options(), login)("eve")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"token_secret": "short"}, "cannot sign"),
        ({"token_command": "/nonexistent {user}"}, "cannot run"),
        ({"token_command": "false"}, "status 1"),
        ({"token_file": "/nonexistent"}, "cannot be read"),
        ({"token_url": "http://127.0.0.1:1/x"}, "gave no token"),
    ],
)
def test_the_error_of_a_source_without_a_token_is_one_line(given: dict[str, str], words: str) -> None:
    with pytest.raises(TokenError, match=words) as error:
        make_source(options(**given), HOST)("ada")
    assert "\n" not in str(error.value)
