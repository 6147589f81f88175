"""The timer wheel returns items at their due time, rounded up to a tick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomcast.engineio.timer_wheel import Wheel


def test_pop_due_returns_exactly_the_due_items() -> None:
    wheel: Wheel[str] = Wheel(0.1)
    late, soon = wheel.add("late", 5.0), wheel.add("soon", 0.25)
    assert wheel.next_due() == soon * 0.1
    assert wheel.pop_due(0.2, 10) == []
    assert wheel.pop_due(0.31, 10) == [(soon, "soon")]
    assert wheel.pop_due(10, 10) == [(late, "late")]
    assert wheel.next_due() is None


def test_many_due_items_are_returned_in_portions() -> None:
    wheel: Wheel[int] = Wheel(0.1)
    for number in range(1000):
        wheel.add(number, 1.0)
    portions = [wheel.pop_due(2, 300) for _ in range(5)]
    assert [len(portion) for portion in portions] == [300, 300, 300, 100, 0]
    assert {number for portion in portions for _, number in portion} == set(range(1000))


@given(st.lists(st.floats(0, 100), max_size=50), st.lists(st.floats(0, 120), max_size=10))
def test_each_item_is_returned_once_and_at_most_one_tick_late(dues: list[float], moments: list[float]) -> None:
    wheel: Wheel[int] = Wheel(0.5)
    for index, due in enumerate(dues):
        wheel.add(index, due)
    seen: list[int] = []
    for now in [*sorted(moments), 200.0]:
        for _, index in wheel.pop_due(now, 1000):
            assert dues[index] <= now + 1e-9
            seen.append(index)
        assert all(index in seen for index, due in enumerate(dues) if due <= now - 0.5)
    assert sorted(seen) == list(range(len(dues)))
    assert len(wheel) == 0
