"""Deliveries that are handed out in the transaction that keeps their notification."""

import asyncio

from receiver.inbox import Claim, Entry, Inbox


async def brought(inbox: Inbox, entry: Entry, limits: dict[str, int], now: float, lease: float) -> list[Claim]:
    """Keep a notification; what is handed out with it."""
    keeping = asyncio.ensure_future(inbox.accept([entry]))
    await asyncio.sleep(0)
    claims = await inbox.claim_fresh(limits, now, lease)
    await keeping
    return claims
