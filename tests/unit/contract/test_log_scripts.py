"""The keys and arguments of `room_append.lua`, compared with the header of the script."""

from __future__ import annotations

import re

import pytest

from roomcast.contract.log_scripts import (
    EntryForm,
    PublishReceipt,
    Retention,
    StaleRewriteError,
    dedup_field,
    place_of,
    read_receipt,
)
from roomcast.contract.lua import script

RETENTION = Retention(messages=7, age_seconds=2, idle_seconds=3, id_seconds=4, ids=5)


def test_the_keys_match_the_header_of_the_script() -> None:
    listed = re.findall(r"^-- KEYS\[(\d)\] (\S+)", script("room_append").source.decode(), re.MULTILINE)
    names = place_of("team:x").names
    assert [name.replace("{team:x}", "{R}") for name in names] == [name for _, name in listed]


def test_the_arguments_have_the_order_that_the_script_expects() -> None:
    form = EntryForm(retention=RETENTION)
    place = place_of("team:x")
    args = form.arguments(place, dedup_field("ada", "1"), "e" * 16, "run", b'"id":"1"}', [(3, b"old", b"new", b"}")])
    assert args[:3] == ('{"room":"team:x","seq":', "run", b'\x01\x00\x00/2["message",')
    assert args[3:8] == ("7", "2000", "3000", "4000", "5")
    assert args[8:11] == ("e" * 16, "ada:1", b'"id":"1"}')
    assert args[11:] == (3, b"old", b"new", b"}")


def test_the_packet_head_contains_the_namespace() -> None:
    assert EntryForm("/admin").packet_head == '2/admin,["message",'


def test_read_receipt_parses_each_reply_of_the_script() -> None:
    assert read_receipt([0, 5, 1700, b"epoch"]) == PublishReceipt(5, 1700, "epoch", duplicate=False)
    assert read_receipt([1, 5, 1700, b"epoch"]) == PublishReceipt(5, 1700, "epoch", duplicate=True)
    with pytest.raises(StaleRewriteError):
        read_receipt([2])
