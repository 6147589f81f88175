"""Add, remove and roll gateways under load: these are planned changes, so no client may see a failure."""

from __future__ import annotations

import asyncio
from typing import Final

from loadtest.chaos.crowd import clock
from loadtest.chaos.fault_tools import Rig

MANY: Final = 40
FEW: Final = 4


async def scale_and_roll(rig: Rig) -> None:
    """Scale from one gateway to 40, then to 4, and roll those 4. Gateways must announce the end of every connection."""
    ledger = rig.crowd.ledger
    connects, failed, drains = ledger.connects, len(ledger.failed_connects), ledger.told.get("drain", 0)
    begun = clock()
    await asyncio.to_thread(rig.cluster.scale, MANY)
    rig.figure("scaled from 1 to 40 gateways within", clock() - begun, None)
    for name in rig.gateways:  # without a restart, no client would move to the new gateways
        await asyncio.to_thread(rig.cluster.restart, name)
    await rig.settle()
    rig.figure("gateways with clients", len(rig.crowd.placement()), 20, "", at_least=True)
    shrinks = clock()
    await asyncio.to_thread(rig.cluster.scale, FEW)
    await rig.settle()
    rig.figure("scaled from 40 to 4 gateways, all clients back within", clock() - shrinks, None)
    rolls = clock()
    await asyncio.to_thread(lambda: list(rig.cluster.control.roll()))
    await rig.settle()
    rig.figure("4 gateways rolled, all clients back within", clock() - rolls, None)
    await asyncio.sleep(rig.span.after)
    ends = sum(not change.up and change.at >= begun for person in rig.crowd.people for change in person.changes)
    rig.figure("connections moved", ends, None, "")
    rig.figure(
        "connections moved without an announcement", max(0, ends - (ledger.told.get("drain", 0) - drains)), 0, ""
    )
    rig.figure("failed connects", len(ledger.failed_connects) - failed, 0, "")
    rig.figure("reconnects", ledger.connects - connects, None, "")
    answers = [answer for answer in ledger.answers if answer.at >= begun]
    rig.figure("sends without answer", sum(answer.outcome == "timeout" for answer in answers), 0, "")
