"""Only processes with a cluster key can seal messages. No message is refused while the key is replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.wire.seals import BODY_OFFSET, UNSEALED, ForgedError, Seals, keys_in

OLD, NEW = "old key of the tests: 32 bytes or more", "new key of the tests: 32 bytes or more"
CHANNEL = "node:{1}"


@given(st.binary(max_size=200))
def test_a_sealed_message_is_opened(envelope: bytes) -> None:
    seals = Seals([OLD])
    sealed = seals.seal(CHANNEL, envelope)
    assert seals.open(CHANNEL.encode(), sealed) == (envelope, True)
    assert len(sealed) == BODY_OFFSET + len(envelope)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_message_with_a_changed_byte_is_forged(envelope: bytes, data: st.DataObject) -> None:
    seals = Seals([OLD])
    sealed = bytearray(seals.seal(CHANNEL, envelope))
    sealed[data.draw(st.integers(1, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ForgedError):
        seals.open(CHANNEL.encode(), bytes(sealed))


@pytest.mark.parametrize("channel", [b"node:{2}", b"node:{1", b"shop:node:{1}", b""])
def test_a_seal_is_valid_for_one_channel(channel: bytes) -> None:
    seals = Seals([OLD])
    with pytest.raises(ForgedError):
        seals.open(channel, seals.seal(CHANNEL, b"\1data"))


@pytest.mark.parametrize("data", [b"\2", b"\2short", b"\2" + bytes(16), b"\2" + bytes(40)])
def test_a_message_with_a_wrong_seal_is_forged(data: bytes) -> None:
    with pytest.raises(ForgedError):
        Seals([OLD]).open(CHANNEL.encode(), data)


@pytest.mark.parametrize(
    ("sender", "receiver", "is_accepted"),
    [
        ([OLD], [OLD, NEW], True),
        ([OLD], [NEW, OLD], True),
        ([NEW, OLD], [OLD, NEW], True),
        ([NEW], [OLD], False),
        ([], ["none", NEW], True),
        (["none", NEW], [], True),
        (["none", NEW], [NEW, "none"], True),
        ([NEW, "none"], [], True),
        ([NEW, "none"], ["none", NEW], True),
        ([NEW], [NEW, "none"], True),
        ([], [NEW], False),
        (["none", NEW], [NEW], False),
    ],
)
def test_processes_in_adjacent_steps_of_a_key_rotation_accept_each_others_messages(
    sender: list[str], receiver: list[str], is_accepted: bool
) -> None:
    """Check a node message, and a message that a script publishes."""
    there, here = Seals(sender), Seals(receiver)
    try:
        _, is_sealed = here.open(CHANNEL.encode(), there.seal(CHANNEL, b"\1data"))
    except ForgedError:
        assert not is_accepted
    else:
        assert (is_sealed or not here.requires_seal) == is_accepted
    assert (here.is_publisher(there.publisher_token) or not here.requires_seal) == is_accepted


def test_without_keys_every_message_is_accepted() -> None:
    assert UNSEALED.seal(CHANNEL, b"\1data") == b"\1data"
    assert UNSEALED.open(CHANNEL.encode(), b"\1data") == (b"\1data", False)
    assert UNSEALED.open(CHANNEL.encode(), Seals([OLD]).seal(CHANNEL, b"\1data")) == (b"\1data", False)
    assert not UNSEALED.requires_seal
    assert UNSEALED.publisher_token == ()


def test_a_publisher_token_depends_on_the_key_and_must_match_exactly() -> None:
    (token,) = Seals([OLD]).publisher_token
    assert token.isascii()
    assert "," not in token
    assert not token.startswith("=")
    assert Seals([NEW]).publisher_token != (token,)
    assert not Seals([OLD]).is_publisher((token[:-1] + ("0" if token[-1] != "0" else "1"),))
    assert not Seals([OLD]).is_publisher((token, token))
    assert not Seals([OLD]).is_publisher(())


@pytest.mark.parametrize(
    ("value", "keys"), [("", ()), (f" {OLD} ", (OLD,)), (f"{NEW},{OLD}", (NEW, OLD)), (f"none\n{NEW}", ("none", NEW))]
)
def test_a_setting_may_hold_several_keys(value: str, keys: tuple[str, ...]) -> None:
    assert keys_in(value) == keys


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        keys_in(f"{'k' * 32},short")
