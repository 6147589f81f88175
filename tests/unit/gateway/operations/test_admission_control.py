"""The admission queue in front of the Engine.IO server. Its timer runs only while clients wait."""

from __future__ import annotations

from roomcast.engineio import Caller, Refusal
from roomcast.gateway.operations.admission import BURST_SECONDS, START_RATE, AdmissionQueue
from roomcast.gateway.operations.admission_control import STARTING, AdmissionControl
from tests.waiting import until

BURST = int(START_RATE * BURST_SECONDS)


class Gateway:
    """An admission control, and a record of its decisions."""

    def __init__(self, **options: int) -> None:
        self.now = 100.0
        self.is_started = True
        self.queue = AdmissionQueue(lambda: self.now, **options)
        self.control = AdmissionControl(
            self.queue, lambda: None if self.is_started else STARTING, lambda query: "ticket" in query
        )
        self.decisions: list[tuple[str, Refusal | None]] = []

    def ask(self, peer: str, query: str = "") -> object:
        def decide(refusal: Refusal | None) -> bool:
            self.decisions.append((peer, refusal))
            return refusal is None

        return self.control(Caller(peer, "http", ("x",), query), decide)


async def test_no_client_is_admitted_before_the_gateway_has_started() -> None:
    gateway = Gateway()
    gateway.is_started = False
    gateway.ask("a")
    assert gateway.decisions == [("a", STARTING)]


async def test_a_timer_admits_waiting_clients_and_ends_when_the_queue_is_empty() -> None:
    gateway = Gateway()
    for _ in range(BURST + 5):
        gateway.ask("a")
    assert len(gateway.decisions) == BURST

    def are_all_admitted() -> bool:
        gateway.now += 0.01
        return len(gateway.decisions) == BURST + 5

    await until(are_all_admitted, "all clients are admitted")
    await until(lambda: gateway.control._timer is None, "the timer has ended")
    gateway.control.stop()


async def test_clients_above_the_limit_are_refused_with_a_reason_and_retry_after() -> None:
    gateway = Gateway(max_waiting=10)
    for _ in range(BURST + 12):
        gateway.ask("a")
    refused = [refusal for _, refusal in gateway.decisions if refusal is not None]
    assert [(one.status, one.reason, one.retry_after) for one in refused] == [(503, "admission", 1)] * 2
    gateway.control.stop()


async def test_addresses_of_one_ipv6_network_count_as_one_address() -> None:
    """The full queue refuses the newest client of the address with most clients. Here the IPv6 network has most."""
    gateway = Gateway(max_waiting=5)
    for _ in range(BURST):
        gateway.ask("other")
    for peer in ("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.1", "2001:db8::3", "203.0.113.9"):
        gateway.ask(peer)
    assert [peer for peer, refusal in gateway.decisions if refusal is not None] == ["2001:db8::3"]
    gateway.control.stop()


async def test_a_client_with_a_reconnect_ticket_is_admitted_before_strangers() -> None:
    gateway = Gateway()
    for _ in range(BURST):
        gateway.ask("other")
    gateway.ask("stranger")
    gateway.ask("friend", "EIO=4&ticket=x")

    def is_next_admitted() -> bool:
        gateway.now += 0.001
        return len(gateway.decisions) > BURST

    await until(is_next_admitted, "the next client is admitted")
    assert gateway.decisions[BURST][0] == "friend"
    gateway.control.stop()
