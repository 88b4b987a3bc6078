"""Whether the application gets tokens from Amazon: for itself, and for its sellers' accounts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from handlers import registry
from handlers.base import HandlerError, SecretError
from receiver.config import SpapiSettings
from receiver.doctor.borrowed import borrowed
from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.inbox import SqliteInbox
from receiver.inbox.tokens import InboxTokens
from receiver.spapi import connect

NO_SECTION = "the rules file has no [spapi] section"
MOST_ACCOUNTS = 10
"""Accounts that are asked for at Amazon: `--account` of other commands looks at any."""
_MOST_NAMED = 5
_SCOPE = "sellingpartnerapi::notifications"
_AUTHORIZE = "authorize the account again: spapi-router authorize --seller SELLER"


def unseen(patient: Patient) -> str:
    """Why the application cannot be looked at; empty where it can."""
    if patient.config.spapi is None:
        return NO_SECTION
    if patient.environ is None:
        return f"the environment of process {patient.owner} is not this user's to read: run as root"
    return ""


def settings_of(patient: Patient) -> SpapiSettings:
    """The section, with the daemon's secrets. To be asked for where `unseen` says nothing."""
    return borrowed(required(patient), patient.environ or {})


def required(patient: Patient) -> SpapiSettings:
    """The section, where `unseen` says nothing."""
    if patient.config.spapi is None:
        raise LookupError(NO_SECTION)
    return patient.config.spapi


async def tokens_open(patient: Patient) -> Sequence[Result]:
    """Opens each token of the inbox with the keys that the rules file names; shows and sends none."""
    if why := unseen(patient) or ("" if patient.inbox else "there is no inbox to read"):
        return [skipped(why)]
    records = await InboxTokens(patient.inbox).list() if patient.inbox else []
    if not records:
        return [ok("the inbox has no accounts")]
    settings, spapi = settings_of(patient), registry.spapi()
    if settings.key is None:
        cure = "set spapi.key to the key that they were sealed with, or remove them: spapi-router accounts remove"
        return [finding(f"{len(records)} tokens are in the inbox, and no spapi.key opens them", cure)]
    try:
        vault = spapi.Vault.open_keys(settings.key, settings.previous_keys)
    except HandlerError as error:
        return [finding(str(error), "without it, no account of the inbox can be called for")]
    closed = [said for record in records if (said := _closed(vault, record))]
    if not closed:
        return [ok(f"{len(records)} of the inbox, and all open")]
    cure = "name the key that sealed it in spapi.previous_keys, or " + _AUTHORIZE
    results = [finding(said, cure) for said in closed[:_MOST_NAMED]]
    rest = len(closed) - len(results)
    return [*results, *([finding(f"and {rest} more do not open", cure)] if rest else [])]


async def credentials_hold(patient: Patient) -> Sequence[Result]:
    """Asks Login with Amazon for a token of the application, and of its first accounts."""
    if why := unseen(patient):
        return [skipped(why)]
    async with application(patient) as client:
        try:
            await client.prove(_SCOPE)
        except HandlerError as error:
            if not _of_scope(error):
                return [_explained(error)]
        accounts = await client.accounts.every()
        refused = await asyncio.gather(*(_refused(client, account) for account in accounts[:MOST_ACCOUNTS]))
    results = [result for result in refused if result]
    if not accounts:
        cure = "let a seller in: spapi-router authorize --marketplace DE"
        return [warning("Login with Amazon knows the application; it has no accounts", cure)]
    looked = min(len(accounts), MOST_ACCOUNTS)
    return results or [ok(f"Login with Amazon gives tokens for the application and {looked_at(looked, len(accounts))}")]


@asynccontextmanager
async def application(patient: Patient) -> AsyncIterator[Any]:
    """The application's client. A refresh token that Amazon changes meanwhile is kept in the inbox, as ever."""
    settings, path = settings_of(patient), patient.config.inbox.database
    inbox = await SqliteInbox.attach(path) if settings.key and patient.inbox else None
    try:
        async with connect(settings, "doctor", None if inbox is None else InboxTokens(inbox)) as client:
            yield client
    finally:
        if inbox is not None:
            await inbox.close()


def looked_at(looked: int, every: int) -> str:
    """So many accounts of so many, as words."""
    counted = f"{every:,} account{'' if every == 1 else 's'}"
    return counted if looked == every else f"{looked} of {counted}"


def _closed(vault: Any, record: Any) -> str:
    """Why a record does not open; empty where it does."""
    try:
        vault.open(record.sealed, record.account_id)
    except HandlerError as error:
        return str(error)
    return ""


async def _refused(client: Any, account: Any) -> Result | None:
    try:
        await client.prove(account)
    except HandlerError as error:
        return _explained(error, f"{account.id}: ")
    return None


def _explained(error: HandlerError, whom: str = "") -> Result:
    """What was said, and the cure that stands behind the last semicolon of LWA's errors."""
    if isinstance(error, SecretError):
        return skipped(f"{whom}{error}")
    said, semicolon, cure = str(error).rpartition("; ")
    return finding(whom + (said if semicolon else cure), cure if semicolon else "do what that text says")


def _of_scope(error: HandlerError) -> bool:
    """Whether the application is known and merely has no role for notifications."""
    return getattr(error, "code", "") in {"invalid_scope", "unauthorized_client"}
