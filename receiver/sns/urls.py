"""Which URLs of a message may be fetched. Judged as plain text, so that no two URL parsers can disagree about them.

Source: "Verifying the signatures of Amazon SNS messages" in the SNS developer guide (certificates only from SNS), made
strict: host, path and query have exactly one spelling. Pure: no I/O.
"""

import re

from receiver.errors import NotAuthentic
from receiver.sns.regions import TopicArn

_CERTIFICATE_PATH = re.compile(r"(?::443)?/SimpleNotificationService-[0-9a-f]{32}\.pem")
_SUBSCRIBE_PATH = re.compile(r"(?::443)?/?\?([A-Za-z0-9_.:=&-]{1,4096})")


def check_certificate_url(url: str, topic: TopicArn) -> None:
    """Let a SigningCertURL pass only if it is SNS's own, in the topic's region. Raises NotAuthentic."""
    prefix = f"https://{topic.host}"
    if not url.startswith(prefix) or not _CERTIFICATE_PATH.fullmatch(url, len(prefix)):
        expected = f"{prefix}/SimpleNotificationService-<32 hex digits>.pem"
        raise NotAuthentic("certificate_url", f"SigningCertURL {_shown(url)} is not of the form {expected}")


def check_subscribe_url(url: str, topic: TopicArn, token: str) -> None:
    """Let a SubscribeURL pass only if it confirms this token for this topic at SNS. Raises NotAuthentic."""
    prefix = f"https://{topic.host}"
    match = _SUBSCRIBE_PATH.fullmatch(url, len(prefix)) if url.startswith(prefix) else None
    if match is None:
        raise NotAuthentic("subscribe_url", f"SubscribeURL {_shown(url)} is not of the form {prefix}/?Action=…")
    check_confirmation_query(match[1], topic, token)


def check_confirmation_query(query: str, topic: TopicArn, token: str) -> None:
    """Demand exactly Action=ConfirmSubscription, TopicArn and Token, unescaped. Raises NotAuthentic.

    Source: ConfirmSubscription in the SNS API reference.
    """
    expected = {"Action=ConfirmSubscription", f"TopicArn={topic.text}", f"Token={token}"}
    parts = query.split("&")
    if len(parts) != len(expected) or set(parts) != expected:
        raise NotAuthentic(
            "subscribe_url",
            "SubscribeURL does not confirm the message's own Token for its own TopicArn alone",
        )


def _shown(url: str) -> str:
    """A sender's text as it may stand in a log: short and plain ASCII."""
    return ascii(url if len(url) <= 200 else url[:200] + "…")
