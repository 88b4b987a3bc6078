"""Judging pushes beside the inbox's writer: all that came meanwhile is proven, read, routed and kept in one go.

These are operations of the writer, so that with a process of its own the work on a push is done on a second core.
What has to wait for somebody, a certificate or a confirmation, goes back to the event loop.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from receiver.errors import BadMessage, Refused, Unavailable
from receiver.inbox.intake import accept
from receiver.inbox.store import Accepted, Entry, Stillborn
from receiver.inbox.transaction import Transaction
from receiver.notification import Notification, read
from receiver.privacy import Protection
from receiver.rules import Rule, Table
from receiver.sns import Checks, SnsMessage, StandIn, TopicList, load_key, parse

_MOST_KEYS = 64


class Pushed(NamedTuple):
    """A push as it came, and the time it is judged by, seconds since the epoch."""

    body: bytes
    headers: Mapping[str, str]
    """Those that SNS names its message in, by names in lower case."""
    now: float


class Proven(NamedTuple):
    """A push whose message is proven already, at a time in seconds since the epoch."""

    message: SnsMessage
    now: float


class Taken(NamedTuple):
    """A notification that is kept: what counters, log and dispatcher want to know of it."""

    id: int
    duplicate: bool
    handlers: tuple[str, ...]
    """They may have a delivery that is due."""
    type: str
    message_id: str
    notification_id: str
    seller_id: str
    topic: str
    rules: tuple[str, ...]
    """The rules that fired, one for each delivery."""
    dead: tuple[Stillborn, ...] = ()


class KeyWanted(NamedTuple):
    """The key that a push is to be judged by is not at hand."""

    url: str
    region: str
    stand_in: str | None
    """The stand-in whose URL it is, None for SNS."""


class Grant(NamedTuple):
    """A proven key, for a time: seconds since the epoch."""

    url: str
    key: bytes
    """DER."""
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What pushes are judged by: `[sns]` and the rules."""

    topics: tuple[str, ...]
    max_age: float
    signature_versions: frozenset[str]
    stand_ins: tuple[StandIn, ...]
    rules: tuple[Rule, ...]
    protection: Protection | None = None
    """What `[privacy]` asks for."""


Failure = Refused | Unavailable | RuntimeError
"""Why a push is not taken; a RuntimeError tells of a fault of this program's."""
Answer = tuple[Taken, ...] | SnsMessage | KeyWanted | Failure
"""What became of a push. An SnsMessage is proven, about a subscription, and nothing is done with it yet."""


class _Bench:
    """The judge of a writer and the keys it was granted."""

    def __init__(self) -> None:
        self.judge: Judge | None = None
        self.keys: OrderedDict[str, tuple[RSAPublicKey, float, float]] = OrderedDict()

    def told(self, dead: tuple[Stillborn, ...]) -> tuple[Stillborn, ...]:
        """Deliveries that were dead at once, with reasons that can be read."""
        return self.judge.told(dead) if self.judge else dead

    def grant(self, grant: Grant) -> None:
        """Use a key from now on."""
        self.keys[grant.url] = (load_key(grant.key), grant.begins, grant.ends)
        if len(self.keys) > _MOST_KEYS:
            self.keys.popitem(last=False)

    def key(self, url: str, now: float) -> RSAPublicKey | None:
        """The key of a URL where one is granted at that time."""
        key, begins, ends = self.keys.get(url, (None, 0.0, 0.0))
        return key if begins <= now < ends else None


class Prover:
    """Proves messages by one set of terms."""

    def __init__(self, terms: Terms) -> None:
        self._checks = Checks(
            TopicList(terms.topics), terms.max_age, terms.signature_versions, stand_ins=terms.stand_ins
        )

    def prove(self, pushed: Pushed, key_of: Callable[[str, float], RSAPublicKey | None]) -> SnsMessage | KeyWanted:
        """The message of a push. `key_of` gives a URL's key at a time, if at hand. Raises Refused, Unavailable."""
        unverified = parse(pushed.body, pushed.headers)
        self._checks.admit(unverified, pushed.now)
        signer = self._checks.signer(unverified)
        url = unverified.fields["SigningCertURL"]
        key = (signer.key if signer else None) or key_of(url, pushed.now)
        if key is None:
            return KeyWanted(url, unverified.topic.region, signer.url if signer else None)
        return self._checks.prove(unverified, key, pushed.now)


class Judge:
    """Judges by one set of terms."""

    def __init__(self, terms: Terms) -> None:
        self._prover = Prover(terms)
        self._table = Table(terms.rules)
        self._protection = terms.protection

    def judge(self, pushed: Pushed, bench: _Bench) -> list[Entry] | SnsMessage | KeyWanted:
        """What a push asks to be kept. Raises Refused and Unavailable."""
        message = self._prover.prove(pushed, bench.key)
        return message if isinstance(message, KeyWanted) else self.entries(message, pushed.now)

    def entries(self, message: SnsMessage, now: float) -> list[Entry] | SnsMessage:
        """What a proven message asks to be kept, itself where it is about a subscription. Raises Refused."""
        if message.type != "Notification":
            return message
        notifications = read(message.envelope)
        if self._protection is not None:
            return self._protected(self._protection, notifications, message.body, now)
        return [Entry(each, self._table.route(each), message.body, now) for each in notifications]

    def told(self, dead: tuple[Stillborn, ...]) -> tuple[Stillborn, ...]:
        """Deliveries that were dead at once, with reasons that can be read."""
        return self._protection.told(dead) if self._protection else dead

    def _protected(
        self, protection: Protection, notifications: list[Notification], body: bytes, now: float
    ) -> list[Entry]:
        try:
            notifications, body = protection.readied(notifications, body)
        except ValueError as error:
            raise BadMessage("not_protectable", str(error)) from None
        return [protection.sealed(Entry(each, self._table.route(each), body, now)) for each in notifications]


def take(transaction: Transaction, pushes: list[Pushed | Proven]) -> list[Answer]:
    """Judge pushes, those that are not proven yet, and keep what is proven."""
    bench = transaction.parts.of(_Bench)
    judged = [_judged(bench, push) for push in pushes]
    kept = iter(accept(transaction, [each for each in judged if type(each) is list]))
    return [_taken(bench, each, next(kept)) if isinstance(each, list) else each for each in judged]


def settle_terms(transaction: Transaction, terms: list[Terms]) -> list[None]:
    """Judge by other terms from now on."""
    transaction.parts.of(_Bench).judge = Judge(terms[-1])
    return [None] * len(terms)


def grant_keys(transaction: Transaction, grants: list[Grant]) -> list[None]:
    """Take keys as proven."""
    bench = transaction.parts.of(_Bench)
    for grant in grants:
        bench.grant(grant)
    return [None] * len(grants)


def _judged(bench: _Bench, push: Pushed | Proven) -> list[Entry] | SnsMessage | KeyWanted | Failure:
    if bench.judge is None:
        return Unavailable("starting", "the daemon is starting")
    try:
        if isinstance(push, Proven):
            return bench.judge.entries(push.message, push.now)
        return bench.judge.judge(push, bench)
    except (Refused, Unavailable) as error:
        return error
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - else all pushes of the batch would be done again, one by one
        return RuntimeError(f"{type(error).__name__}: {error}")


def _taken(bench: _Bench, entries: list[Entry], accepted: list[Accepted]) -> tuple[Taken, ...]:
    return tuple(
        Taken(
            id=answer.id,
            duplicate=answer.duplicate,
            handlers=answer.handlers,
            type=entry.notification.type,
            message_id=entry.notification.envelope.message_id,
            notification_id=entry.notification.notification_id,
            seller_id=entry.notification.seller_id,
            topic=entry.notification.envelope.topic,
            rules=tuple([route.rule for route in entry.routes]),
            dead=bench.told(answer.dead) if answer.dead else (),
        )
        for entry, answer in zip(entries, accepted, strict=True)
    )
