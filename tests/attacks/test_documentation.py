"""The pages tell of the table as it is."""

from tests.attacks.__main__ import PAGE, SUMMARY, page, with_summary


def test_the_page_of_all_rows_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m tests.attacks --write"


def test_the_summary_is_current() -> None:
    text = SUMMARY.read_text("utf-8")
    assert with_summary(text) == text, "run python -m tests.attacks --write"
