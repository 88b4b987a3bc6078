"""Seller accounts for people and machines: those of the rules file and of the inbox, never their tokens."""

from typing import Any

from receiver.config import SpapiSettings
from receiver.inbox.tokens import InboxTokens
from receiver.times import iso


async def listed(settings: SpapiSettings, tokens: InboxTokens) -> list[dict[str, Any]]:
    """The accounts of the rules file and of the inbox, by name. Raises Unavailable."""
    found = {record["account"]: record for record in map(configured, settings.accounts)}
    for stored in await tokens.list():
        found[stored.account_id] = _stored(stored) | {
            name: value
            for name, value in found.get(stored.account_id, {}).items()
            if name in {"marketplaces", "source", "authorized_at"}
        }
    return [found[id_] | {"refreshed_at": await _refreshed(tokens, id_)} for id_ in sorted(found)]


async def _refreshed(tokens: InboxTokens, id_: str) -> str | None:
    at = await tokens.refreshed_at(id_)
    return None if at is None else iso(at)


def configured(account: Any) -> dict[str, Any]:
    """An account of the rules file."""
    return {
        "account": f"{account.seller_id}@{account.region}",
        "seller_id": account.seller_id,
        "region": account.region,
        "marketplaces": list(account.marketplaces),
        "source": "rules file",
        "authorized_at": None,
        "changed_at": None,
        "refreshed_at": None,
        "key": None,
    }


def _stored(record: Any) -> dict[str, Any]:
    return {
        "account": record.account_id,
        "seller_id": record.seller_id,
        "region": record.region,
        "marketplaces": list(record.marketplaces),
        "source": "inbox",
        "authorized_at": iso(record.created_at),
        "changed_at": iso(record.updated_at),
        "key": record.sealed.key_id,
    }
