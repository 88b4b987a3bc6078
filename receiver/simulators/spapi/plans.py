"""Usage plans as SP-API keeps them: the published rate and burst for each account and operation."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Plans:
    """Who may call what now."""

    def __init__(self, enforced: bool, factor: float) -> None:
        self._enforced = enforced
        self._factor = factor
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def rate(self, operation: Any) -> float:
        """Calls a second, as the header of an answer says it."""
        rate: float = operation.plan[0]
        return rate * self._factor

    def admits(self, account: str, operation: Any, now: float) -> bool:
        """Take a call out of the plan; False where there is none left."""
        if not self._enforced:
            return True
        burst = float(operation.plan[1])
        bucket = self._buckets.setdefault((account, operation.full_name), _Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * self.rate(operation))
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
