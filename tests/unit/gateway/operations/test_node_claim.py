"""A gateway claims its node number: it waits while a dead process has the lease, and fails if a live process has it."""

from __future__ import annotations

import os
import subprocess

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.operations import node_claim
from roomcast.gateway.operations.node_claim import NodeClaim, NodeTakenError, describe_process, is_gone
from roomcast.gateway.stores.nodes import Hold, Holder

ELSEWHERE = "othermachine.1/1/1"


class Store:
    """A store whose calls return `results` in order. The last result repeats."""

    def __init__(self, *results: Hold | Exception) -> None:
        self.results = list(results)
        self.replaced: list[str] = []

    async def hold(self, replaces: str = "") -> Hold:
        if replaces:
            self.replaced.append(replaces)
            return Hold(is_new=True, holder=None)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return result


def held(left_ms: int, incarnation: str = "other", process: str = ELSEWHERE) -> Hold:
    return Hold(is_new=False, holder=Holder(incarnation, process, left_ms))


OURS = Hold(is_new=True, holder=None)


def claim_of(store: Store) -> NodeClaim:
    return NodeClaim(store, "7", retry_seconds=0.0)


async def test_a_free_node_number_is_claimed() -> None:
    claim = claim_of(Store(OURS))
    assert not claim.is_held
    await claim.acquire()
    assert claim.is_held


async def test_a_claim_waits_until_the_lease_of_a_dead_process_ends() -> None:
    store = Store(held(900), held(600), held(300), OURS)
    claim = claim_of(store)
    await claim.acquire()
    assert (claim.is_held, store.results) == (True, [OURS])


async def test_a_claim_is_refused_if_another_process_renews_the_lease() -> None:
    claim = claim_of(Store(held(900), held(600), held(14_900)))
    with pytest.raises(NodeTakenError, match="ROOMCAST_NODE=7"):
        await claim.acquire()
    assert not claim.is_held


async def test_a_claim_is_refused_if_a_third_process_takes_the_number_first() -> None:
    claim = claim_of(Store(held(300), held(14_900, "third")))
    with pytest.raises(NodeTakenError):
        await claim.acquire()


async def test_a_killed_predecessor_on_this_machine_is_replaced_at_once() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        described = describe_process().replace(f"/{os.getpid()}/", f"/{process.pid}/")
        described = f"{described.rpartition('/')[0]}/{node_claim._started_at(process.pid)}"
        assert not is_gone(described)
        process.kill()
    store = Store(held(14_000, "dead", described))
    claim = claim_of(store)
    await claim.acquire()
    assert (claim.is_held, store.replaced) == (True, ["dead"])


async def test_a_claim_waits_while_redis_does_not_answer() -> None:
    store = Store(RoomcastError(Code.UNAVAILABLE), held(300), RoomcastError(Code.UNAVAILABLE), OURS)
    claim = claim_of(store)
    await claim.acquire()
    assert (claim.is_held, store.results) == (True, [OURS])


@pytest.mark.parametrize("process", ["", "x", "a/b", ELSEWHERE])
def test_a_process_of_another_machine_or_without_a_valid_description_does_not_count_as_gone(process: str) -> None:
    assert not is_gone(process)


def test_this_process_counts_as_gone_so_that_it_may_replace_its_own_lease() -> None:
    assert is_gone(describe_process())
