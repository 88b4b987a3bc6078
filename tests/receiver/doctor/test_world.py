"""The ways to Amazon, and the clock."""

from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web

from receiver.config import load
from receiver.doctor import Verdict
from receiver.doctor.egress import sns_hosts
from receiver.doctor.patient import Ways
from receiver.doctor.probe import Probe
from receiver.simulators.sns import Authority
from tests.receiver.doctor.conftest import Look, Nearby, Serve, Show, only

SNS = "sns.us-east-1.amazonaws.com"


def written(directory: Path, *topics: str, more: str = "") -> Path:
    path = directory / "rules.toml"
    listed = ", ".join(f'"{topic}"' for topic in topics or ["arn:aws:sns:us-east-1:123456789012:sp-api-*"])
    path.write_text(f'[sns]\ntopics = [{listed}]\n{more}\n[inbox]\ndatabase = "sqlite:inbox.db"\n')
    return path


@pytest.mark.parametrize(
    ("topic", "host"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:x", "sns.eu-west-1.amazonaws.com"),
        ("arn:aws:sns:*:123456789012:x", "sns.us-east-1.amazonaws.com"),
        ("arn:aws-cn:sns:cn-*:123456789012:x", "sns.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-eusc:sns:eusc-de-east-?:123456789012:x", "sns.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_the_hosts_are_those_of_the_allowed_topics(tmp_path: Path, topic: str, host: str) -> None:
    assert sns_hosts(load(written(tmp_path, topic, topic + "y"))) == [host]


async def test_each_way_that_is_open_and_each_that_is_not(tmp_path: Path, look: Look, show: Show, serve: Serve) -> None:
    shown = show(authority=Authority.create(name=SNS))
    ports = {443: await serve(shown=shown), 80: await serve(web.Response(status=404))}
    look.ways = Ways(Probe(shown.roots, Nearby(ports)))
    spapi = '[spapi]\nclient_id = { env = "A" }\nclient_secret = { env = "B" }\n'
    found = await look(written(tmp_path, more=spapi), offline=False)
    assert [result.verdict for result in found["way to Amazon"]] == [Verdict.OK, Verdict.OK, Verdict.FINDING]
    login = found["way to Amazon"][2]
    assert login.detail.startswith("https://api.amazon.com/auth/o2/token is not reached: its certificate")
    assert "access tokens" in login.cure
    only(found["clock"], Verdict.OK)


async def test_without_the_chain_its_authority_is_not_needed(
    tmp_path: Path, look: Look, show: Show, serve: Serve
) -> None:
    shown = show(authority=Authority.create(name=SNS))
    look.ways = Ways(Probe(shown.roots, Nearby({443: await serve(shown=shown)})))
    found = await look(written(tmp_path, more="verify_chain = false"), offline=False)
    only(found["way to Amazon"], Verdict.OK)


@pytest.mark.parametrize(
    ("ahead", "says"), [(0, None), (59, None), (-59, None), (62, "62 s ahead of"), (-400, "400 s behind")]
)
async def test_the_clock_is_compared_with_that_of_sns(
    tmp_path: Path, look: Look, show: Show, serve: Serve, ahead: float, says: str | None
) -> None:
    shown = show(authority=Authority.create(name=SNS))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    port = await serve(web.Response(headers={"Date": format_datetime(moment, usegmt=True)}), shown)
    clock = lambda: moment.timestamp() + ahead  # noqa: E731
    look.ways = Ways(Probe(shown.roots, Nearby({443: port, 80: port}), clock), clock=clock)
    result = only((await look(written(tmp_path), offline=False))["clock"], Verdict.FINDING if says else Verdict.OK)
    assert says is None or says in result.detail


async def test_a_clock_that_nobody_can_be_asked_about(tmp_path: Path, look: Look, show: Show, serve: Serve) -> None:
    shown = show(authority=Authority.create(name=SNS))
    port = await serve(web.Response(headers={"Date": "soon"}), shown)
    look.ways = Ways(Probe(shown.roots, Nearby({443: port, 80: port})))
    assert "does not tell" in only((await look(written(tmp_path), offline=False))["clock"], Verdict.SKIPPED).detail
    look.ways = Ways(Probe(shown.roots, Nearby({443: 1, 80: 1})))
    assert "refused" in only((await look(written(tmp_path), offline=False))["clock"], Verdict.SKIPPED).detail


async def test_offline_nobody_is_asked(tmp_path: Path, look: Look) -> None:
    look.ways = Ways(Probe(resolver=Nearby({})), url="https://sns.example.com/sns")
    found = await look(written(tmp_path), offline=True)
    for name in ("clock", "way to Amazon", "public URL", "URL's certificate"):
        assert only(found[name], Verdict.SKIPPED).detail == "--offline"
