"""Pickled values over a stream socket between two processes of one program, each behind its length."""

import pickle
import struct
from collections.abc import Iterator
from typing import Any

_LENGTH = struct.Struct("!I")


def frame(value: Any) -> bytes:
    """A value as bytes for the other side."""
    text = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(text)) + text


class Frames:
    """Values out of the bytes that arrive, in whatever pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """The values that are complete with these bytes."""
        self._buffer += data
        start = 0
        while len(self._buffer) >= (begin := start + _LENGTH.size):
            end = begin + _LENGTH.unpack_from(self._buffer, start)[0]
            if len(self._buffer) < end:
                break
            value = pickle.loads(memoryview(self._buffer)[begin:end])  # noqa: S301 - from our own other half
            start = end
            yield value
        del self._buffer[:start]
