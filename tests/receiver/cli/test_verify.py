import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.cli.verify import command
from receiver.simulators.sns.authority import Authority
from receiver.simulators.sns.messages import Topic

NAMES = [
    "notification-signature-v2.json",
    "notification-subject-signature-v1.json",
    "subscription-confirmation-signature-v1.json",
]


@pytest.fixture
def certificate(shared: Path) -> str:
    return str(next((shared / "sns").glob("*.pem")))


def run(*arguments: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(command, list(arguments), input=given)


@pytest.mark.parametrize("name", NAMES)
def test_real_messages_are_authentic_at_their_own_time(shared: Path, certificate: str, name: str) -> None:
    path = str(shared / "sns" / name)
    result = run(path, "--certificate", certificate, "--at", "message")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("authentic\n")
    assert "its chain of trust was not checked" in result.stdout
    assert "compared with no allow-list" in result.stdout
    at = json.loads(Path(path).read_bytes())["Timestamp"]
    assert run(path, "--certificate", certificate, "--at", at).exit_code == 0


def test_standard_input_is_read(shared: Path, certificate: str) -> None:
    body = (shared / "sns" / NAMES[0]).read_bytes()
    assert run("-", "--certificate", certificate, "--at", "message", given=body).exit_code == 0


def test_an_ended_certificate_is_said_with_the_way_out(shared: Path, certificate: str) -> None:
    path = str(shared / "sns" / NAMES[0])
    result = run(path, "--certificate", certificate, "--at", "2026-10-15T00:00:00Z")
    assert result.exit_code == 1
    assert "not authentic (certificate): the signing certificate ended at 2026-10-14T23:59:59Z" in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_change_of_the_certificate_url_is_refused(shared: Path, certificate: str, name: str) -> None:
    fields = json.loads((shared / "sns" / name).read_bytes())
    url = fields["SigningCertURL"]
    for place, character in enumerate(url):
        changed = url[:place] + ("0" if character != "0" else "1") + url[place + 1 :]
        body = json.dumps(fields | {"SigningCertURL": changed}).encode()
        result = run("-", "--certificate", certificate, "--at", "message", given=body)
        assert (result.exit_code, "(certificate_url)" in result.stdout) == (1, True), changed


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Message": "This message uses signature version 1."}, "signature"),
        ({"SignatureVersion": "1"}, "signature"),
        ({"SignatureVersion": "9"}, "signature_version"),
        ({"SigningCertURL": "https://evil.example/x.pem"}, "certificate_url"),
        ({"Type": "notification"}, "type"),
        ({"Message": 1}, "fields"),
    ],
)
def test_a_message_that_is_not_authentic(shared: Path, certificate: str, changes: dict[str, Any], reason: str) -> None:
    body = json.dumps(json.loads((shared / "sns" / NAMES[0]).read_bytes()) | changes).encode()
    result = run("-", "--certificate", certificate, "--at", "message", given=body)
    assert result.exit_code == 1
    assert f"not authentic ({reason})" in result.stdout
    record = json.loads(run("-", "--certificate", certificate, "--at", "message", "--json", given=body).stdout)
    assert (record["authentic"], record["reason"]) == (False, reason)


def test_what_is_no_message_is_said(certificate: str) -> None:
    result = run("-", given=b"hello")
    assert result.exit_code == 1
    assert result.stdout.startswith("not authentic (not_json)")


def test_one_json_object_is_printed(shared: Path, certificate: str) -> None:
    result = run(str(shared / "sns" / NAMES[0]), "--certificate", certificate, "--at", "message", "--json")
    assert json.loads(result.stdout) == {
        "authentic": True,
        "verdict": "authentic",
        "reason": "",
        "detail": "",
        "type": "Notification",
        "message_id": "9d2c5580-b61d-550c-8583-37a582870907",
        "topic": "arn:aws:sns:us-west-2:131990247566:dongie-standard-topic",
        "topic_checked": False,
        "timestamp": "2026-03-06T20:00:26.893Z",
        "judged_at": "2026-03-06T20:00:26.893Z",
        "signature_version": "2",
        "certificate": certificate,
        "certificate_given": True,
        "chain_checked": False,
    }


def test_topics_can_be_named(shared: Path, certificate: str) -> None:
    arguments = [str(shared / "sns" / NAMES[0]), "--certificate", certificate, "--at", "message", "--topic"]
    allowed = run(*arguments, "arn:aws:sns:*:131990247566:dongie-*")
    assert allowed.exit_code == 0
    assert "allow-list" not in allowed.stdout
    other = run(*arguments, "arn:aws:sns:us-west-2:123456789012:dongie-standard-topic")
    assert other.exit_code == 1
    assert "not authentic (topic_not_allowed)" in other.stdout


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--at", "yesterday"], "is not a time"),
        (["--topic", "arn:aws:sns:us-west-2:*:t"], "other AWS customers"),
        (["--topic", "orders"], "not a topic's ARN"),
        (["--certificate", "/nonexistent/file.pem"], "does not exist"),
        (["--signer", "localhost:4566"], "not a stand-in's URL"),
        (["--signer", "https://sns.us-west-2.amazonaws.com/"], "needs no entry"),
        (["--what"], "No such option"),
    ],
)
def test_wrong_usage_ends_with_2(shared: Path, arguments: list[str], fault: str) -> None:
    result = run(str(shared / "sns" / NAMES[0]), *arguments)
    assert result.exit_code == 2
    assert fault in result.stderr


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        result = run(str(path))
        assert result.exit_code == 2
        assert str(path) in result.stderr


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("hello", "holds no PEM certificate"),
        ("", "holds no PEM certificate"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used: .* is damaged"),
        ("note\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is not a PEM certificate alone"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--signer", "http://127.0.0.1:4566/"]])
def test_a_certificate_that_is_none_is_wrong_usage(
    shared: Path, tmp_path: Path, content: str, fault: str, more: list[str]
) -> None:
    """It says nothing about the message, whose authenticity is not in doubt."""
    path = tmp_path / "a.pem"
    path.write_text(content)
    result = run(str(shared / "sns" / NAMES[0]), "--certificate", str(path), "--at", "message", *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(f"--certificate: {re.escape(str(path))} .*{fault}", result.stderr)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections go to a port of this machine where nobody listens."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_network")
def test_without_a_network_the_chain_cannot_be_built_and_it_is_said(shared: Path, certificate: str) -> None:
    path = str(shared / "sns" / NAMES[0])
    result = run(path, "--certificate", certificate, "--at", "message", "--chain")
    assert result.exit_code == 1
    assert result.stdout.startswith("cannot be judged now (issuer_unavailable)")
    assert "--no-chain" in result.stdout
    fetched = run(path, "--at", "message")
    assert fetched.exit_code == 1
    assert fetched.stdout.startswith("cannot be judged now (certificate_unavailable)")
    assert "--certificate" in fetched.stdout


def test_a_stand_ins_message_is_judged_by_its_certificate(simulated: tuple[Path, Path]) -> None:
    message, pem = simulated
    assert "(certificate_url)" in run(str(message)).stdout
    result = run(str(message), "--signer", "http://127.0.0.1:4566/", "--certificate", str(pem))
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "authentic")
    assert "its chain of trust was not checked" in result.stdout


@pytest.fixture
def simulated(tmp_path: Path) -> tuple[Path, Path]:
    """A message and certificate of the simulator, which was written apart from receiver.sns."""
    authority = Authority.self_signed()
    topic = Topic("arn:aws:sns:us-east-1:123456789012:t", "http://127.0.0.1:4566/", authority)
    push = topic.notification("hello", subscription="arn:aws:sns:us-east-1:123456789012:t:1", sent_at=1780315200.0)
    (tmp_path / "message.json").write_bytes(push.body)
    (tmp_path / "local.pem").write_bytes(authority.certificate)
    return tmp_path / "message.json", tmp_path / "local.pem"
