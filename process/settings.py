"""Settings by environment variables: one line for a bad one, one list for `--help`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, NoDecode


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A setting of several words, separated by commas."""

S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S], process: str) -> S:
    """The settings from the environment; a bad or missing one ends the process with one line and exit code 2."""
    try:
        return settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        sys.stderr.write(f"roomcast {process}: {where}{reason[:1].lower()}{reason[1:]}\n")
        raise SystemExit(2) from None


def describe(settings: type[BaseSettings], title: str) -> str:
    """The help text: every variable with its default and meaning."""
    lines = [title, ""]
    for field in settings.model_fields.values():
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        is_shown = default is not None and not field.is_required() and default != ""
        shown = f" (default: {int(default) if isinstance(default, bool) else default})" if is_shown else ""
        required = " (required)" if field.is_required() else ""
        lines.append(f"  {field.validation_alias!s:34} {field.description}{shown}{required}")
    return "\n".join(lines) + "\n"
