"""Socket.IO packets, read strictly and fast: a packet class for python-socketio (`serializer=StrictPacket`).

Source: the Socket.IO protocol, revision 5. This class refuses packets that the stock class accepts, in two ways:

- For packets that no correct client sends, decoding raises ValueError, after which the server closes the session. Such
  packets are: text that is not JSON, payloads of the wrong form, reserved event names, more than ten attachments.
- For packets that a correct client can send, decoding returns a packet with a `fault`, which the server answers. Such
  packets are: NaN or Infinity, numbers beyond a double, nesting beyond `MAX_DEPTH`, a name or auth of the wrong type,
  placeholders without an attachment, too many bytes. Only an event with an ack id, or a CONNECT, can be answered. Any
  other packet with a fault raises ValueError.
"""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any, Final, NamedTuple

import orjson

from roomcast.engineio.websocket.kernels import json_depth
from socketio import packet as stock

MAX_ATTACHMENTS: Final = 10
MAX_DEPTH: Final = 64
RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

_FORM: Final = re.compile(
    r"([0-6])"  # type
    r"(?:([0-9]{1,10})-)?"  # number of attachments
    r"(?:(/[^,]*)(?:,|\Z))?"  # namespace, with a query that is ignored
    r"([0-9]{1,16})?"  # id of the ack
    r"(.*)",  # JSON
    re.DOTALL,
)
_NO_DOUBLE: Final = "infinity"
"""The text by which orjson's error message for a number beyond the range of a double is recognized."""
_NO_JSON_NUMBER: Final = re.compile(r"NaN|-?Infinity")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_ODD_CHARACTERS: Final = 16_384
"""The most characters of a text for the slower parser, which takes a millisecond at most for this length."""
_BINARY_TYPES: Final = (stock.BINARY_EVENT, stock.BINARY_ACK)
_EVENT_TYPES: Final = (stock.EVENT, stock.BINARY_EVENT)
_ACK_TYPES: Final = (stock.ACK, stock.BINARY_ACK)


class Fault(NamedTuple):
    """The fault of an event or CONNECT that can be answered. `detail` contains no text from the client."""

    detail: str
    is_too_large: bool = False


TOO_LARGE: Final = Fault("the packet is too large", is_too_large=True)


class Unusable(ValueError):
    """A payload that a correct client can send as JSON, but that this server does not accept."""


class OrjsonModule:
    """orjson with the interface of the standard `json` module, as far as python-socketio uses it."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Return compact JSON. NaN and Infinity become null. Raise TypeError for a value that JSON cannot represent."""
        try:
            return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
        except orjson.JSONEncodeError:
            # orjson cannot write integers beyond 64 bits.
            return json.dumps(value, separators=(",", ":"), allow_nan=False)

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        """Return the value in `text`; raise ValueError, also for NaN and Infinity."""
        return orjson.loads(text)


class StrictPacket(stock.Packet):  # type: ignore[misc]
    """A Socket.IO packet. Decoding raises ValueError for a packet that a client must not send."""

    json = OrjsonModule
    packet_type: int
    namespace: str | None
    id: int | None
    data: Any
    attachments: list[bytes]
    attachment_count: int
    fault: Fault | None = None
    """The reason why the packet must not be handled, or None. With a fault, `data` is None."""
    _json: bytes | None = None

    def __init__(
        self,
        packet_type: int = stock.EVENT,
        data: Any = None,
        namespace: str | None = None,
        id: int | None = None,  # noqa: A002 (python-socketio's name)
        binary: bool | None = None,
        encoded_packet: str | None = None,
    ) -> None:
        if encoded_packet is None and (binary is not None or not self._write(data)):
            super().__init__(packet_type, data, namespace, id, binary)
            return
        self.packet_type = packet_type
        self.data = data
        self.namespace = namespace
        self.id = id
        self.attachments = []
        self.attachment_count = 0 if encoded_packet is None else self.decode(encoded_packet)

    def _write(self, data: Any) -> bool:
        """Write `data` as JSON. Return False if it contains bytes or another value that orjson does not support."""
        try:
            self._json = orjson.dumps(data) if data is not None else b""
        except TypeError:
            return False
        return True

    def encode(self) -> str | list[str | bytes]:
        """Return the packet as text; with attachments, return a list of the text and the attachments."""
        if self._json is None:
            encoded: str | list[str | bytes] = super().encode()
            return encoded
        return f"{self._head()}{self._json.decode()}"

    def parts(self) -> tuple[bytes, list[bytes]]:
        """Return the packet as bytes: the text, and the attachments."""
        return in_parts(super().encode()) if self._json is None else (self._head().encode() + self._json, [])

    def _head(self) -> str:
        """Return the part before the JSON."""
        namespace = f"{self.namespace}," if self.namespace and self.namespace != "/" else ""
        return f"{self.packet_type}{namespace}{'' if self.id is None else self.id}"

    def decode(self, encoded_packet: str) -> int:
        """Read a text packet. Return the number of attachments that must follow."""
        count, text = self._take_head(encoded_packet)
        try:
            self.data = _parse(text) if text else None
            self._check()
        except Unusable as error:
            self.refuse(Fault(str(error)))
        return self._attachments(count)

    def _take_head(self, encoded_packet: str) -> tuple[str | None, str]:
        """Read the part before the JSON; return the number of attachments, and the JSON."""
        match = _FORM.fullmatch(encoded_packet)
        if match is None:
            raise ValueError("not a Socket.IO packet")
        kind, count, namespace, ack, text = match.groups()
        self.packet_type = int(kind)
        self.namespace = namespace.partition("?")[0] if namespace else None
        self.id = int(ack) if ack else None
        return count, text

    @classmethod
    def oversized(cls, head: str) -> StrictPacket:
        """Return the packet that begins with `head`, with the fault TOO_LARGE. Raise ValueError if it has no answer."""
        packet = cls()
        count, _ = packet._take_head(head)
        packet.attachment_count = packet._attachments(count)
        packet.refuse(TOO_LARGE)
        return packet

    def refuse(self, fault: Fault) -> None:
        """Set the fault, and drop the data and attachments. Raise ValueError if the packet cannot be answered."""
        is_answerable = self.packet_type in _EVENT_TYPES and self.id is not None
        if not is_answerable and self.packet_type != stock.CONNECT:
            raise ValueError(fault.detail)
        self.fault, self.data = fault, None
        self.attachments = [b""] * len(self.attachments)

    def add_attachment(self, attachment: bytes) -> bool:
        """Add an attachment. Return True when all have arrived. A packet with a fault keeps no attachment."""
        if self.fault is not None:
            self.attachments.append(b"")
            return len(self.attachments) == self.attachment_count
        try:
            return bool(super().add_attachment(attachment))
        except Unusable as error:
            self.refuse(Fault(str(error)))
            return True  # the stock class raises this at the last attachment

    def _attachments(self, count: str | None) -> int:
        if (count is not None) != (self.packet_type in _BINARY_TYPES):
            raise ValueError("attachments belong to binary packets")
        number = int(count or 0)
        if number > MAX_ATTACHMENTS:
            raise ValueError("too many attachments")
        return number

    def _check(self) -> None:
        """Check that the payload has the form of its type."""
        kind, data = self.packet_type, self.data
        if kind in _EVENT_TYPES:
            if not isinstance(data, list) or (data and isinstance(data[0], str) and data[0] in RESERVED_EVENTS):
                raise ValueError("not an event")
            if not data or not isinstance(data[0], str):
                raise Unusable("an event must have a name")
        elif kind in _ACK_TYPES:
            if not isinstance(data, list) or self.id is None:
                raise ValueError("not an ack")
        elif kind == stock.CONNECT:
            if data is not None and not isinstance(data, dict):
                raise Unusable("the auth of a CONNECT must be an object")
        elif kind != stock.DISCONNECT or data is not None:
            raise ValueError("a client does not send this type of packet")

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        """Return `data` with its placeholders replaced; each attachment is used at most once."""
        left = dict(enumerate(attachments))
        return _fill(data, left)


def in_parts(encoded: str | list[Any]) -> tuple[bytes, list[bytes]]:
    """Return the result of a packet's `encode` as bytes: the text, and the attachments."""
    if isinstance(encoded, str):
        return encoded.encode(), []
    return encoded[0].encode(), [bytes(part) for part in encoded[1:]]


def _parse(text: str) -> Any:
    if text.count("[") + text.count("{") > MAX_DEPTH and json_depth(text.encode()) > MAX_DEPTH:
        raise Unusable("nested too deeply")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _parse_odd(text, error)


def _parse_odd(text: str, error: orjson.JSONDecodeError) -> Any:
    """Return the value in a JSON text with half a surrogate pair. orjson refuses it, but a handler can answer it.

    Raise Unusable for values such as NaN, and `error` for text that is not JSON. The position of the error tells these
    cases apart, because a second parser would take ten times as long.
    """
    if _NO_DOUBLE in error.msg or _NO_JSON_NUMBER.match(text, error.pos):
        raise Unusable("a number beyond the range of a double, NaN or Infinity") from None
    if _SURROGATE.match(text, error.pos) is None:
        raise error
    if len(text) > _MAX_ODD_CHARACTERS:
        raise Unusable("half a surrogate pair") from None
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> Any:
    raise Unusable(f"{name} is not JSON")


def _finite(text: str) -> float:
    """Return the number. Raise Unusable if it is infinite as a double, because orjson refuses such a number, too."""
    number = float(text)
    if isinf(number):
        raise Unusable("a number beyond the range of a double")
    return number


def _fill(data: Any, left: dict[int, bytes]) -> Any:
    if isinstance(data, list):
        return [_fill(item, left) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("_placeholder") is not True:
        return {key: _fill(value, left) for key, value in data.items()}
    number = data.get("num")
    if not isinstance(number, int) or isinstance(number, bool) or number not in left:
        raise Unusable("a placeholder without its attachment")
    return left.pop(number)
