"""Durations, rates and sizes as people write them: `30s`, `20/s`, `1MiB`."""

import json
import math
import re

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 36500 * 86400.0
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*(s|m|h|d)")
_SIZE = re.compile(r"([0-9]+)\s*(B|KiB|MiB|GiB|kB|MB|GB)?")
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_duration(value: object) -> float:
    """Seconds in a duration such as `30s`, `1h30m` or `250ms`. Raises ValueError."""
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(
            f'{_shown(value)} is not a duration: write a number and ms, s, m, h or d in quotes, like "30s"'
        )
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST:
        raise ValueError(f"{_shown(value)} is longer than a hundred years")
    return seconds


def parse_rate(value: object) -> float:
    """Events a second in a rate such as `20/s` or `100/m`. Raises ValueError."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match and 0 < float(match[1]) < math.inf:
        return float(match[1]) / _SECONDS[match[2]]
    raise ValueError(
        f'{_shown(value)} is not a rate: write a number above 0 and /s, /m, /h or /d in quotes, like "20/s"'
    )


def parse_size(value: object) -> int:
    """Bytes in a size such as `1MiB` or a whole number. Raises ValueError."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match:
        return int(match[1]) * _BYTES[match[2] or "B"]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(
        f'{_shown(value)} is not a size: write bytes, or a number with KiB, MiB or GiB in quotes, like "1MiB"'
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
