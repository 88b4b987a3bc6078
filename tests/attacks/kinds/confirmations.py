"""Subscription messages: a SubscribeURL is fetched only where it confirms this token for this topic at SNS."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from receiver.times import iso
from tests.attacks import egress
from tests.attacks.egress import Page, page
from tests.attacks.forge import HOST, TOKEN, TOPIC, Forge, subscribe_url
from tests.attacks.row import Kind, Post, Row, Script
from tests.attacks.wire import as_script

_URL = subscribe_url(TOPIC, TOKEN)
_LATER = "503 confirmation_unavailable"
_OTHER = TOPIC + "-2"


def _url(name: str, url: str, answer: str = "403 subscribe_url", state: str = "pending") -> Row:
    """A confirmation that SNS signed with another SubscribeURL."""
    return Row(name, lambda forge: forge.confirmation(SubscribeURL=url), answer, state=state)


def _answered(name: str, answer: str, body: Page, state: str = "pending") -> Row:
    """A confirmation whose SubscribeURL gets another answer from SNS."""
    return Row(name, lambda forge: forge.confirmation(), answer, 1, lambda _: {_URL: body}, state)


def _forged(name: str, answer: str, make: Callable[[Forge], Mapping[str, Any]]) -> Row:
    """A confirmation that SNS did not sign: nothing is fetched and nothing remembered."""
    return Row(name, make, answer)


def _xml(inner: str) -> bytes:
    return page(
        '<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<ConfirmSubscriptionResult>{inner}</ConfirmSubscriptionResult></ConfirmSubscriptionResponse>",
        Content_Type="text/xml",
    )


_ARN = f"{TOPIC}:8a21d249-4329-4871-acc6-7be709c6ea7f"
_YES = _xml(f"<SubscriptionArn>{_ARN}</SubscriptionArn>")


def _after_each_other(*messages: Mapping[str, Any]) -> Script:
    """Messages on one connection, each answered before the next one is looked at."""
    posts = [Post(json.dumps(each).encode(), {"Connection": "keep-alive"}) for each in messages[:-1]]
    posts.append(Post(json.dumps(messages[-1]).encode()))
    return Script((b"".join(piece for each in posts for piece in as_script(each, "door").pieces),))


def _before(seconds: float) -> str:
    return iso(time.time() - seconds)


_BILLION_LAUGHS = (
    "<!DOCTYPE a ["
    '<!ENTITY l0 "lol">'
    + "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))
    + "]><SubscriptionArn>&l9;</SubscriptionArn>"
)
KIND = Kind(
    "confirmations",
    "the SubscribeURL leads elsewhere or does something else, or SNS's answer is none; `pending` is what is remembered",
    (
        _forged(
            "forged, with a URL elsewhere",
            "403 signature",
            lambda forge: forge.confirmation() | {"SubscribeURL": "https://evil.example/"},
        ),
        _forged(
            "forged, with another token", "403 signature", lambda forge: forge.confirmation() | {"Token": "f" * 64}
        ),
        _forged(
            "forged end of a subscription",
            "403 signature",
            lambda forge: forge.confirmation() | {"Type": "UnsubscribeConfirmation"},
        ),
        _forged(
            "of a stranger's topic, rightly signed",
            "403 topic_not_allowed",
            lambda forge: forge.confirmation(TopicArn="arn:aws:sns:us-west-2:999999999999:x"),
        ),
        _forged("a token with a line break", "400 fields", lambda forge: forge.confirmation(Token="a\nTopicArn")),
        _forged(
            "a token with another parameter in it",
            "400 fields",
            lambda forge: forge.confirmation(Token="a&Action=Unsubscribe"),
        ),
        _forged("a token of 1025 letters", "400 fields", lambda forge: forge.confirmation(Token="a" * 1025)),
        _forged(
            "a SubscribeURL with a space",
            "400 fields",
            lambda forge: forge.confirmation(SubscribeURL=f"https://{HOST}/ ?x"),
        ),
        _forged("no SubscribeURL", "400 fields", lambda forge: forge.confirmation(SubscribeURL=None)),
        _url("another host", _URL.replace(HOST, "evil.example")),
        _url("SNS's host as the user", _URL.replace(HOST, f"{HOST}@evil.example")),
        _url("another region", _URL.replace(HOST, "sns.eu-west-1.amazonaws.com")),
        _url("another port", _URL.replace(HOST, f"{HOST}:8443")),
        _url("http", _URL.replace("https:", "http:")),
        _url("a host under SNS's suffix", _URL.replace(HOST, "sns.s3-us-west-2.amazonaws.com")),
        _url("the metadata service", "http://169.254.169.254/latest/meta-data/iam/"),
        _url("a file", "file:///etc/passwd"),
        _url("another action", _URL.replace("ConfirmSubscription", "Unsubscribe")),
        _url("an action that publishes", f"https://{HOST}/?Action=Publish&TopicArn={TOPIC}&Message=x"),
        _url("an action that deletes", f"https://{HOST}/?Action=DeleteTopic&TopicArn={TOPIC}"),
        _url("a second action", _URL + "&Action=DeleteTopic"),
        _url("the action in lower case", _URL.replace("Action=", "action=")),
        _url("another topic", subscribe_url(_OTHER, TOKEN)),
        _url("another token", _URL.replace(TOKEN, "f" * 64)),
        _url("two tokens", f"{_URL}&Token={'f' * 64}"),
        _url("no token", f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}"),
        _url("another parameter", f"{_URL}&AuthenticateOnUnsubscribe=true"),
        _url("the topic percent-encoded", _URL.replace(TOPIC, TOPIC.replace(":", "%3A"))),
        _url("a fragment", f"{_URL}#x"),
        _url("a path", _URL.replace("/?", "/evil?")),
        _url("a path that climbs", _URL.replace("/?", "/../?")),
        _url("a semicolon between parameters", _URL.replace("&Token", ";Token")),
        _answered("a redirect", "400 confirmation_refused", page("", "302 Found", Location="https://evil.example/")),
        _answered(
            "no",
            "400 confirmation_refused",
            page("<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>", "400 Bad Request"),
        ),
        _answered(
            "no, with markup in the reason",
            "400 confirmation_refused",
            page("<E><Code>&lt;script&gt;</Code><Message>\x1b[2J</Message></E>", "403 Forbidden"),
        ),
        _answered("a server error", _LATER, page("", "500 Internal Server Error")),
        _answered("too many requests", _LATER, page("", "429 Too Many Requests")),
        _answered("HTML", _LATER, page("<html><br></html>", Content_Type="text/html")),
        _answered("an empty answer", _LATER, page("")),
        _answered("entities that expand a billion times", _LATER, page(_BILLION_LAUGHS)),
        _answered(
            "an external entity",
            _LATER,
            page('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><SubscriptionArn>&b;</SubscriptionArn>'),
        ),
        _answered(
            "the ARN of another topic's subscription", _LATER, _xml(f"<SubscriptionArn>{_OTHER}:x</SubscriptionArn>")
        ),
        _answered("no ARN", _LATER, _xml("")),
        _answered("an ARN with a line break", _LATER, _xml(f"<SubscriptionArn>{_ARN}\nx</SubscriptionArn>")),
        _answered("an ARN of 500 letters", _LATER, _xml(f"<SubscriptionArn>{_ARN}{'x' * 500}</SubscriptionArn>")),
        _answered("a huge answer", _LATER, _xml(f"<SubscriptionArn>{_ARN}</SubscriptionArn>{' ' * (1 << 20)}")),
        _answered("a small gzip body that is huge", _LATER, egress.bomb()),
        _answered("an answer that never comes", _LATER, egress.hanging),
        _answered("elements in each other a hundred thousand times", _LATER, page("<a>" * 20_000)),
        _answered(
            "yes (what is right is confirmed)",
            "200 confirmed",
            _YES,
            "confirmed",
        ),
        _forged(
            "forged, against a confirmed subscription",
            "403 signature",
            lambda forge: forge.confirmation() | {"Token": "e" * 64},
        ),
        _forged(
            "a forged end of a confirmed subscription",
            "403 signature",
            lambda forge: forge.confirmation() | {"Type": "UnsubscribeConfirmation"},
        ),
        Row(
            "a confirmation twice",
            lambda forge: _after_each_other(*[forge.confirmation()] * 2),
            "200 confirmed, 200 duplicate",
            1,
            lambda _: {_URL: _YES},
            "confirmed",
        ),
        Row(
            "an end of the subscription from before its confirmation",
            lambda forge: _after_each_other(
                forge.confirmation(), forge.confirmation(Type="UnsubscribeConfirmation", Timestamp=_before(3600))
            ),
            "200 confirmed, 200 duplicate",
            1,
            lambda _: {_URL: _YES},
            "confirmed",
        ),
        Row(
            "a confirmation from before the end of the subscription",
            lambda forge: _after_each_other(
                forge.confirmation(Type="UnsubscribeConfirmation"), forge.confirmation(Timestamp=_before(7200))
            ),
            "200 unsubscribed, 200 duplicate",
            state="unsubscribed",
        ),
        Row(
            "one that was late, and overtaken by the end of another subscription to its topic",
            lambda forge: _after_each_other(
                forge.confirmation(Type="UnsubscribeConfirmation"), forge.confirmation(Timestamp=_before(1800))
            ),
            "200 unsubscribed, 200 confirmed",
            1,
            lambda _: {_URL: _YES},
            "confirmed",
        ),
        Row(
            "an end of the subscription, rightly signed: noted, and its SubscribeURL is not fetched",
            lambda forge: forge.confirmation(Type="UnsubscribeConfirmation"),
            "200 unsubscribed",
            state="unsubscribed",
        ),
    ),
)
