"""Putting an open inbox under `[privacy]`, where the keys that it was written with are here.

Which keys those are stands in a note of the inbox, so that a key that is missing is found at the start, and not by the
first delivery that cannot be made.
"""

import os
from collections.abc import Callable
from pathlib import Path

from receiver.errors import InboxError
from receiver.inbox.sqlite import SqliteInbox
from receiver.privacy.protected_inbox import ProtectedInbox, Shared
from receiver.privacy.protection import Protection
from receiver.privacy.seal import Seal

KEYS = "privacy keys"
"""The note that names the keys with which something in the inbox may be sealed."""


async def protect(inbox: SqliteInbox, protection: Protection | None) -> SqliteInbox:
    """The inbox under a protection, itself where there is none. For the daemon, which alone writes.

    Raises InboxError for a key that is not here, with what to do; Unavailable.
    """
    await check_keys(inbox, protection)
    return inbox if protection is None else ProtectedInbox.around(inbox, Shared(protection))


async def protection_anew(inbox: SqliteInbox, protection: Protection | None) -> Protection | None:
    """Protect a running inbox as a changed rules file says; what it is protected by from now on.

    Whether it is protected at all is settled at its opening. Raises InboxError for a key that is not here, Unavailable.
    """
    if not isinstance(inbox, ProtectedInbox):
        return None
    if protection is None:
        return inbox.protection
    await check_keys(inbox, protection)
    inbox.take_in(protection)
    return protection


async def check_keys(inbox: SqliteInbox, protection: Protection | None) -> None:
    """Refuse to go on without a key that the inbox needs, and note the one that it needs from now on."""
    seal = protection.seal if protection else None
    needed = await needed_keys(inbox)
    missing = sorted(needed - (seal.keys if seal else frozenset()))
    if missing:
        raise InboxError(_cure(inbox.path, missing, seal is None))
    if seal is not None and seal.key not in needed:
        await save_needed(inbox, needed | {seal.key})


async def needed_keys(inbox: SqliteInbox) -> frozenset[str]:
    """The names of keys with which something in the inbox may be sealed."""
    notes = await inbox.notes(KEYS)
    return frozenset(notes.get(KEYS, b"").decode("ascii", "replace").split())


async def save_needed(inbox: SqliteInbox, keys: frozenset[str]) -> None:
    """Note the names of keys."""
    await inbox.save_note(KEYS, " ".join(sorted(keys)).encode())


def read_with(inbox: SqliteInbox, protection: Protection | None) -> SqliteInbox:
    """An inbox opened to be read, under a protection; without one, what is encrypted is said to be so."""
    known = protection or Protection(seal=Seal(os.urandom(32)))
    return ProtectedInbox.around(inbox, Shared(known))


def alike(inbox: SqliteInbox, other: SqliteInbox) -> SqliteInbox:
    """Another opening of an inbox's file, read as that inbox is, now and after a reload."""
    return inbox.alike(other) if isinstance(inbox, ProtectedInbox) else other


def reveal_of(inbox: SqliteInbox) -> Callable[[bytes], bytes]:
    """What gives a message of an inbox as it was before it was encrypted."""
    return inbox.reveal if isinstance(inbox, ProtectedInbox) else lambda body: body


def _cure(path: Path, missing: list[str], none_named: bool) -> str:
    keys = f"key{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    place = "encrypt = { key = … } under [privacy]" if none_named else "previous_keys of [privacy] encrypt"
    return (
        f"the inbox {path} holds data sealed with {keys}, which the rules file does not name: name it in {place}; "
        "to be rid of it, run `spapi-router inbox rotate` with all keys named, and where a key is lost "
        "`spapi-router inbox rotate --lost`, which gives up what it sealed"
    )
