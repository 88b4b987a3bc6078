"""Messages for the types that handler settings of any author may use."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from receiver.config.source import Source
from receiver.errors import ConfigError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = "x"
    depth: int = Field(default=0, le=9)


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: Annotated[int, Field(ge=1, le=9)] = 1
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.5
    on: bool = False
    name: Annotated[str, Field(min_length=2, max_length=5)] = "abc"
    code: Annotated[str, Field(pattern="^[A-Z]+$")] = "A"
    colour: Colour = Colour.RED
    mode: Literal["fast", "slow"] = "fast"
    names: Annotated[tuple[str, ...], Field(max_length=2)] = ()
    inner: Inner = Inner()
    either: Inner | int | None = None
    many: list[Inner] = []
    table: dict[str, Inner] = {}
    path: Path = Path("x")

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        if self.name == "bad":
            raise ValueError("name and mode do not go together: change one")
        return self


def said(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    source = Source(file)
    source.validated(TypeAdapter(Settings), source.data, (), ["type"])
    return [f"{finding.line} {finding.key}: {finding.message}" for finding in source.findings]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count = 0", "1 count: must be at least 1, and is 0"),
        ("count = 10", "1 count: must be at most 9, and is 10"),
        ("count = 1.5", "1 count: must be a whole number, and has a fraction"),
        ('count = "3"', "1 count: must be a whole number, and is a text: take the quotes away"),
        ('count = "many"', "1 count: must be a whole number, and is a text"),
        ("count = true", "1 count: must be a whole number, and is true"),
        ("ratio = 0", "1 ratio: must be above 0.0, and is 0"),
        ("ratio = 1.0", "1 ratio: must be below 1.0, and is 1.0"),
        ("on = 1", "1 on: must be true or false, and is a number"),
        ('on = "true"', "1 on: must be true or false, and is a text: take the quotes away"),
        ("name = 12345", "1 name: must be a text in quotes, and is a number: put it in quotes"),
        ('name = "a"', "1 name: needs at least 2 characters"),
        ('name = "abcdef"', "1 name: has more than 5 characters"),
        ('name = "bad"', "1 : name and mode do not go together: change one"),
        ('code = "a"', "1 code: does not have the form ^[A-Z]+$"),
        ('colour = "rde"', '1 colour: must be "red" or "blue": did you mean "red"?'),
        ('mode = "fsat"', '1 mode: must be "fast" or "slow": did you mean "fast"?'),
        ('mode = "x"', '1 mode: must be "fast" or "slow"'),
        ("mode = 3", '1 mode: must be "fast" or "slow", and is a number'),
        (
            'names = "x"',
            "1 names: must be a list in brackets, and is a text: put it in brackets, even where it is the only one",
        ),
        ('names = [\n"a",\n3,\n]', "3 names[1]: must be a text in quotes, and is a number: put it in quotes"),
        ('names = ["a", "b", "c"]', "1 names: has more than 2 entries"),
        ("inner = 3", "1 inner: must be a table, and is a number"),
        ("[inner]\ndeph = 3", '2 inner.deph: there is no such key here: did you mean "depth"?'),
        ("[inner]\nzzz = 3", "2 inner.zzz: there is no such key here: the keys are: name, depth"),
        ("[[many]]\n[[many]]\nnam = 3", '3 many[1].nam: there is no such key here: did you mean "name"?'),
        ("[table.a]\nnam = 3", '2 table.a.nam: there is no such key here: did you mean "name"?'),
        ("typ = 3", '1 typ: there is no such key here: did you mean "type"?'),
        ("[either]\nnam = 3", '2 either.nam: there is no such key here: did you mean "name"?'),
        ("path = 3", "1 path: must be a text in quotes, and is a number: put it in quotes"),
    ],
)
def test_messages(tmp_path: Path, text: str, message: str) -> None:
    assert message in said(tmp_path, text)


def test_a_number_that_may_be_a_secret_is_not_repeated(tmp_path: Path) -> None:
    assert "8675309" not in "".join(said(tmp_path, "name = 8675309\non = 8675309\nmode = 8675309\ninner = 8675309"))


def test_valid_values_pass(tmp_path: Path) -> None:
    lines = ("count = 9", 'colour = "blue"', 'names = ["a"]', 'path = "/x"', "ratio = 0.1", "many = [{ depth = 1 }]")
    assert said(tmp_path, "\n".join([*lines, "either = { depth = 2 }"])) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb = ten\n", "rules.toml:2:5: invalid TOML: this is not a TOML value: put text in quotes"),
        (b"a\n", "rules.toml:1:2: invalid TOML: a key is followed by = and its value"),
        (b'a = "x\n', "rules.toml:1:7: invalid TOML: a text does not go on over the end of the line"),
        (b"a = 1\na = 2\n", "this key is set already"),
        (b"[a]\n[a]\n", "rules.toml:2:3: invalid TOML: this table is there already"),
        (b"a = [1\n\n", "rules.toml:1: invalid TOML: a list is not closed"),
        (b"a = {b = 1\n}", "rules.toml:1:11: invalid TOML: a table in braces is not closed, and stands on one line"),
        (b'a = "\\d"', "a backslash in double quotes is written \\\\"),
        (b'a = """x', "the quotes of a text are not closed"),
        (b"a = 1 b = 2", "rules.toml:1:7: invalid TOML: the line should end here"),
        (b"= 1", "rules.toml:1:1: invalid TOML"),
        (b"[a\n", "rules.toml:1:3: invalid TOML: the name of a [table] is not closed: it ends with ]"),
        (b"[[a]\n", "rules.toml:1:4: invalid TOML: the name of a list of tables is not closed: it ends with ]]"),
        (b'a = 1\nb = "\xe4"', "rules.toml:2:6: is not UTF-8 text: save the file as UTF-8"),
        (b"a = " + b"[" * 20000, "nested too deep"),
    ],
)
def test_files_that_are_not_toml(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Source(file)
    assert message in str(caught.value)
    assert len(caught.value.findings) == 1


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    source = Source(file)
    assert source.data == {"a": 1, "b": 2}
    assert source.lines.of(("b",)) == 2


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=f"cannot be read: {reason}"):
            Source(path)
