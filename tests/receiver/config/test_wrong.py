"""What `check` says of wrong and doubtful rules files, kept beside them. To write it anew, delete the .txt and run."""

from pathlib import Path

import pytest

from receiver.config import load
from receiver.errors import ConfigError

WRONG = Path(__file__).parent / "wrong"
FILES = sorted(WRONG.glob("*.toml"))


def said(path: Path) -> str:
    try:
        lines = [str(finding) for finding in load(path).warnings]
    except ConfigError as error:
        lines = str(error).splitlines()
    return "".join(line.replace(f"{WRONG}/", "") + "\n" for line in lines)


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_every_finding_names_the_line_and_the_cure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WRONG)
    golden = Path(name).with_suffix(".txt")
    if not golden.exists():
        golden.write_text(said(Path(name)))
        pytest.fail(f"{golden} was missing and has been written: read it")
    assert said(Path(name)) == golden.read_text()


def test_the_list_is_complete() -> None:
    assert len(FILES) >= 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_finding_repeats_a_secret(path: Path) -> None:
    text = said(path)
    assert text
    for secret in ("hunter2", "C2FVsBQIhrscChlQIMV", "12345678\n", "0123456789abcdef"):
        assert secret not in text
