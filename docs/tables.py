"""Write the tables in README.md and docs/ that are generated from the code; tests/unit/test_docs.py checks them.

    python -m docs.tables     write all tables again

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from roomcast.api.application import make_application
from roomcast.api.config import Config as ApiConfig
from roomcast.api.metrics import Metrics as ApiMetrics
from roomcast.cli.plan import Load, plan
from roomcast.cli.unit_costs import COSTS
from roomcast.contract.errors import Code
from roomcast.gateway.config import Config as GatewayConfig
from roomcast.gateway.operations.metrics import Metrics as GatewayMetrics
from roomcast.media.config import Config as MediaConfig
from roomcast.media.metrics import Metrics as MediaMetrics
from roomcast.presence.config import Config as PresenceConfig
from roomcast.presence.metrics import Metrics as PresenceMetrics

ROOT: Final = Path(__file__).resolve().parent.parent
PROCESSES: Final[Mapping[str, type[BaseSettings]]] = {
    "gateway": GatewayConfig,
    "presence": PresenceConfig,
    "media": MediaConfig,
    "api": ApiConfig,
}
_BLOCK: Final = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def variables(settings: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return the environment variables that a process reads."""
    prefix = settings.model_config.get("env_prefix", "")
    return {str(f.validation_alias or f"{prefix}{name}".upper()): f for name, f in settings.model_fields.items()}


def configuration() -> str:
    """Return the table of environment variables: the processes that read each one, its default, and its meaning."""
    read_by: dict[str, dict[str, FieldInfo]] = {}
    for process, settings in PROCESSES.items():
        for name, field in variables(settings).items():
            read_by.setdefault(name, {})[process] = field
    rows = (
        (f"`{name}`", ", ".join(fields), _merged(fields, _default), _merged(fields, lambda f: f.description or ""))
        for name, fields in read_by.items()
    )
    return _table(("variable", "read by", "default", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.default
    if isinstance(value, tuple):
        value = ", ".join(value)
    if isinstance(value, bool):
        value = int(value)
    return "" if value in (None, "") else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _merged(fields: Mapping[str, FieldInfo], say: Callable[[FieldInfo], str]) -> str:
    """Return the text that `say` gives for the variable. If the texts differ, put the processes before each text."""
    speakers: dict[str, list[str]] = {}
    for process, field in fields.items():
        speakers.setdefault(say(field), []).append(process)
    if len(speakers) == 1:
        return next(iter(speakers))
    return "; ".join(f"*{', '.join(processes)}:* {text or 'none'}" for text, processes in speakers.items())


def errors() -> str:
    """Return the table of the protocol's error codes."""
    rows = ((str(c.number), f"`{c.reason}`", "yes" if c.retryable else "no", c.meaning) for c in Code)
    return _table(("code", "reason", "retryable", "meaning"), rows)


def metrics() -> str:
    """Return the table of Roomcast's own metrics, with the names that Prometheus sees."""
    observers = (GatewayMetrics(), PresenceMetrics(), MediaMetrics(), ApiMetrics())
    rows = (row for observer in observers for row in _metric_rows(observer.exposition().decode()))
    return _table(("metric", "type", "meaning"), rows)


def _metric_rows(text: str) -> Iterable[tuple[str, str, str]]:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for name, meaning in re.findall(r"^# HELP (roomcast_\S+) (.+)$", text, re.MULTILINE):
        if not name.endswith("_created"):
            yield f"`{name}`", kinds[name], meaning


def unit_costs() -> str:
    """Return the table of the calculator's unit costs."""
    rows = ((f"`{name}`", f"{each.value:g} {each.unit}", each.meaning, each.source) for name, each in COSTS.items())
    return _table(("name", "cost", "cost of", "measured with"), rows)


def endpoints() -> str:
    """Return the table of the HTTP API's endpoints: scope, body, query, and purpose."""
    document = make_application(None).openapi()
    schemas = document["components"]["schemas"]
    rows = (
        (
            f"`{method.upper()} {path}`",
            _scope(operation),
            _body(operation, schemas),
            _query(operation),
            _does(operation),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return _table(("endpoint", "scope", "body", "query", "what it does"), rows)


def _scope(operation: Mapping[str, Any]) -> str:
    return ", ".join(f"`{scope}`" for each in operation["security"] for scopes in each.values() for scope in scopes)


def _body(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    (reference,) = [each["$ref"] for each in (schema, *schema.get("allOf", ())) if "$ref" in each] or [""]
    body = schemas.get(reference.rpartition("/")[2], {})
    return _fields((name, name in body.get("required", ())) for name in body.get("properties", ()))


def _query(operation: Mapping[str, Any]) -> str:
    queries = (each for each in operation.get("parameters", ()) if each["in"] == "query")
    return _fields((each["name"], each.get("required", False)) for each in queries)


def _fields(fields: Iterable[tuple[str, bool]]) -> str:
    """Return the names of fields, with `?` after each optional one."""
    names = ", ".join(name if is_required else f"{name}?" for name, is_required in fields)
    return f"`{names}`" if names else ""


def _does(operation: Mapping[str, Any]) -> str:
    """Return the first sentence of an operation's description."""
    return " ".join(re.split(r"\.(?:\s|$)", operation["description"])[0].split())


PLANNED_USERS: Final = (10_000, 100_000, 1_000_000, 10_000_000)


def plans() -> str:
    """Return the table of the results of `roomcast plan` for four numbers of users, with its default options."""
    rows = (_plan_row(users) for users in PLANNED_USERS)
    return _table(("users at once", "messages/s", "deliveries/s", "gateways", "nginx", "Redis masters"), rows)


def _plan_row(users: int) -> tuple[str, ...]:
    found = plan(Load(users))
    needs = (found.need(process) for process in ("gateway", "nginx", "redis"))
    cells = (f"{need.servers:,} ({need.limit}); {need.cores:,.1f} cores, {need.memory_gib:,.1f} GiB" for need in needs)
    return f"{users:,}", f"{found.messages_per_second:,.0f}", f"{found.deliveries_per_second:,.0f}", *cells


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "configuration": configuration,
    "endpoints": endpoints,
    "errors": errors,
    "metrics": metrics,
    "plans": plans,
    "unit-costs": unit_costs,
}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, tuple("---" for _ in head), *rows)
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def filled(text: str) -> str:
    """Return `text` with newly generated tables; raise KeyError for a table without a function."""
    return _BLOCK.sub(lambda match: match[1] + TABLES[match["name"]]() + match[3], text)


def documents() -> list[Path]:
    """Return the files that may contain tables."""
    return [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def main() -> None:
    """Write the tables of all documents again."""
    for path in documents():
        before = path.read_text()
        after = filled(before)
        if after != before:
            path.write_text(after)
            print(path.relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()
