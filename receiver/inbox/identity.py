"""Names that stay the same whatever happens: the key of a repeat, and the webhook id of a delivery."""

from hashlib import blake2b


def repeat_key(dedup_key: str) -> bytes:
    """16 bytes for a notification's dedup key: the same for every repeat."""
    return blake2b(dedup_key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def webhook_key(dedup_key: str, rule: str, handler: str) -> bytes:
    """16 bytes for a notification's delivery by a rule to a handler: the same even in an inbox made anew."""
    return _joined(dedup_key, rule, handler)


def chain_key(parent: bytes, handler: str) -> bytes:
    """16 bytes for the delivery that follows `parent` in a chain."""
    return _joined(parent.hex(), handler)


def webhook_id(key: bytes) -> str:
    """What a receiver dedups by, as Standard Webhooks writes message ids: `msg_` and an opaque text."""
    return f"msg_{key.hex()}"


def _joined(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
