"""The commands `roomcast api-keys`: create, list, rotate and revoke keys of the HTTP API.

These commands need a Redis account that may write API keys.
"""

from __future__ import annotations

from typing import Final

import click

from roomcast.cli import output
from roomcast.cli.options import Options
from roomcast.contract.api_keys import MAX_RATE, Listed, Scope

_DAY_SECONDS: Final = 86_400
_HOUR_SECONDS: Final = 3_600
_ONCE: Final = "This is the only time that the key is shown."


@click.group("api-keys")
def group() -> None:
    """Create, list, rotate and revoke keys of the HTTP API."""


@group.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([*(scope.value for scope in Scope), "all"]),
    help="A scope of the key; repeatable.",
)
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="Days until the key ends; default: until it is revoked."
)
@click.option(
    "--rate", default=0, type=click.IntRange(0, MAX_RATE), help="Requests per second; 0: the API's default rate."
)
@click.pass_obj
def create(options: Options, name: str, scopes: tuple[str, ...], days: float | None, rate: int) -> None:
    """Create a key called NAME, and print it."""
    wanted = [scope.value for scope in Scope] if "all" in scopes else scopes
    seconds = None if days is None else days * _DAY_SECONDS
    _show_secret(options.manage_keys(lambda keys: keys.create(name, wanted, seconds=seconds, rate=rate)))


@group.command("list")
@click.pass_obj
def list_keys(options: Options) -> None:
    """List the keys: ids, scopes, rates and ends. Redis does not store the keys themselves."""
    options.show(
        [_row(found) for found in options.manage_keys(lambda keys: keys.list_keys())],
        ("id", "name", "scopes", "rate", "created", "expires"),
    )


@group.command()
@click.argument("name")
@click.option(
    "--overlap-hours",
    default=24.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Hours for which the older keys stay valid.",
)
@click.pass_obj
def rotate(options: Options, name: str, overlap_hours: float) -> None:
    """Create a key called NAME with the rights of the newest such key. The older keys end after the overlap."""
    seconds = overlap_hours * _HOUR_SECONDS
    _show_secret(options.manage_keys(lambda keys: keys.rotate(name, overlap_seconds=seconds)))


@group.command()
@click.argument("id")
@click.pass_obj
def revoke(options: Options, id: str) -> None:  # noqa: A002 (the argument's name)
    """Revoke the key with this ID at once."""
    options.manage_keys(lambda keys: keys.revoke(id))
    click.echo(f"revoked: {id}", err=True)


def _show_secret(secret: str) -> None:
    click.echo(secret)
    click.echo(_ONCE, err=True)


def _row(found: Listed) -> dict[str, object]:
    key = found.key
    return {
        "id": found.id,
        "name": key.name,
        "scopes": " ".join(key.scopes),
        "rate": key.rate or "default",
        "created": output.moment(key.created * 1000),
        "expires": output.moment(key.expires * 1000) if key.expires else "never",
    }
