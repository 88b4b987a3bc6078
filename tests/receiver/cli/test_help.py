"""The help of groups of commands: every command is told in a whole sentence."""

import pytest
from click.testing import CliRunner

from receiver.cli import cli

GROUPS = ["inbox", "deliveries", "accounts", "subscriptions", "destinations", "operations", "simulate"]


@pytest.mark.parametrize("group", GROUPS)
def test_no_sentence_breaks_off(group: str) -> None:
    text = CliRunner().invoke(cli, [group, "--help"]).stdout
    assert [line for line in text.partition("Commands:")[2].splitlines() if line.endswith("...")] == []
