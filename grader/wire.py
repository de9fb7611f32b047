"""Messages between the supervisor and its workers: JSON objects and raw bytes, with bounds. Nothing is ever unpickled.

A frame is two lengths (header, body; four bytes each), a JSON object, and a body of raw bytes.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HEADER_LIMIT = 1 << 20
BODY_LIMIT = 64 << 20
TOTAL_LIMIT = 256 << 20
COUNT_LIMIT = 20_000  # messages of one worker
TEXT_LIMIT = 20_000
_LENGTHS = struct.Struct(">II")

Message = dict[str, Any]
HEARD_ALL: Message = {"event": "heard all"}  # to the trusted worker: no answer of the submission follows


class ProtocolError(Exception):
    """What came through the pipe is no frame, or too much of it."""


def told(text: Callable[..., str], *arguments: object) -> str:
    """What an object of the submission says of itself, in a bound. Its `__str__` may raise."""
    try:
        return text(*arguments)[:TEXT_LIMIT]
    except Exception as why:
        return f"<no text: {type(why).__name__}>"


def frame(message: Message, body: bytes = b"") -> bytes:
    header = json.dumps(message).encode()
    return _LENGTHS.pack(len(header), len(body)) + header + body


@dataclass
class Frames:
    """Cuts a stream of bytes, which may be anything, into frames."""

    waiting: bytearray = field(default_factory=bytearray)
    total: int = 0
    count: int = 0

    def feed(self, data: bytes) -> list[tuple[Message, bytes]]:
        """The frames that `data` completes. Raises ProtocolError."""
        self.waiting += data
        self.total += len(data)
        if self.total > TOTAL_LIMIT:
            raise ProtocolError("more than 256 MB of replies")
        found = []
        while len(self.waiting) >= _LENGTHS.size:
            header, body = _LENGTHS.unpack_from(self.waiting)
            if header > HEADER_LIMIT or body > BODY_LIMIT:
                raise ProtocolError("a reply longer than its bound")
            end = _LENGTHS.size + header + body
            if len(self.waiting) < end:
                break
            found.append((_object(self.waiting[_LENGTHS.size : end - body]), bytes(self.waiting[end - body : end])))
            del self.waiting[:end]
        self.count += len(found)
        if self.count > COUNT_LIMIT:
            raise ProtocolError(f"more than {COUNT_LIMIT} messages")
        return found


def _object(data: bytearray) -> Message:
    try:
        message = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise ProtocolError("a reply that is no JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("a reply that is no JSON object")
    return message
