"""The sources of the users' tokens: a secret, a command, a file, or a URL."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import requests

from roomcast.contract import tokens

COMMAND_SECONDS: Final = 20.0
LOGIN_PATH: Final = "/dev/login"
Source = Callable[[str], str]
"""A function that returns the token of a user or raises TokenError."""


class TokenError(RuntimeError):
    """The source gave no token; the text is one line."""


def make_source(options: Any, host: str, share: tuple[int, int] = (0, 1)) -> Source:
    """Return the source that the options name: the first of file, command, URL and secret that is given.

    Without any of these, the source is the sign-in of a local cluster (`/dev/login`). `share`: this process is number
    `share[0]` of `share[1]`, and uses only its share of the lines of a token file. Raise TokenError if that file
    cannot be used.
    """
    if options.token_file:
        return _from_file(Path(options.token_file), *share)
    if options.token_command:
        return lambda user: _from_command(options.token_command, user)
    if options.token_url:
        return lambda user: _from_url(options.token_url, user)
    if options.token_secret:
        return lambda user: _from_secret(options.token_secret, user)
    return lambda user: _from_url(host.rstrip("/") + LOGIN_PATH, user)


def _from_secret(secret: str, user: str) -> str:
    try:
        return tokens.sign(secret, user, name=user)
    except ValueError as error:
        raise TokenError(f"cannot sign with the secret: {error}") from None


def _from_command(command: str, user: str) -> str:
    """Run the command with `{user}` replaced, and return the first word that it prints."""
    words = [word.replace("{user}", user) for word in shlex.split(command)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise TokenError(f"cannot run the token command: {type(error).__name__}") from None
    lines = done.stdout.split()
    if done.returncode or not lines:
        raise TokenError(f"the token command ended with status {done.returncode} and printed no token")
    return lines[0]


def _from_url(url: str, user: str) -> str:
    """POST `{"name": user, "user": user}` and return the `token` of the JSON answer."""
    try:
        answer = requests.post(url, json={"name": user, "user": user}, timeout=COMMAND_SECONDS)
        token = answer.json().get("token") if answer.ok else None
    except (requests.RequestException, ValueError, AttributeError) as error:
        raise TokenError(f"{url} gave no token: {type(error).__name__}") from None
    if not isinstance(token, str):
        raise TokenError(f"{url} gave no token: HTTP {answer.status_code}")
    return token


def _from_file(path: Path, place: int, count: int) -> Source:
    """Return a source that gives each user another token of a file: the last word of each line is a token."""
    try:
        lines = [line.split()[-1] for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise TokenError(f"{path} cannot be read: {error.strerror}") from None
    left: Iterator[str] = iter(lines[place::count])
    lock = threading.Lock()

    def take(_user: str) -> str:
        with lock:
            token = next(left, None)
        if token is None:
            raise TokenError(f"{path} has only {len(lines)} tokens, and there are more users")
        return token

    return take
