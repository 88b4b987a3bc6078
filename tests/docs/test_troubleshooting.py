"""The page on troubleshooting names every event, reason and check that the code has, and none that it has not."""

import re
from pathlib import Path

import pytest

from tests.docs import vocabulary

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def section(title: str) -> str:
    """The text of a section, up to the next one of its level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def first_cells(text: str, column: int = 0) -> set[str]:
    """The names in code marks in one column of a section's tables."""
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[column])}


def test_every_event_is_told_and_no_other() -> None:
    text = section("Events of the log")
    told = first_cells(text) | set(re.findall(r"`([a-z_]+)`", text[text.index("Information:") :]))
    assert told == vocabulary.events()


def test_every_reason_is_told_and_no_other() -> None:
    text = section("Answers")
    again = text.index("| sent again")
    assert first_cells(text[:again], 1) | first_cells(text[again:]) == vocabulary.reasons()


def test_every_check_of_the_doctor_is_told_in_its_order() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", section("What `doctor` looks at"), re.MULTILINE)
    assert rows == ["rules file", *vocabulary.checks()]


@pytest.mark.parametrize("heading", re.findall(r"\]\(#([a-z-]+)\)", PAGE.read_text("utf-8")))
def test_links_within_the_page_lead_somewhere(heading: str) -> None:
    anchors = [re.sub(r"[^a-z -]", "", line.lower()).strip().replace(" ", "-") for line in headings()]
    assert heading in anchors


def headings() -> list[str]:
    return [line.lstrip("# ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("#")]
