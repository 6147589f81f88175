"""`room_append.lua` on a real Redis: the bytes of `contract/vectors/room_packets.json`, and the limits of the log."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from roomcast import contract
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.inbox import summary_keys
from roomcast.contract.keys import room_counts, room_kicked, room_members, room_meta, room_read
from roomcast.contract.log_scripts import EntryForm, PublishReceipt, Retention, place_of, read_receipt
from roomcast.contract.lua import script
from roomcast.contract.room_info import keys_of_closed
from tests.servers import wait_until

SAMPLE: dict[str, Any] = json.loads((Path(contract.__file__).parent / "vectors/room_packets.json").read_text())[
    "packets"
]["message"]


def test_the_script_publishes_the_packet_of_the_test_vector(redis_url: str) -> None:
    message = json.loads(SAMPLE["text"].removeprefix("2"))[1]
    tail = SAMPLE["text"].partition(f'"time":{message["time"]},')[2].removesuffix("]").encode()
    place = place_of(message["room"])
    arguments = EntryForm(SAMPLE["namespace"]).arguments(place, "", SAMPLE["epoch"], "", tail)

    with redis.Redis.from_url(redis_url) as client, client.pubsub() as heard:
        heard.ssubscribe(place.names[4])
        assert heard.get_message(timeout=20) is not None
        row = client.eval(script("room_append").source.decode(), len(place.names), *place.names, *arguments)
        published = heard.get_sharded_message(timeout=20)

    receipt = read_receipt(row)
    assert (receipt.seq, receipt.epoch, receipt.duplicate) == (SAMPLE["seq"], SAMPLE["epoch"], False)
    assert published is not None
    at_the_samples_time = re.sub(rb'(?<="time":)%d' % receipt.time, b"%d" % message["time"], published["data"])
    assert at_the_samples_time.hex() == SAMPLE["hex"]


class Room:
    """A room with its own log limits, whose messages the test appends by running the script."""

    def __init__(self, client: redis.Redis, **bounds: float) -> None:
        self.client = client
        self.place = place_of("public:bounds")
        self._form = EntryForm("/", Retention(**bounds))  # type: ignore[arg-type]

    def append(self, message_id: str = "", run_id: str = "run") -> PublishReceipt:
        arguments = self._form.arguments(self.place, message_id, secrets.token_hex(8), run_id, b'"text":"x"}')
        row = self.client.eval(
            script("room_append").source.decode(), len(self.place.names), *self.place.names, *arguments
        )
        return read_receipt(row)

    def kept(self) -> list[int]:
        return sorted(int(seq) for seq in self.client.hkeys(self.place.names[0]))

    def meta(self, field: str) -> str | None:
        value = self.client.hget(self.place.names[1], field)
        return value.decode() if isinstance(value, bytes) else value

    def life_ms(self, part: int) -> int:
        return int(self.client.pttl(self.place.names[part]))


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as made:
        yield made


def test_a_room_keeps_only_the_configured_number_of_messages(client: redis.Redis) -> None:
    room = Room(client, messages=3)
    for _ in range(7):
        room.append()
    assert room.kept() == [5, 6, 7]
    assert room.meta("first") == "5"


def test_each_append_drops_at_most_eight_messages_over_the_age_limit(client: redis.Redis) -> None:
    room = Room(client, age_seconds=0.25)
    for _ in range(12):
        last = room.append()
    now = last.time
    wait_until(lambda: _now_ms(client) > now + 250, "the messages are over the age limit")
    room.append()
    assert room.kept() == list(range(9, 14))
    room.append()
    assert room.kept()[-2:] == [13, 14]
    assert all(seq > 12 for seq in room.kept())
    assert room.meta("first") == str(room.kept()[0])


def test_after_a_trim_by_number_a_higher_limit_keeps_all_remaining_messages(client: redis.Redis) -> None:
    room = Room(client, messages=2, age_seconds=3600)
    for _ in range(5):
        room.append()
    assert room.kept() == [4, 5]
    assert Room(client, messages=100, age_seconds=3600).append().seq == 6
    assert room.kept() == [4, 5, 6]


def test_a_deleted_log_continues_with_the_next_seq(client: redis.Redis) -> None:
    room = Room(client)
    before = room.append()
    client.delete(room.place.names[0])
    after = room.append()
    assert (after.seq, after.epoch) == (2, before.epoch)
    assert (room.kept(), room.meta("first")) == ([2], "2")
    assert room.life_ms(0) > 0


def test_a_new_redis_process_opens_a_new_epoch_and_continues_the_seq(client: redis.Redis) -> None:
    room = Room(client)
    first, other = room.append("a"), room.append("b", run_id="another")
    assert (other.seq, other.epoch != first.epoch) == (2, True)
    assert room.append("c", run_id="another").epoch == other.epoch
    assert room.append("a", run_id="a third") == first._replace(duplicate=True)


def test_a_message_id_is_kept_for_one_rotation_of_the_id_sets_and_then_expires(client: redis.Redis) -> None:
    """A room has two sets of message ids. A rotation drops the older set, and the newer set becomes the older set."""
    room = Room(client, ids=2)
    first = [room.append(name) for name in ("a", "b")]
    assert room.append("c").seq == 3  # "a" and "b" are in the older set now
    assert [room.append(name) for name in ("a", "b")] == [receipt._replace(duplicate=True) for receipt in first]
    assert room.append("d").seq == 4
    assert room.append("e").seq == 5  # the sets rotate again: "c" and "d" are in the older set
    assert room.append("c").duplicate
    again = room.append("a")
    assert (again.seq, again.duplicate) == (6, False)
    assert min(room.life_ms(2), room.life_ms(3)) > 0


def test_the_id_sets_rotate_with_time_and_a_repeat_during_the_rotation_is_a_duplicate(client: redis.Redis) -> None:
    room = Room(client, id_seconds=1.5)
    first = room.append("a")
    wait_until(lambda: _now_ms(client) > first.time + 1500, "the id sets are due to rotate")
    assert room.append("a") == first._replace(duplicate=True)
    assert room.append("b").seq == 2
    assert client.hkeys(room.place.names[2]) == [b"b"]
    assert client.hkeys(room.place.names[3]) == [b"a"]


def test_the_meta_key_expires_after_the_log_and_never_while_the_room_is_stored(client: redis.Redis) -> None:
    room = Room(client, idle_seconds=100)
    room.append()
    assert 0 < room.life_ms(0) <= 100_000 < room.life_ms(1) <= 300_000
    client.hset(room.place.names[1], mapping={"kind": "public", "kept_at": 1})
    client.persist(room.place.names[1])
    room.append()
    assert room.life_ms(1) == -1
    client.hdel(room.place.names[1], "kind")
    room.append()
    assert room.life_ms(1) > 100_000


@pytest.mark.parametrize(
    ("room", "is_created_again", "is_kept"),
    [
        ("team:closed", False, False),
        ("team:closed", True, True),
        ("public:closed", False, True),
        ("dm:a:b", False, True),
    ],
)
def test_a_message_after_the_close_of_its_room_is_kept_only_if_the_room_exists_again(
    client: redis.Redis, room: str, is_created_again: bool, is_kept: bool
) -> None:
    """Public and direct rooms exist without being created, so a message after the close begins a new room."""
    place, created = place_of(room), (room_meta(room), room_members(room), room_counts(room))

    def append() -> PublishReceipt:
        arguments = EntryForm("/").arguments(place, "bob:1", secrets.token_hex(8), "run", b'"id":"1","kind":"text"}')
        return read_receipt(_run(client, "room_append", place.names, *arguments))

    _run(client, "room_create", created, "ada", "public", "", "", "")
    append()
    _run(client, "room_close", keys_of_closed(room), 86_400, "ada")
    if is_created_again:
        _run(client, "room_create", created, "ada", "public", "", "unused", 60)
    if is_kept:
        assert (append().seq, append().duplicate) == (1, True)
        return
    with pytest.raises(RoomcastError) as caught:
        append()
    assert caught.value.code is Code.CONFLICT
    assert set(client.keys(f"room:{{{room}}}:*")) == {room_kicked(room).encode()}
    client.hset(room_kicked(room), "*", _now_ms(client) - 6_000)
    assert append().seq == 1, "later, a user whose token names the room may use it without creating it"


def test_each_new_kick_removes_some_expired_kick_records(client: redis.Redis) -> None:
    kicked = room_kicked("public:busy")
    client.hset(kicked, mapping={f"old{n}": 1_000 for n in range(300)})
    for n in range(200):
        _run(client, "room_kick", (kicked,), f"new{n}", 86_400)
    left: list[Any] = client.hkeys(kicked)
    assert len([user for user in left if user.startswith(b"new")]) == 200
    assert len(left) < 350  # each kick examines three random records


def test_a_read_mark_in_the_middle_of_a_long_log_reads_a_bounded_part_of_the_log(client: redis.Redis) -> None:
    room = "public:long"
    place, meta = place_of(room), room_meta(room)
    names = (meta, room_read(room), place.names[0], room_counts(room))
    client.hset(meta, mapping={"seq": 2_600, "first": 1, "others": 1_300, "epoch": "e" * 16, "run": ""})
    entries: dict[Any, str] = {
        n: f',"user":"ada","name":"Ada","kind":"{("reaction", "text")[n % 2]}"' for n in range(1, 2_601)
    }
    client.hset(place.names[0], mapping=entries)
    client.hset(room_counts(room), "ada", 1_300)

    def unread_after(seq: int) -> tuple[int, int]:
        """Move Bob's read mark; return his number of unread messages, and the number of commands that read the log."""
        client.config_resetstat()
        assert _run(client, "room_read_mark", names, "bob", seq) == seq
        reads = client.info("commandstats")["cmdstat_hmget"]["calls"]
        return _run(client, "room_summary", summary_keys(room), "", "bob")[9], reads

    assert unread_after(1_300) == (500 + 300, 22), "a thousand entries are read, and the other entries count as unread"
    assert unread_after(2_000) == (300, 14), "all later entries are read"
    assert unread_after(2_600) == (0, 2)


def _run(client: redis.Redis, name: str, names: Sequence[str], *arguments: Any) -> Any:
    return client.eval(script(name).source.decode(), len(names), *names, *arguments)


def _now_ms(client: redis.Redis) -> int:
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
