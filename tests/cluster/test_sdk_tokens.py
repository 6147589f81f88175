"""The SDK's token renewal on a real cluster: a renewed session goes on, an expired or signed-out session ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from deploy.cluster import Cluster

SCRIPT = Path(__file__).with_name("client") / "sdk_tokens.mjs"
SECONDS = 60.0


async def test_a_session_lasts_while_its_token_is_renewed(cluster: Cluster, sdk_folder: Path) -> None:
    script = sdk_folder / SCRIPT.name
    script.write_text(SCRIPT.read_text())
    process = await asyncio.create_subprocess_exec(
        *("node", str(script), cluster.url, cluster.jwt_secret), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    clients = json.loads(output)
    renewed, expired, signed_out = clients["renewed"], clients["expired"], clients["signed_out"]
    assert (renewed["phase"], renewed["connects"]) == ("online", 1)
    assert renewed["asked"] >= 2
    assert (expired["phase"], expired["reason"], expired["connects"]) == ("refused", "unauthorized", 1)
    assert signed_out == {"phase": "refused", "reason": "unauthorized", "connects": 1, "asked": 2}
