"""`spapi-router verify`: whether a captured SNS message is authentic, and why."""

import asyncio
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from receiver.cli.output import iso, json_line
from receiver.errors import Refused, Unavailable
from receiver.escapes import escaped
from receiver.sns import CertificateStore, Fetch, StandIn, TopicList, UnverifiedMessage, Verifier, http_fetch, parse
from receiver.sns.given import GivenCertificate, check_pem
from receiver.times import parse_time

_OWN_TIME = "message"
_CURES = {
    "certificate_unavailable": "save the certificate that SigningCertURL names and give it with --certificate",
    "issuer_unavailable": "try again where there is a network, or leave the chain of trust out with --no-chain",
    "topic_not_allowed": "compare the TopicArn with what --topic names",
}
_AT_ITS_TIME = "the certificate may have changed since it was sent: judge it at its own time with --at message"


class _Moment(click.ParamType[Any]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        moment = value if value == _OWN_TIME else parse_time(value)
        if moment is None:
            self.fail(f"{value!r} is not a time: write one like 2026-03-06T20:00:26Z, or {_OWN_TIME}", param, ctx)
        return moment


class _Pattern(click.ParamType[Any]):
    name = "arn-pattern"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return TopicList([value]).patterns[0]
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True)
class _Given:
    """A certificate in a file."""

    path: Path
    pem: bytes

    @classmethod
    def read(cls, path: Path) -> "_Given":
        """Raises BadParameter for a file that holds no certificate, which says nothing about the message."""
        try:
            pem = path.read_bytes()
            check_pem(pem)
        except OSError as error:
            raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--certificate") from None
        except ValueError as error:
            raise click.BadParameter(f"{path} {error}", param_hint="--certificate") from None
        return cls(path, pem)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked. `at` is seconds since the epoch or `message`, `chain` None where the other options decide."""

    body: bytes
    certificate: "_Given | None"
    at: float | str | None
    topics: tuple[str, ...]
    signers: tuple[StandIn, ...]
    chain: bool | None

    @property
    def verify_chain(self) -> bool:
        """A certificate that the operator gives is the operator's own decision of trust, unless they say otherwise."""
        return self.certificate is None if self.chain is None else self.chain

    def moment(self, message: UnverifiedMessage) -> float:
        """When the message is judged, in seconds since the epoch."""
        if self.at is None:
            return time.time()
        return message.timestamp if isinstance(self.at, str) else self.at


@dataclass(frozen=True, slots=True)
class _Verdict:
    """`reason` is empty where the message is authentic; `decided` is False where it could not be judged."""

    facts: Mapping[str, Any]
    reason: str = ""
    detail: str = ""
    decided: bool = True

    @property
    def text(self) -> str:
        """The verdict in words."""
        if not self.decided:
            return "cannot be judged now"
        return "not authentic" if self.reason else "authentic"

    @property
    def record(self) -> dict[str, Any]:
        """The verdict for machines."""
        authentic = self.decided and not self.reason
        verdict = {"authentic": authentic, "verdict": self.text, "reason": self.reason, "detail": self.detail}
        return verdict | dict(self.facts)


@click.command("verify")
@click.argument("message", type=click.File("rb"))
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="PEM of the signing certificate: it is trusted as given, and nothing is fetched.",
)
@click.option("--at", type=_Moment(), help='Judge at this ISO 8601 time; "message": at the message\'s own Timestamp.')
@click.option("--topic", "topics", multiple=True, type=_Pattern(), help="Allow only topics like this; may be repeated.")
@click.option("--signer", metavar="URL", help="Accept a stand-in for SNS too, whose URLs begin like this (LocalStack).")
@click.option(
    "--chain/--no-chain",
    default=None,
    help="Check the certificate's chain of trust up to a root. The default is to, unless --certificate is given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    message: BinaryIO,
    certificate: Path | None,
    at: float | str | None,
    topics: tuple[str, ...],
    signer: str | None,
    chain: bool | None,
    as_json: bool,
) -> None:
    """Is this captured SNS message authentic? Say why, and exit 0 if it is, 1 if it is not.

    MESSAGE is a file with the body of the push, or - for standard input. Its age does not matter here.
    """
    given = None if certificate is None else _Given.read(certificate)
    try:
        signers = (StandIn.open(signer, certificate),) if signer else ()
        question = _Question(message.read(), given, at, topics, signers, chain)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--signer") from None
    except OSError as error:
        raise click.BadParameter(f"{message.name}: {error.strerror}", param_hint="MESSAGE") from None
    verdict = asyncio.run(_answer(question))
    if as_json:
        json_line(verdict.record)
    else:
        _print(verdict, question)
    sys.exit(1 if verdict.reason else 0)


async def _answer(question: _Question) -> _Verdict:
    try:
        message = parse(question.body, {})
    except Refused as error:
        return _Verdict({}, error.reason, error.detail)
    at = question.moment(message)
    facts = _facts(message, question, at)
    try:
        await _verify(message, question, at)
    except Refused as error:
        return _Verdict(facts, error.reason, error.detail)
    except Unavailable as error:
        return _Verdict(facts, error.reason, error.detail, decided=False)
    return _Verdict(facts)


async def _verify(message: UnverifiedMessage, question: _Question, at: float) -> None:
    async with http_fetch() as http:
        fetch: Fetch = http
        given = question.certificate
        if given is not None:
            fetch = GivenCertificate(message.fields["SigningCertURL"], given.path, given.pem, http)
        certificates = CertificateStore(fetch, verify_chain=question.verify_chain)
        topics = TopicList(question.topics or [message.topic.text])
        verifier = Verifier(certificates, topics, clock=time.time, max_age=math.inf, signers=question.signers)
        try:
            await verifier.verify(message, at)
        finally:
            await certificates.close()


def _facts(message: UnverifiedMessage, question: _Question, at: float) -> dict[str, Any]:
    given = question.certificate
    url = message.fields["SigningCertURL"]
    stand_in = any(signer.covers(url) for signer in question.signers)
    return {
        "type": message.type,
        "message_id": message.message_id,
        "topic": message.topic.text,
        "topic_checked": bool(question.topics),
        "timestamp": iso(message.timestamp),
        "judged_at": iso(at),
        "signature_version": message.fields["SignatureVersion"],
        "certificate": str(given.path) if given else url,
        "certificate_given": given is not None,
        "chain_checked": question.verify_chain and not stand_in,
    }


def _print(verdict: _Verdict, question: _Question) -> None:
    click.echo(verdict.text + (f" ({verdict.reason}): {verdict.detail}" if verdict.reason else ""))
    facts = verdict.facts
    if facts:
        click.echo(f"  message      {facts['type']} {facts['message_id']}, sent {facts['timestamp']}")
        allowed = "" if question.topics else " (compared with no allow-list: --topic does that)"
        click.echo(f"  topic        {facts['topic']}{allowed}")
        trust = "" if verdict.reason else _trust(facts)
        click.echo(f"  certificate  {escaped(facts['certificate'])}{trust}")
        click.echo(f"  judged at    {facts['judged_at']}")
    for cure in _cures(verdict, question):
        click.echo(f"  try          {cure}")


def _trust(facts: Mapping[str, Any]) -> str:
    if facts["chain_checked"]:
        return ", with its chain of trust"
    return (", trusted as given" if facts["certificate_given"] else "") + " (its chain of trust was not checked)"


def _cures(verdict: _Verdict, question: _Question) -> list[str]:
    cures = [_CURES[verdict.reason]] if verdict.reason in _CURES else []
    if question.at is None and verdict.reason in {"certificate", "certificate_chain"}:
        cures.append(_AT_ITS_TIME)
    return cures
