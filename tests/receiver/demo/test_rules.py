import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.config import load
from receiver.demo.rules import Surroundings, annotated_rules, demo_rules, push_path
from receiver.simulators.sns import Authority


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    certificate = tmp_path / "sns.pem"
    certificate.write_bytes(Authority.self_signed().certificate)
    topic = "arn:aws:sns:eu-west-1:123456789012:other"
    return Surroundings(tmp_path, "http://127.0.0.1:4599/", certificate, topic, "http://127.0.0.1:4600/", SPAPI)


SPAPI = {
    "client_id": {"env": "DEMO_CLIENT_ID"},
    "client_secret": {"env": "DEMO_CLIENT_SECRET"},
    "endpoints": {"lwa": "http://127.0.0.1:4601/auth/o2/token", "na": "http://127.0.0.1:4601"},
    "accounts": [{"seller_id": "A0001", "region": "na", "refresh_token": {"env": "DEMO_REFRESH_TOKEN_1"}}],
}


def test_the_annotated_file_becomes_one_that_check_passes(around: Surroundings) -> None:
    path = around.directory / "rules.toml"
    path.write_text(demo_rules(annotated_rules(), around))
    configuration = load(path)
    original = tomllib.loads(annotated_rules())
    assert [rule.name for rule in configuration.rules] == [rule["name"] for rule in original["rules"]]
    assert list(configuration.handlers) == list(original["handlers"])
    assert configuration.inbox.database == around.directory / "inbox.db"
    assert configuration.sns.topics == (*original["sns"]["topics"], around.topic)
    assert {finding.path[:2] for finding in configuration.warnings} == {("sns", "signers")}


def test_nothing_of_the_original_destinations_and_secrets_is_left(around: Surroundings) -> None:
    made = demo_rules(annotated_rules(), around)
    assert "example.com" not in made
    for variable in ("ERP_WEBHOOK_SECRET", "LWA_CLIENT", "SPAPI_REFRESH_TOKEN"):
        assert variable not in made
    handlers = tomllib.loads(made)["handlers"]
    assert handlers["repricer"]["url"] == "http://127.0.0.1:4600/repricer"
    assert handlers["repricer"]["retry"] == {"attempts": 5, "first": "1s", "most": "30s"}


def test_handlers_of_other_types_go_to_the_sink_too(around: Surroundings) -> None:
    annotated = """
    server = { path = "/in", tls = { certificate = "a", key = "b" } }
    handlers.price = { type = "exec", command = ["/bin/true"], then = ["erp"], timeout = "3s" }
    """
    made = demo_rules(annotated, around)
    assert push_path(made) == "/in"
    assert "tls" not in tomllib.loads(made)["server"]
    assert tomllib.loads(made)["handlers"]["price"] == {
        "type": "forward",
        "url": "http://127.0.0.1:4600/price",
        "secret": {"env": "DEMO_WEBHOOK_SECRET"},
        "headers": {"x-notification-id": "{notification_id}"},
        "allow_private": True,
        "timeout": "3s",
    }


def test_handlers_that_call_stay_with_the_stand_in_to_call(around: Surroundings) -> None:
    annotated = """
    spapi = { client_id = { env = "LWA_CLIENT_ID" }, client_secret = { credential = "lwa" }, sandbox = true }
    handlers.order = { type = "order", then = ["erp"], timeout = "3s" }
    """
    made = tomllib.loads(demo_rules(annotated, around))
    assert made["spapi"] == SPAPI
    assert made["handlers"]["order"] == {"type": "order", "then": ["erp"], "timeout": "3s"}


texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    texts | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_every_match_survives_the_rewriting(match: dict[str, object]) -> None:
    around = Surroundings(Path("/d"), "http://a/", Path("/c"), "arn", "http://b/", SPAPI)
    annotated = demo_rules("", around)
    from receiver.demo.rules import _document

    again = tomllib.loads(annotated) | {"rules": [{"match": match}]}
    assert tomllib.loads(_document(again)) == again
