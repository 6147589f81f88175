"""Message texts that contain their send time and slot."""

from __future__ import annotations

from loadtest.bench import stamps
from loadtest.bench.workloads import TEXT_BYTES


def test_time_and_slot_are_read_from_a_stamp_within_a_packet() -> None:
    packet = b'42["message",{"text":"' + stamps.stamp(1_234_567_890, stamps.slot_name(42)).encode() + b'"}]'
    at = packet.find(stamps.MARK)
    assert int(packet[at + stamps.TIME_AT : at + stamps.TIME_END]) == 1_234_567_890
    assert packet[at + stamps.SLOT_AT : at + stamps.SLOT_END] == b"000042"


def test_a_stamp_has_the_text_size_of_the_workload() -> None:
    assert len(stamps.stamp(1, stamps.PACED_SLOT)) == TEXT_BYTES
