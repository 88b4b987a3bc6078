"""The allow-list of topics. SNS signs for any AWS customer, so this list is what keeps strangers out."""

import re
from collections.abc import Iterable

from receiver.sns.regions import TopicArn

_FORM = "arn:PARTITION:sns:REGION:ACCOUNT:NAME"
_PARTS = (
    ("partition", re.compile(r"aws(?:-cn|-us-gov|-eusc)?"), 'is not "aws", "aws-cn", "aws-us-gov" or "aws-eusc"'),
    ("service", re.compile(r"sns"), 'is not "sns"'),
    ("region", re.compile(r"[a-z0-9*?-]+"), "is not a region (`*` and `?` may stand in it)"),
    ("account", re.compile(r"[0-9]{12}"), "is not an account's 12 digits; wildcards would let other AWS customers in"),
    ("name", re.compile(r"[A-Za-z0-9_.*?-]+"), "is not a topic's name (`*` and `?` may stand in it)"),
)
_STARS = re.compile(r"\*+")


class TopicList:
    """Patterns like `arn:aws:sns:us-east-1:123456789012:sp-api-*`, of which one must match.

    As in IAM policies `*` stands for any characters, none included, and `?` for exactly one, and case counts. Unlike
    there, both stop at a colon and stand only in the region and in the name, and the account is always spelled out:
    a pattern can never reach a topic of an account that it does not name.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns. Raises ValueError, naming the pattern, the part of it and what is wrong."""
        self.patterns = tuple(patterns)
        if not self.patterns:
            raise ValueError(f"no topics are allowed: name at least one, like {_FORM}")
        self._allowed = re.compile("|".join(_expression(pattern) for pattern in self.patterns))

    def allows(self, topic: TopicArn) -> bool:
        """Whether a pattern matches the topic."""
        return self._allowed.fullmatch(topic.text) is not None


def _expression(pattern: str) -> str:
    prefix, *parts = pattern.split(":")
    if prefix != "arn" or len(parts) != len(_PARTS):
        raise ValueError(f"{pattern!r} is not a topic's ARN: write {_FORM}, with `*` in the name for several topics")
    for part, (name, form, fault) in zip(parts, _PARTS, strict=True):
        if not form.fullmatch(part):
            raise ValueError(f"{pattern!r}: the {name} {part!r} {fault}")
    return ":".join(map(_glob, (prefix, *parts)))


def _glob(part: str) -> str:
    """A part with wildcards as an expression.

    What stands between two stars is taken where it is found first, and nothing else is tried: with four stars a name
    that somebody made for it would take a second to be refused, before any signature is looked at.
    """
    first, *others = map(_literal, _STARS.split(part))
    if not others:
        return first
    *between, last = others
    return first + "".join(f"(?>[^:]*?{text})" for text in between) + f"[^:]*{last}"


def _literal(text: str) -> str:
    return "".join("[^:]" if character == "?" else re.escape(character) for character in text)
