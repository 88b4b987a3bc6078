"""Rules files: any bytes are read or refused with findings that have a place, and the schema takes what is taken.

What the daemon accepts must be TOML, must be accepted again with the same result, and must be valid by the JSON Schema
that editors use.
"""

import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from receiver.config import Configuration, load
from receiver.config.schema import rules_schema
from receiver.errors import ConfigError
from tests.fuzz.target import Target

Load = Callable[[Path], Configuration]
_LONGEST = 32 * 1024
_MOST_FINDINGS = 10_000


class RulesFileOracle:
    """`load` on bytes."""

    def __init__(self, subject: Load = load) -> None:
        self._load = subject
        self._schema: Draft202012Validator | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="rules-file-")
        self._path = Path(self._directory.name) / "rules.toml"

    def check(self, data: bytes) -> None:
        """Read bytes as a rules file."""
        if len(data) > _LONGEST:
            return
        self._path.write_bytes(data)
        values = _toml(data)
        try:
            taken = self._load(self._path)
        except ConfigError as error:
            self._findings(error, data)
            return
        assert values is not None, "taken, and it is not TOML"
        again = self._load(self._path)
        assert (taken.rules, taken.warnings, taken.server) == (again.rules, again.warnings, again.server) or _patterns(
            taken
        ) == _patterns(again), "read twice, it is not the same"
        for finding in taken.warnings:
            assert str(finding).strip()
        faults = [error.json_path for error in self._validator().iter_errors(values)]
        assert not faults, f"taken, and not by the schema: {faults[:3]}"

    def _findings(self, error: ConfigError, data: bytes) -> None:
        assert error.findings, f"no findings: {error}"
        assert len(error.findings) < _MOST_FINDINGS
        last = data.count(b"\n") + data.count(b"\r") + 1
        for finding in error.findings:
            assert finding.message.strip(), "a finding without words"
            assert 0 <= finding.line <= last, f"line {finding.line} of {last}"
            assert "\n" not in str(finding), f"a finding of several lines: {finding}"
            assert "Traceback" not in str(finding)

    def _validator(self) -> Draft202012Validator:
        self._schema = self._schema or Draft202012Validator(rules_schema())
        return self._schema


def _toml(data: bytes) -> dict[str, Any] | None:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _patterns(taken: Configuration) -> list[str]:
    return [repr((rule.name, rule.pattern, rule.handlers, rule.key)) for rule in taken.rules]


_HEAD = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:x"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
_LINES = st.sampled_from(
    [
        *(
            '[server]\nlisten = "127.0.0.1:8080"',
            'path = "/sns"',
            "max_body = 1",
            'max_body = "2KiB"',
            'listen = "unix:/x"',
        ),
        *(
            'trusted_proxies = ["10.0.0.0/8"]',
            'basic_auth = { username = "u", password = { env = "P" } }',
            "admin = false",
        ),
        *("[sns]", 'topics = ["*"]', 'max_age = "1h"', 'signature_versions = ["2"]', "auto_confirm = false"),
        *('[[sns.signers]]\nurl = "http://localhost:4566/"', '[inbox]\nretention = "30d"', '[log]\nformat = "json"'),
        *(
            '[handlers.a]\ntype = "forward"\nurl = "https://erp.example.com/{type}"',
            'secret = { env = "S" }',
            "nope = 1",
        ),
        *(
            '[handlers.b]\ntype = "exec"\ncommand = ["cat", "{seller_id}"]',
            '[handlers.c]\ntype = "file"\npath = "{type}.jsonl"',
        ),
        *(
            '[handlers.d]\ntype = "log"',
            '[handlers.e]\ntype = "report"\nreport_type = "x"',
            'type = "python:a:b"',
            "concurrency = 0",
        ),
        *('retry = { attempts = 3, first = "1s", most = "30s" }', 'timeout = "1ms"', 'then = ["a"]', 'rate = "5/s"'),
        *(
            '[[rules]]\nname = "r"\nhandlers = ["a"]',
            'match.type = ["X"]',
            'match.payload.a = [{ prefix = "x" }]',
            "stop = true",
        ),
        *(
            'key = "{seller_id}"',
            "newest_only = true",
            'coalesce = "1s"',
            'once = { key = "{type}", within = "1h" }',
            'match = "x"',
        ),
        *(
            '[spapi]\nclient_id = "c"\nclient_secret = { env = "C" }',
            "enabled = false",
            "match = {}",
            "a = inf",
            "b = 1979-05-27",
        ),
        *(
            "[",
            "]",
            '"""',
            "'",
            "\\",
            "=",
            "\x00",
            "[[[",
            "x = {a = 1, a = 2}",
            '"\\ud800" = 1',
            "é = 1",
            '"" = ""',
            "#",
            "a.b.c = 1",
        ),
    ]
)
TARGET = Target(
    "rules_file",
    RulesFileOracle().check,
    st.builds(
        lambda head, lines: (head + "\n".join(lines) + "\n").encode(),
        st.sampled_from([_HEAD, _HEAD, _HEAD, "", "\ufeff" + _HEAD]),
        st.lists(_LINES, max_size=10),
    ),
    (
        *(
            "[server]\n",
            "[sns]\n",
            "[inbox]\n",
            "[log]\n",
            "[[rules]]\n",
            "[handlers.a]\n",
            "[[sns.signers]]\n",
            "[spapi]\n",
        ),
        *(
            'type = "forward"\n',
            'type = "exec"\n',
            'type = "file"\n',
            "match.type = [",
            "handlers = [",
            "name = ",
            "{ env = ",
        ),
    ),
)
