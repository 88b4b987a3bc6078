"""Confirming a subscription: the SubscribeURL of a proven message is fetched, and the subscription's ARN read."""

from collections.abc import Sequence
from xml.parsers import expat

from receiver.errors import Refused, Unavailable
from receiver.sns.fetch import Fetch, Fetched, FetchFailed
from receiver.sns.message import SnsMessage
from receiver.sns.regions import parse_topic_arn
from receiver.sns.signers import StandIn
from receiver.sns.urls import check_subscribe_url

_LARGEST = 65536
_SECONDS = 8.0
_TRY_LATER = frozenset({408, 425, 429})
_LATER_CODES = frozenset({"Throttling", "ThrottlingException", "Throttled", "RequestLimitExceeded", "RequestThrottled"})
"""What AWS says with status 400 to who asks too often ("Common error types" in the SNS API reference)."""


class Confirmer:
    """Confirms subscriptions. Confirming again is harmless: SNS answers with the same ARN."""

    def __init__(self, fetch: Fetch, signers: Sequence[StandIn] = ()) -> None:
        self._fetch = fetch
        self._signers = tuple(signers)

    async def confirm(self, message: SnsMessage) -> str:
        """Redeem the message's token; the ARN of the subscription.

        Raises NotAuthentic ("subscribe_url") where the URL is not SNS's for this topic and token, Refused
        ("confirmation_refused") where SNS says no for good, and Unavailable ("confirmation_unavailable") where the
        sender should try again. Raises ValueError for a message of another type: an UnsubscribeConfirmation has a
        SubscribeURL too, and fetching it would undo what somebody wanted.
        """
        if message.type != "SubscriptionConfirmation":
            raise ValueError(f"a {message.type} is not to be confirmed")
        self._check_url(message)
        try:
            answer = await self._fetch(message.subscribe_url, limit=_LARGEST, seconds=_SECONDS)
        except FetchFailed as error:
            raise _unavailable(str(error)) from None
        if answer.status >= 500 or answer.status in _TRY_LATER or _code(answer) in _LATER_CODES:
            raise _unavailable(f"SNS answered {answer.status}{_fault(answer)}")
        if answer.status != 200:
            raise Refused("confirmation_refused", f"SNS did not confirm: {answer.status}{_fault(answer)}")
        return _subscription(answer, message.topic)

    def _check_url(self, message: SnsMessage) -> None:
        topic = parse_topic_arn(message.topic)
        for stand_in in self._signers:
            if stand_in.confirms(message.subscribe_url):
                stand_in.check_subscribe_url(message.subscribe_url, topic, message.token)
                return
        check_subscribe_url(message.subscribe_url, topic, message.token)


def _subscription(answer: Fetched, topic: str) -> str:
    if not answer.complete:
        raise _unavailable(f"SNS answered more than {_LARGEST} bytes")
    try:
        arn = _text_of(answer.body, "SubscriptionArn")
    except (expat.ExpatError, ValueError) as error:
        raise _unavailable(f"SNS's answer is not XML: {error}") from None
    if not arn.startswith(f"{topic}:") or not arn.isascii() or not arn.isprintable() or len(arn) > 400:
        raise _unavailable(f"SNS's answer names {arn[:100]!a}, not a subscription to {topic}")
    return arn


def _code(answer: Fetched) -> str:
    try:
        return "" if answer.status == 200 else _text_of(answer.body, "Code")
    except (expat.ExpatError, ValueError):
        return ""


def _fault(answer: Fetched) -> str:
    """What SNS says of an error (ErrorResponse in the SNS API reference), as far as it can be read."""
    try:
        code, text = _text_of(answer.body, "Code"), _text_of(answer.body, "Message")
    except (expat.ExpatError, ValueError):
        return ""
    return f" {ascii(code[:60])[1:-1]}: {ascii(text[:200])[1:-1]}" if code or text else ""


def _text_of(xml: bytes, name: str) -> str:
    """The text of the first element called `name`, empty where there is none. Raises ExpatError; ValueError for a DTD.

    Without a document type there are no entities to expand and nothing outside to load.
    """
    reader = _ElementReader(name)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.Parse(xml, True)
    return "".join(reader.texts).strip()


class _ElementReader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._state = "before"
        self.texts: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if self._state == "before" and name.rpartition(":")[2] == self._name:
            self._state = "inside"

    def end(self, name: str) -> None:
        if self._state == "inside" and name.rpartition(":")[2] == self._name:
            self._state = "after"

    def data(self, text: str) -> None:
        if self._state == "inside":
            self.texts.append(text)

    def refuse(self, *_declaration: object) -> None:
        raise ValueError("a document type is declared in it")


def _unavailable(detail: str) -> Unavailable:
    return Unavailable("confirmation_unavailable", f"the subscription could not be confirmed now: {detail}")
