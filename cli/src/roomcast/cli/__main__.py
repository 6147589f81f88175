"""The commands of `roomcast`: inspect a running cluster, and act on it. `roomcast --help` lists them.

Exit status: 0 for success; 1 if the action was refused, an object was not found, or a check failed; 2 for a bad command
line or URL.
"""

from __future__ import annotations

import click

from roomcast.cli import actions, api_keys, inspection
from roomcast.cli import rooms as stored_rooms
from roomcast.cli.options import URL_VARIABLES, Options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--redis", "url", envvar=URL_VARIABLES, help=f"URL of Redis; default: {' or '.join(URL_VARIABLES)}.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON instead of a table.")
@click.version_option(package_name="roomcast-cli")
@click.pass_context
def main(context: click.Context, url: str | None, is_json: bool) -> None:
    """Inspect a running Roomcast cluster through Redis, and act on it."""
    context.obj = Options(url, is_json)


for command in (*inspection.COMMANDS, *actions.COMMANDS, api_keys.group, stored_rooms.group, stored_rooms.profile):
    main.add_command(command)

if __name__ == "__main__":
    main()
