"""Check a deployment's Redis and processes, and advise what to change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

from roomcast.cli import process_health, redis_accounts
from roomcast.cli.cluster import ClusterReader
from roomcast.contract import keys
from roomcast.contract.errors import RoomcastError
from roomcast.contract.lua import all_scripts
from roomcast.wire import redis_url

OLDEST_REDIS: Final = (7, 0)
_CLOCK_SECONDS: Final = 2.0
_MEMORY_SHARE: Final = 0.8
_OUTPUT_BUFFER_BYTES: Final = 32 * 2**20
_CLIENT_RESERVE: Final = 0.9

Level = Literal["ok", "warning", "error"]


class Finding(NamedTuple):
    """The result of one check: its name, its level, the observed value, and advice (empty for `ok`)."""

    check: str
    level: Level
    seen: str
    advice: str = ""


Check = Callable[[ClusterReader], Awaitable[Finding]]


async def examine(reader: ClusterReader, url: str, processes: Sequence[str] = ()) -> list[Finding]:
    """Run every check. A check whose command Redis refuses returns a warning. `processes`: metrics URLs."""
    findings = [check_url(url), *[await _guarded(name, check, reader) for name, check in CHECKS.items()]]
    verdicts = [await asyncio.to_thread(process_health.check, address) for address in processes]
    return [*findings, *(Finding(address, *each) for address, each in zip(processes, verdicts, strict=True))]


def worst(findings: Sequence[Finding]) -> Level:
    """Return the worst level among the findings."""
    levels = {finding.level for finding in findings}
    return "error" if "error" in levels else "warning" if "warning" in levels else "ok"


async def _guarded(name: str, check: Check, reader: ClusterReader) -> Finding:
    try:
        return await check(reader)
    except RoomcastError as error:
        advice = "use an account that may read the configuration (admin)"
        return Finding(name, "warning", f"not checked: {error.detail or error}", advice)


def check_url(url: str) -> Finding:
    """Warn if the URL has no password, or if it connects to another machine without TLS. Pure."""
    target = redis_url.parse(url)
    seen = f"{target.mode}{' with TLS' if target.tls else ''}, account {target.username or 'default'}"
    if not target.tls and not all(_is_local(host) for host, _ in target.hosts):
        return Finding("url", "warning", seen, "use rediss:// (TLS) outside a private network")
    if target.password is None:
        return Finding("url", "warning", seen, "give each kind of process an account with a password")
    return Finding("url", "ok", seen)


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


async def _accounts(reader: ClusterReader) -> Finding:
    refused, checked = await redis_accounts.refusals(reader)
    if refused:
        advice = "let these accounts use these keys and channels (deploy/redis_config.py writes the ACL file)"
        return Finding("accounts", "error", "; ".join(refused), advice)
    if await redis_accounts.is_open(reader):
        return Finding("accounts", "warning", "`default` needs no password", "switch the account `default` off")
    return Finding("accounts", "ok", f"{', '.join(dict.fromkeys(checked)) or 'none connected'}")


async def _logins(reader: ClusterReader) -> Finding:
    failed = await redis_accounts.failed_logins(reader)
    if failed:
        advice = "correct the password in the process's Redis URL, or switch the account on (ACL GETUSER shows it)"
        return Finding("logins", "warning", f"refused in the last minute: {', '.join(failed)}", advice)
    return Finding("logins", "ok", "none refused")


async def _cordons(reader: ClusterReader) -> Finding:
    cordoned = [node.node for node in await reader.nodes() if node.is_alive and node.state != "serving"]
    if cordoned:
        advice = "uncordon them, or restart them, when the work is done"
        return Finding("cordons", "warning", f"no new sessions on {', '.join(cordoned)}", advice)
    return Finding("cordons", "ok", "none")


async def _version(reader: ClusterReader) -> Finding:
    version = str((await reader.info("server"))["redis_version"])
    found = tuple(int(part) for part in version.split(".")[:2])
    if found < OLDEST_REDIS:
        return Finding("version", "error", version, "upgrade Redis to 7.0 or newer: sharded pub/sub is needed")
    return Finding("version", "ok", version)


async def _eviction(reader: ClusterReader) -> Finding:
    policy = str((await reader.info("memory"))["maxmemory_policy"])
    if policy != "noeviction":
        advice = "set maxmemory-policy noeviction: an evicted key is a lost message or membership"
        return Finding("eviction", "error", policy, advice)
    return Finding("eviction", "ok", policy)


async def _memory(reader: ClusterReader) -> Finding:
    memory = await reader.info("memory")
    used, limit = int(memory["used_memory"]), int(memory["maxmemory"])
    seen = f"{used / 2**20:.0f} MiB of {limit / 2**20:.0f} MiB" if limit else f"{used / 2**20:.0f} MiB, no limit"
    if not limit:
        advice = "set maxmemory below the machine's memory: Redis then refuses writes instead of being killed"
        return Finding("memory", "warning", seen, advice)
    if used > limit * _MEMORY_SHARE:
        advice = "raise maxmemory, or lower ROOMCAST_LOG_MESSAGES: at the limit sends are refused"
        return Finding("memory", "warning", seen, advice)
    return Finding("memory", "ok", seen)


async def _persistence(reader: ClusterReader) -> Finding:
    info = await reader.info("persistence")
    if not int(info["aof_enabled"]):
        advice = "set appendonly yes: without it a crash loses every message since the last snapshot"
        return Finding("persistence", "error", "no append-only file", advice)
    if info.get("aof_last_write_status", "ok") != "ok":
        return Finding("persistence", "error", "the append-only file cannot be written", "check the disk of Redis")
    return Finding("persistence", "ok", "append-only file")


async def _output_buffer(reader: ClusterReader) -> Finding:
    words = (await reader.setting("client-output-buffer-limit")).split()
    hard = int(words[words.index("pubsub") + 1])
    seen = f"pubsub {hard / 2**20:.0f} MiB" if hard else "pubsub without limit"
    if 0 < hard < _OUTPUT_BUFFER_BYTES:
        advice = "set client-output-buffer-limit pubsub to 32 MiB or more: otherwise Redis disconnects a busy gateway"
        return Finding("output buffer", "warning", seen, advice)
    return Finding("output buffer", "ok", seen)


async def _clients(reader: ClusterReader) -> Finding:
    clients = int((await reader.info("clients"))["connected_clients"])
    most = int(await reader.setting("maxclients"))
    seen = f"{clients} of {most} clients"
    if clients > most * _CLIENT_RESERVE:
        return Finding("clients", "warning", seen, "raise maxclients, and the file limit of Redis with it")
    return Finding("clients", "ok", seen)


async def _clock(reader: ClusterReader) -> Finding:
    before = time.time()
    seconds, microseconds = await reader.call("TIME")
    middle = (before + time.time()) / 2
    offset = int(seconds) + int(microseconds) / 1e6 - middle
    seen = f"Redis {offset:+.2f} s against this machine"
    if abs(offset) > _CLOCK_SECONDS:
        return Finding("clock", "warning", seen, "synchronise the clocks: tokens are checked by Redis's time")
    return Finding("clock", "ok", seen)


async def _scripts(reader: ClusterReader) -> Finding:
    hashes = [script.sha for script in all_scripts()]
    known = sum(await reader.call("SCRIPT", "EXISTS", *hashes))
    if not known:
        advice = "start a gateway of this version: it loads the scripts"
        return Finding("scripts", "warning", f"0 of {len(hashes)} loaded", advice)
    return Finding("scripts", "ok", f"{known} of {len(hashes)} loaded")


async def _gateways(reader: ClusterReader) -> Finding:
    nodes = await reader.nodes()
    alive = [node.node for node in nodes if node.is_alive]
    if not alive:
        return Finding("gateways", "error", "none is alive", "start a gateway: python -m roomcast.gateway")
    return Finding("gateways", "ok", f"{len(alive)} alive: {', '.join(alive)}")


async def _sweeper(reader: ClusterReader) -> Finding:
    if await reader.call("GET", keys.PRESENCE_SWEEPER) is None:
        return Finding("sweeper", "error", "none leads", "start a sweeper: python -m roomcast.presence")
    return Finding("sweeper", "ok", "one leads")


async def _signers(reader: ClusterReader) -> Finding:
    sizes = await reader.sizes()
    if sizes.media_requests > sizes.media_pending + 100:
        seen = f"{sizes.media_requests} requests wait"
        return Finding("signers", "warning", seen, "start a signer, or more of them: python -m roomcast.media")
    return Finding("signers", "ok", f"{sizes.media_requests} requests wait")


CHECKS: Final[dict[str, Check]] = {
    "version": _version,
    "eviction": _eviction,
    "memory": _memory,
    "persistence": _persistence,
    "output buffer": _output_buffer,
    "clients": _clients,
    "clock": _clock,
    "scripts": _scripts,
    "accounts": _accounts,
    "logins": _logins,
    "gateways": _gateways,
    "cordons": _cordons,
    "sweeper": _sweeper,
    "signers": _signers,
}


def as_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings as rows of a table."""
    return [finding._asdict() for finding in findings]
