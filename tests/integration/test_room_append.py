"""`room_append.lua` on a real Redis publishes the very bytes that `contract/vectors/room_packets.json` holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import redis

from contract import envelope
from contract.log_entry import EntryForm, place_of, read_receipt
from contract.lua import script

SAMPLE: dict[str, Any] = json.loads((Path(envelope.__file__).parent / "vectors/room_packets.json").read_text())[
    "packets"
]["message"]


def test_the_script_publishes_the_golden_packet(redis_url: str) -> None:
    message = json.loads(SAMPLE["text"].removeprefix("2"))[1]
    tail = SAMPLE["text"].partition(f'"time":{message["time"]},')[2].removesuffix("]").encode()
    place = place_of(message["room"])
    arguments = EntryForm(SAMPLE["namespace"]).arguments(place, "", SAMPLE["epoch"], "", tail)

    with redis.Redis.from_url(redis_url) as client, client.pubsub() as heard:
        heard.ssubscribe(place.names[-1])
        assert heard.get_message(timeout=5) is not None
        row = client.eval(script("room_append").source, len(place.names), *place.names, *arguments)
        published = heard.get_sharded_message(timeout=5)

    receipt = read_receipt(row)
    assert (receipt.seq, receipt.epoch, receipt.duplicate) == (SAMPLE["seq"], SAMPLE["epoch"], False)
    assert published is not None
    at_the_samples_time = re.sub(rb'(?<="time":)%d' % receipt.time, b"%d" % message["time"], published["data"])
    assert at_the_samples_time.hex() == SAMPLE["hex"]
