"""What an HTTP answer means for a delivery (Standard Webhooks specification, "Delivery success and failure")."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import aiohttp

from handlers.base import Dead, Done, Outcome, Retry
from handlers.printable import printable
from handlers.retry_after import parse_retry_after

KEPT = 4096
"""Bytes of an answer that are kept with the attempt, for people."""


class Answer(NamedTuple):
    """An answer as far as it was read."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """By any spelling of the name."""
    body: bytes
    whole: bool = True
    """Whether `body` is all of it."""


async def read_answer(response: aiohttp.ClientResponse, most: int) -> Answer:
    """The answer, as far as `read_content` reads it. A connection with more to come is closed, not drained."""
    body, whole = await read_content(response.status, response.content, most)
    if not whole:
        response.close()
    return Answer(response.status, response.reason or "", response.headers, body, whole)


async def read_content(status: int, content: aiohttp.StreamReader, most: int) -> tuple[bytes, bool]:
    """An answer's body, and whether it is all of it: no more than `most` bytes of a success, `KEPT` of a failure.

    Raises what aiohttp raises.
    """
    limit = most if status // 100 == 2 else KEPT
    chunks, size = [], 0
    while chunk := await content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            break
    return b"".join(chunks)[:limit], size <= limit


def outcome_of(answer: Answer, permanent: Collection[int], now: float) -> Outcome:
    """2xx is done, 3xx and the statuses in `permanent` are dead, the rest is tried again.

    `now` is in seconds since the epoch.
    """
    if answer.status // 100 == 2:
        return _done(answer)
    reason = f"the destination answered {_line(answer)}"
    kept = answer.body[:KEPT]
    request_id = _request_id(answer)
    if answer.status // 100 == 3:
        return Dead(f"{reason}{_location(answer)}", answer.status, kept, request_id)
    if answer.status in permanent:
        return Dead(f"{reason}, which is permanent for this handler", answer.status, kept, request_id)
    after = parse_retry_after(answer.headers.get("retry-after"), now)
    return Retry(reason, after, answer.status, kept, request_id)


def _done(answer: Answer) -> Done:
    detail = _line(answer)
    if not answer.whole:
        detail += f": longer than max_answer ({len(answer.body)} bytes), so there is no result to hand on"
    return Done(
        result=answer.body if answer.whole else None,
        status=answer.status,
        detail=detail,
        response=answer.body[:KEPT],
        request_id=_request_id(answer),
    )


def _line(answer: Answer) -> str:
    return f"{answer.status} {printable(answer.reason, 100)}".rstrip()


def _request_id(answer: Answer) -> str:
    return printable(answer.headers.get("x-request-id", ""))


def _location(answer: Answer) -> str:
    place = answer.headers.get("location", "")[:500]
    return f": redirects are not followed: put {place!r} in url if it is right" if place else ""
