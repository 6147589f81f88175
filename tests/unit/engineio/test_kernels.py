"""The kernels exist in Python and in C. Both forms must return the same, correct results."""

from __future__ import annotations

import importlib.util
import socket
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.engineio.websocket import kernels as chosen
from roomcast.engineio.websocket.rfc6455 import BINARY, TEXT, frame
from roomcast.hotpath import build, module_loader, sources
from roomcast.hotpath.config import WANTED
from tests.websocket_frames import masked

NAME = chosen.__name__


def plain() -> Any:
    """Return the Python form of the module, even if the process runs the compiled form."""
    source = sources.find(NAME)
    assert source is not None
    spec = importlib.util.spec_from_file_location(NAME, source.pxd.with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = plain() if module_loader.is_compiled(NAME) else chosen


@pytest.fixture(params=["python", "chosen"])
def kernels(request: pytest.FixtureRequest) -> Any:
    return PLAIN if request.param == "python" else chosen


def test_the_compiled_form_is_tested_if_it_can_be_built() -> None:
    if WANTED == "python":
        pytest.skip("the plain form is wanted")
    if not module_loader.is_compiled(NAME):
        pytest.skip(build.missing() or pytest.fail("make compile"))
    assert PLAIN is not chosen


@pytest.mark.parametrize("size", [0, 1, 4, 5, 125, 126, 127, 65_535])
def test_whole_text_returns_the_payload_of_a_text_frame(kernels: Any, size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    assert kernels.whole_text(masked(TEXT, payload)) == payload


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x81\x80\x00\x00\x00",
        masked(TEXT, b"x")[:-1],
        masked(TEXT, b"x") + b"y",
        masked(BINARY, b"x"),
        masked(TEXT, b"x", fin=False),
        masked(TEXT, b"x", reserved=0x40),
        frame(TEXT, b"unmasked"),
        b"\x81\xfe\x00\x01" + bytes(4) + b"x",
        masked(TEXT, bytes(65_536)),
    ],
)
def test_whole_text_returns_none_for_all_other_bytes(kernels: Any, data: bytes) -> None:
    assert kernels.whole_text(data) is None


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 65_533, 65_534, 65_535, 70_000])
@pytest.mark.parametrize("start", [0, 3])
def test_text_frame_and_the_general_encoder_make_equal_frames(kernels: Any, size: int, start: int) -> None:
    packet = b"x" * size
    assert kernels.text_frame(b"h" * start + packet, start) == frame(TEXT, b"4" + packet)


@given(st.binary(max_size=300))
def test_both_forms_of_whole_text_return_the_same(data: bytes) -> None:
    assert PLAIN.whole_text(data) == chosen.whole_text(data)
    whole = b"\x81" + bytes((0x80 | min(len(data), 125),)) + data[:129]
    assert PLAIN.whole_text(whole) == chosen.whole_text(whole)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_both_forms_of_unmask_return_the_same(data: bytes, mask: bytes) -> None:
    one, other = bytearray(data), bytearray(data)
    PLAIN.unmask(mask, one)
    chosen.unmask(mask, other)
    assert one == other
    chosen.unmask(mask, other)
    assert bytes(other) == data


def test_send_now_returns_the_number_of_bytes_that_the_socket_accepted(kernels: Any) -> None:
    """The Python form writes no bytes: its caller writes through the transport."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        taken = kernels.send_now(ours.fileno(), b"abc")
        theirs.setblocking(False)
        if taken:
            assert (taken, theirs.recv(10)) == (3, b"abc")
        else:
            assert kernels is PLAIN
    assert kernels.send_now(chosen.NO_SOCKET, b"abc") == 0


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"", 0),
        (b"1", 0),
        (b"[]", 1),
        (b'[{"a":[1]},[]]', 3),
        (b'["[[[[", "]]"]', 1),
        (b'["\\"[[", {"\\\\":[]}]', 3),
        (b"[" * 500 + b"]" * 500, 500),
        (b"[[]]" * 500, 2),
        (b"]]][[[", 0),
        (b'[""]' * 300 + b"[[[[[[[[[" + b'"\\\\",' * 300, 9),
        (b"[" * 70 + b"]" * 5 + b"[" * 4 + b"][" * 900 + b"]" * 69, 70),
    ],
)
def test_json_depth_counts_brackets_outside_of_strings(kernels: Any, text: bytes, depth: int) -> None:
    assert kernels.json_depth(text) == depth


_strings = st.sampled_from([b'"a"', b'"["', b'"]]"', b'"\\""', b'"\\\\"', b'"[\\"{"'])
_brackets = st.sampled_from([b"[", b"]", b"{", b"}", b"1", b",", b"[" * 4, b"]" * 5, b"{" * 9, b"][" * 3])


@given(st.lists(st.one_of(_strings, _brackets), max_size=40).map(b"".join))
def test_both_forms_of_json_depth_return_the_same(text: bytes) -> None:
    assert PLAIN.json_depth(text) == chosen.json_depth(text)
