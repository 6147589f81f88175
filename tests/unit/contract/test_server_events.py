"""Which Socket.IO packets a back end without the cluster key may send to a user."""

from __future__ import annotations

import pytest

from roomcast.contract.events.server_events import BACK_END_EVENTS, CUSTOM, SERVER_EVENTS, is_back_end_event


@pytest.mark.parametrize("packet", [b'2["room",{"room":"team","change":"invited"}]', b'2["custom",{"event":"paid"}]'])
def test_events_of_back_ends_are_accepted(packet: bytes) -> None:
    assert is_back_end_event(packet)


@pytest.mark.parametrize(
    "packet",
    [
        *(f'2["{name}",{{}}]'.encode() for name in SERVER_EVENTS if name not in BACK_END_EVENTS),
        b'2["custom",{"event":"paid","user":"ada"}]',  # only gateways write `user`
        b'2["room",{},"more"]',
        b'2["room",[]]',
        b'2["room",',
        b'2["room",' + b"[" * 100_000,
        b'2["rooms",{}]',
        b'51-["room",{}]',
        b"",
    ],
)
def test_all_other_packets_are_refused(packet: bytes) -> None:
    assert not is_back_end_event(packet)


def test_the_accepted_events_can_be_limited() -> None:
    assert is_back_end_event(b'2["custom",{}]', (CUSTOM,))
    assert not is_back_end_event(b'2["room",{}]', (CUSTOM,))
