"""Custom events: who may send them, how often, and who receives them."""

from __future__ import annotations

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import RoomEmit
from roomcast.contract.limits import CUSTOM_EVENTS_BURST, CUSTOM_EVENTS_PER_SECOND
from roomcast.gateway.chat.custom_events import CustomEvents
from roomcast.gateway.sign_in.session import ChatSession
from tests.unit.gateway.fakes import FakeEmitter, FakeVisibility, FakeVoice, refusal, session_of

ROOM = "team"


class Rig:
    """Custom events over fakes. `ada` has joined the room."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sender = FakeEmitter()
        self.voice = FakeVoice()
        self.visibility = FakeVisibility()
        self.events = CustomEvents(self.sender, self.voice, self.visibility, lambda: self.now)
        self.ada = session_of("ada", ROOM)

    async def emit(self, session: ChatSession | None = None, *, as_invisible: bool = False) -> bool:
        payload = RoomEmit(ROOM, "cursor:moved", {"x": 1}, as_invisible)
        return bool((await self.events.emit_to_room(session or self.ada, payload))["sent"])


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_an_event_goes_to_the_room_with_its_sender(rig: Rig) -> None:
    assert await rig.emit()
    data = {"room": ROOM, "event": "cursor:moved", "user": "ada", "data": {"x": 1}}
    assert rig.sender.sent == [(ROOM, "custom", data)]


async def test_a_user_who_has_not_joined_a_room_cannot_send_events_into_it(rig: Rig) -> None:
    assert await refusal(rig.emit(session_of("eve"))) is Code.FORBIDDEN
    assert rig.sender.sent == []


async def test_an_event_of_an_invisible_user_is_dropped_without_the_flag_as_invisible(rig: Rig) -> None:
    rig.visibility.hidden = ("ada",)
    assert not await rig.emit()
    assert rig.sender.sent == []
    assert await rig.emit(as_invisible=True)
    assert len(rig.sender.sent) == 1


async def test_the_events_of_a_muted_user_are_dropped_unless_the_user_is_an_operator(rig: Rig) -> None:
    rig.voice.muted = {"ada", "ops"}
    assert not await rig.emit()
    assert not await rig.emit(as_invisible=True)
    assert await rig.emit(session_of("ops", ROOM, ops=True))
    assert len(rig.sender.sent) == 1


async def test_a_connection_has_a_limit_of_events_per_second(rig: Rig) -> None:
    for _ in range(CUSTOM_EVENTS_BURST):
        await rig.emit()
    with pytest.raises(RoomcastError) as caught:
        await rig.emit()
    assert (caught.value.code, caught.value.retry_after) == (Code.RATE_LIMITED, 1 / CUSTOM_EVENTS_PER_SECOND)
    assert await rig.emit(session_of("ada", ROOM, sid="second device"))

    rig.now += 1
    for _ in range(CUSTOM_EVENTS_PER_SECOND):
        assert await rig.emit()
    assert await refusal(rig.emit()) is Code.RATE_LIMITED


async def test_data_above_its_limits_is_refused_and_does_not_count_as_an_event(rig: Rig) -> None:
    payload = RoomEmit(ROOM, "cursor:moved", {"x": "x" * 4_096})
    assert await refusal(rig.events.emit_to_room(rig.ada, payload)) is Code.TOO_LARGE
    assert rig.ada.custom_events.taken == 0
