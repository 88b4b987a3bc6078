import ipaddress
import json
import os
import random
import tomllib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.base import Delivery, Done, Handler, HandlerSettings, Outcome, Secret, Template
from receiver.config import AlertSettings, Configuration, Listen, load
from receiver.errors import ConfigError

ROOT = Path(__file__).parents[3]
FULL = (Path(__file__).parent / "full.toml").read_text()
LEAST = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
"""
ERP = """
[handlers.erp]
type = "forward"
url = "https://erp.example.com/hooks"
"""


class OwnSettings(HandlerSettings):
    greeting: str
    timeout: str = ""


class OwnHandler(Handler[OwnSettings]):
    Settings: ClassVar = OwnSettings

    async def handle(self, delivery: Delivery) -> Outcome:
        return Done()


def read(tmp_path: Path, text: str) -> Configuration:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    return load(path)


def errors(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.findings)
    return [line.removeprefix(f"{tmp_path}/rules.toml:") for line in lines]


def warnings(tmp_path: Path, text: str) -> list[str]:
    return [str(finding).removeprefix(f"{tmp_path}/rules.toml:") for finding in read(tmp_path, text).warnings]


def test_defaults(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST)
    assert config.server.listen == Listen("127.0.0.1", 8080)
    assert config.server.admin == Listen("127.0.0.1", 9090)
    assert (config.server.path, config.server.max_body, config.server.stop_grace) == ("/sns", 1 << 20, 20.0)
    assert (config.sns.auto_confirm, config.sns.verify_chain, config.sns.max_age) == (True, True, 86400.0)
    assert config.sns.signature_versions == ("1", "2")
    assert config.inbox.database == Path("/var/lib/spapi-router/inbox.db")
    assert config.inbox.retention == 30 * 86400.0
    assert (config.log.level, config.log.format) == ("info", "text")
    assert config.spapi is None
    assert (dict(config.handlers), config.rules) == ({}, ())
    assert [finding.message for finding in config.warnings] == [
        "there are no rules: everything will be kept as unrouted"
    ]


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    config = read(tmp_path, FULL)
    server, sns, spapi = config.server, config.sns, config.spapi
    assert server.listen == Listen(unix=Path("/run/spapi-router/sns.sock"))
    assert server.tls
    assert (server.tls.certificate, server.tls.key) == (tmp_path / "fullchain.pem", Path("/etc/ssl/key.pem"))
    assert (server.admin, server.max_body, server.stop_grace) == (None, 512 << 10, 90.0)
    assert server.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))
    assert server.basic_auth
    assert server.basic_auth.password == Secret("credential", "sns-password")
    assert (sns.certificates, sns.signers[0].certificate) == (tmp_path / "certs", tmp_path / "local.pem")
    assert (config.inbox.database, config.inbox.retention) == (tmp_path / "inbox.db", 7 * 86400.0)
    assert spapi
    assert spapi.client_secret == Secret("file", str(tmp_path / "lwa-secret"))
    assert (spapi.endpoints.eu, spapi.accounts[0].marketplaces) == ("http://127.0.0.1:1", ("A1PA6795UKMFR9",))
    assert spapi.previous_keys == (Secret("env", "OLD_KEY"), Secret("file", str(tmp_path / "older-key")))
    assert (spapi.callback_path, spapi.draft) == ("/authorize/callback", True)
    assert (config.log.level, config.log.format) == ("debug", "json")


def line_of(text: str) -> int:
    return FULL.splitlines().index(text) + 1


def test_handlers_and_rules(tmp_path: Path) -> None:
    config = read(tmp_path, FULL)
    erp = config.handlers["erp"]
    assert (erp.name, erp.type, erp.line) == ("erp", "forward", line_of("[handlers.erp]"))
    assert isinstance(erp.settings, erp.factory.Settings)
    assert (erp.options.concurrency, erp.options.rate, erp.options.burst, erp.options.timeout) == (2, 20.0, 5, 10.0)
    assert (erp.options.retry.attempts, erp.options.retry.most, erp.options.retry.age) == (3, 10.0, 86400.0)
    assert (erp.options.breaker, erp.options.then) == (None, ("archive",))
    assert config.handlers["archive"].options.breaker is not None
    orders, rest = config.rules
    assert (orders.name, orders.handlers, orders.coalesce, orders.newest_only) == ("orders", ("erp",), 10.0, True)
    assert orders.key == Template.parse("{payload.OrderChangeNotification.AmazonOrderId}")
    assert orders.once
    assert (orders.once.key.source, orders.once.within) == ("{notification_id}", 86400.0)
    assert (orders.stop, orders.enabled, orders.description, orders.line) == (
        True,
        True,
        "unshipped ones",
        line_of("[[rules]]"),
    )
    assert orders.pattern
    status = {"OrderChangeNotification": {"Summary": {"OrderStatus": "Unshipped"}}}
    assert orders.pattern.matches({"type": "ORDER_CHANGE", "payload": status})
    assert not orders.pattern.matches({"type": "ORDER_CHANGE", "payload": {}})
    assert (rest.pattern, rest.enabled, rest.handlers) == (None, False, ("archive", "erp"))


def test_the_default_retry_spans_a_day_on_average(tmp_path: Path) -> None:
    retry = read(tmp_path, LEAST + ERP).handlers["erp"].options.retry
    draw = random.Random(7).random
    spans = [sum(retry.wait(attempt, draw) for attempt in range(1, retry.attempts)) for _ in range(2000)]
    assert sum(spans) / len(spans) >= 86400.0


def test_a_class_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_greeter.py").write_text(
        "from handlers.base import Done, Handler, HandlerSettings\n"
        "class S(HandlerSettings):\n    greeting: str\n    timeout: str = ''\n"
        "class H(Handler[S]):\n    Settings = S\n    async def handle(self, delivery): return Done()\n"
    )
    text = LEAST + '[handlers.own]\ntype = "python:own_greeter:H"\ngreeting = "hello"\ntimeout = "5s"\n'
    spec = read(tmp_path, text).handlers["own"]
    assert spec.settings.model_dump() == {"greeting": "hello", "timeout": "5s"}
    assert spec.options.timeout == 5.0
    assert errors(tmp_path, text.replace("greeting", "greting")) == [
        "4: handlers.own.greeting: is missing",
        '6: handlers.own.greting: there is no such key here: did you mean "greeting"?',
    ]


def test_all_errors_at_once_in_file_order(tmp_path: Path) -> None:
    found = errors(
        tmp_path,
        '[log]\nlevel = "lod"\n[inbox]\nretention = 3\n' + LEAST + ERP + 'retyr = 3\n[[rules]]\nhandlers = ["x"]\n',
    )
    assert [line.partition(":")[0] for line in found] == ["2", "4", "12", "13", "14"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "1: sns.topics: no topics are allowed"),
        ("[sns]\nmax_age = '1h'", "1: sns.topics: no topics are allowed"),
        ("[sns]\ntopics = []", "2: sns.topics: no topics are allowed"),
        (LEAST + "[inbox]\nretention = '1h'", "5: inbox.retention: is shorter than sns.max_age"),
        (LEAST + "[server]\nadmin = '127.0.0.1:8080'", "4: server: admin and listen are both 127.0.0.1:8080"),
        (LEAST + "[handlers.'a/b']\ntype = 'log'", '4: handlers."a/b": a handler\'s name has 1 to 64 letters'),
        (LEAST + "[handlers.a]", "4: handlers.a.type: is missing: one of forward"),
        (LEAST + "[handlers.a]\ntype = 3", "5: handlers.a.type: must be a text in quotes"),
        (LEAST + "[handlers.a]\ntype = 'log'\nburst = 3", "4: handlers.a: burst needs a rate"),
        (LEAST + "[handlers.a]\ntype = 'log'\nthen = ['a']", "6: handlers.a.then: the chain never ends: a -> a"),
        (LEAST + "[handlers.a]\ntype = 'log'\nthen = ['b', 'b']\n[handlers.b]\ntype = 'log'", '"b" is named twice'),
        (LEAST + "[[rules]]\nname = 'x'\nhandlers = ['erp']", "add a [handlers.erp] table"),
        (LEAST + ERP + "[[rules]]\nname = 'x'\nhandlers = 'erp'", "must be a list in brackets, and is a text"),
        (LEAST + ERP + "[[rules]]\nname = ' x'\nhandlers = ['erp']", "or blanks at an end"),
        (LEAST + ERP + "[[rules]]\nname = 'x'\nhandlers = ['erp']\nkey = 'all'", "has no {field}"),
        (
            LEAST + ERP + "[[rules]]\nname = 'x'\nhandlers = ['erp']\nmatch = 3",
            "match: must be a table, and is a number",
        ),
        (
            LEAST + ERP + "[[rules]]\nname = 'x'\nhandlers = ['erp']\nmatch.a = [nan]",
            "nan is no number that can be used here",
        ),
        (LEAST + "sns = 3", "sns.sns: there is no such key here"),
        (LEAST + "[inbox]\nretention = 2026-01-01", "5: inbox.retention: no key takes a date or a time as such"),
        ("sns = 3", "1: sns: must be a table, and is a number: write [sns] above its keys"),
        ("handlers = 3" + LEAST, "1: handlers: must be tables like [handlers.erp], and is a number"),
        ("rules = [3]" + LEAST, "1: rules[0]: must be a table, and is a number"),
        ("[rules]\nname = 'x'" + LEAST, "1: rules: must be written as [[rules]]"),
    ],
)
def test_errors(tmp_path: Path, text: str, error: str) -> None:
    assert any(error in line for line in errors(tmp_path, text)), errors(tmp_path, text)


def test_a_rule_may_end_the_search_and_do_nothing(tmp_path: Path) -> None:
    rule = read(tmp_path, LEAST + "[[rules]]\nname = 'drop'\nmatch.type = ['ORDER_CHANGE']\nstop = true").rules[0]
    assert (rule.handlers, rule.stop) == ((), True)


def test_long_chains_are_checked_quickly_and_each_cycle_is_said_once(tmp_path: Path) -> None:
    chain = "".join(f"[handlers.h{n}]\ntype = 'log'\nthen = ['h{n + 1}', 'h{n + 2}']\n" for n in range(60))
    tail = "[handlers.h60]\ntype = 'log'\n[handlers.h61]\ntype = 'log'\n"
    assert len(read(tmp_path, LEAST + chain + tail).handlers) == 62
    cycle = "".join(f"[handlers.h{n}]\ntype = 'log'\nthen = ['h{(n + 1) % 5}']\n" for n in range(5))
    assert len(errors(tmp_path, LEAST + cycle)) == 1


def test_warnings_are_silent_where_they_could_be_wrong(tmp_path: Path) -> None:
    text = LEAST + ERP
    rules = [
        "match.type = ['router.delivery_dead']\nmatch.payload.anything = ['x']",
        "match.type = [{ prefix = 'router.' }]\nmatch.payload.anything = ['x']",
        "match.type = ['PRICING_HEALTH']\nmatch.payload.Summary = ['x']",
        "match.type = [{ prefix = 'LISTINGS' }]\nmatch.payload.Sku = ['x']",
        "match.'$or' = [{ type = ['ORDER_CHANGE'] }, { payload.Sku = ['x'] }]",
        "key = '{payload.OrderChangeNotification.Summary.OrderItems.0.SellerSKU}'",
        "match.message.anything = ['x']\nmatch.attributes.x = ['y']",
        "match.type = ['']\nmatch.subject = ['x']",
        "match.type = ['ORDER_STATUS_CHANGE']\nmatch.payload.amazonOrderId = ['x']",
    ]
    text += "".join(f"[[rules]]\nname = 'rule {n}'\nhandlers = ['erp']\n{rule}\n" for n, rule in enumerate(rules))
    assert warnings(tmp_path, text) == []


def test_credentials_are_not_missed_while_the_service_does_not_run(tmp_path: Path) -> None:
    place = "/run/credentials/spapi-router.service"
    tls = f'[server]\ntls = {{ certificate = "{place}/fullchain.pem", key = "{place}/privkey.pem" }}\n'
    assert [text for text in warnings(tmp_path, tls + LEAST) if "server.tls" in text] == []


def test_relative_paths_are_seen_from_the_file_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(tmp_path, LEAST + '[inbox]\ndatabase = "sqlite:inbox.db"')
    monkeypatch.chdir(tmp_path.parent)
    assert load(Path(tmp_path.name) / "rules.toml").inbox.database == tmp_path / "inbox.db"


def test_the_rules_file_of_the_project_has_no_findings() -> None:
    config = load(ROOT / "rules.toml")
    assert config.rules
    assert config.warnings == ()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["erp", "5s", "{a}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)


def toml(value: Any) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if value is None:
        return "1979-05-27T07:32:00Z"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def key_lines(text: str) -> list[int]:
    return [place for place, line in enumerate(text.splitlines()) if " = " in line]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(key_lines(FULL)), VALUES)
def test_any_value_for_any_key_is_taken_or_refused_with_its_line(place: int, value: Any) -> None:
    lines = FULL.splitlines()
    lines[place] = f"{lines[place].partition(' = ')[0]} = {toml(value)}"
    path = Path(os.environ["PYTEST_TMP"]) / "any.toml"
    path.write_text("\n".join(lines), "utf-8", errors="replace")
    try:
        load(path)
    except ConfigError as error:
        assert all(finding.line > 0 and finding.message for finding in error.findings)  # noqa: PT017


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(FULL)), st.integers(0, 4), st.text(alphabet="[]{}=.,\"'#\n ax1\\", max_size=3))
def test_any_slip_of_the_pen_is_taken_or_refused(place: int, cut: int, text: str) -> None:
    path = Path(os.environ["PYTEST_TMP"]) / "slip.toml"
    path.write_text(FULL[:place] + text + FULL[place + cut :])
    with suppress(ConfigError):
        load(path)


@pytest.fixture(autouse=True, scope="module")
def _directory(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_TMP", str(tmp_path_factory.mktemp("load")))
        yield


def test_the_full_example_is_toml() -> None:
    assert len(tomllib.loads(FULL)["rules"]) == 2


def test_consents_and_pushes_arrive_at_different_paths(tmp_path: Path) -> None:
    text = FULL.replace("https://router.example.com/authorize/callback", "https://router.example.com/hooks/sns")
    with pytest.raises(ConfigError, match=r"spapi\.redirect_uri: has the path of server\.path"):
        read(tmp_path, text)


def test_alerts_and_telemetry(tmp_path: Path) -> None:
    assert read(tmp_path, LEAST).alerts == AlertSettings()
    assert read(tmp_path, LEAST).telemetry is None
    config = read(tmp_path, FULL)
    alerts, telemetry, spapi = config.alerts, config.telemetry, config.spapi
    assert (alerts.failure_rate, alerts.failure_window, alerts.failure_attempts) == (0.1, 3600.0, 5)
    assert (alerts.usage_plan, alerts.client_secret_ends, alerts.no_notification) == (None, None, None)
    assert (alerts.oldest_delivery, alerts.certificate_ends, alerts.calm) == (1800.0, 864000.0, 60.0)
    assert telemetry
    assert spapi
    assert telemetry.headers == {"x-key": Secret("env", "COLLECTOR_KEY")}
    assert (telemetry.sample, telemetry.service, telemetry.timeout) == (0.25, "router-eu", 5.0)
    assert spapi.client_secret_expires == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://otel.example.com/", "https://otel.example.com/v1/traces"),
        ("https://otel.example.com/otlp/v1/traces", "https://otel.example.com/otlp/v1/traces"),
    ],
)
def test_spans_are_posted_to_the_path_of_the_specification(tmp_path: Path, endpoint: str, url: str) -> None:
    config = read(tmp_path, f'{LEAST}\n[telemetry]\nendpoint = "{endpoint}"\n')
    assert config.telemetry
    assert config.telemetry.url == url


def test_telemetry_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'spapi-router\[otel\]'"):
        read(tmp_path, f'{LEAST}\n[telemetry]\nendpoint = "http://127.0.0.1:4318"\n')
