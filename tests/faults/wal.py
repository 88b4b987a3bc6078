"""SQLite's write-ahead log as bytes: where its transactions end.

Source: "The WAL File Format" in SQLite's "Database File Format".
"""

import struct
from pathlib import Path

HEADER = 32
FRAME_HEADER = 24


def commits(path: Path) -> list[int]:
    """Offsets at which a transaction of the log's present generation ends, in their order."""
    data = path.read_bytes()
    if len(data) < HEADER:
        return []
    (page_size,) = struct.unpack_from(">I", data, 8)
    salts = data[16:24]
    ends: list[int] = []
    frame = FRAME_HEADER + page_size
    for start in range(HEADER, len(data) - frame + 1, frame):
        pages_after_commit = struct.unpack_from(">I", data, start + 4)[0]
        if data[start + 8 : start + 16] != salts:
            break
        if pages_after_commit:
            ends.append(start + frame)
    return ends


def generation(path: Path) -> bytes:
    """What tells one generation of the log from the next, which begins at its start again."""
    return path.read_bytes()[8:24]
