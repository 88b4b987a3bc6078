"""How SP-API's operations turn their pages. Source: the parameter texts of Amazon's public API models."""

from collections.abc import Mapping
from typing import Any

from handlers.spapi.operation import Operation

_PARAMETERS = ("nextToken", "NextToken", "paginationToken", "pageToken", "nextPageToken", "nextTokenForLineItems")
_FIELDS = ("nextToken", "NextToken", "nextPageToken", "nextTokenForLineItems")
_TOKEN_ALONE = frozenset({"reports", "feeds", "aplus"})
"""APIs that refuse the token beside a parameter which is not required."""


def token_parameter(operation: Operation) -> str | None:
    """The query parameter that asks for the next page, None where the operation has no pages."""
    return next((name for name in _PARAMETERS if operation.has(name)), None)


def next_token(answer: Any) -> str | None:
    """The token of the next page, None on the last one.

    It stands at the top, in `pagination` or in `payload`, by API.
    """
    for holder in _holders(answer):
        for name in _FIELDS:
            token = holder.get(name)
            if isinstance(token, str) and token:
                return token
    return None


def next_arguments(operation: Operation, arguments: Mapping[str, Any], token: str) -> dict[str, Any]:
    """The arguments that ask for the page of `token`: those of the first page but for what the API wants otherwise."""
    parameter = token_parameter(operation)
    if parameter is None:
        return dict(arguments)
    required = {item.name for item in operation.parameters if item.required}
    alone = operation.api in _TOKEN_ALONE
    kept = {name: value for name, value in arguments.items() if name in required or not alone}
    if operation.api == "fba-inbound" and "QueryType" in kept:
        kept["QueryType"] = "NEXT_TOKEN"
    return kept | {parameter: token}


def clear_token(answer: Any, following: str | None) -> Any:
    """The answer with `following` in place of its token of the next page; without any where there is none."""
    if not isinstance(answer, Mapping):
        return answer
    cleared: dict[str, Any] = {}
    for name, value in answer.items():
        if name in _FIELDS and isinstance(value, str | None):
            cleared |= {name: following} if following else {}
        else:
            cleared[name] = clear_token(value, following) if name in {"pagination", "payload"} else value
    return cleared


def _holders(answer: Any) -> list[Mapping[str, Any]]:
    if not isinstance(answer, Mapping):
        return []
    payload = answer.get("payload")
    candidates = [answer, answer.get("pagination"), payload]
    if isinstance(payload, Mapping):
        candidates.append(payload.get("pagination"))
    return [candidate for candidate in candidates if isinstance(candidate, Mapping)]
