"""The options of every command: connect to Redis with a URL, print rows, and end the program on an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from roomcast.cli import output
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
