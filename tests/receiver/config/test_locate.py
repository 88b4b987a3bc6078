import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.config.locate import Path, locate


def paths(value: Any, above: Path = ()) -> set[Path]:
    below = value.items() if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else ()
    return {(*above, name) for name, _ in below}.union(*(paths(item, (*above, name)) for name, item in below))


TEXT = '''
title = "x" # [not.a.table]

[server] # comment
tls = { certificate = "a = b", "k.ey" = """
]
\\"""" }

[[rules]]
name = "first"
match.payload."Order Id".x = [
  "a", # ]
  { prefix = "b" },
  [1, 2],
]

[rules.once]
key = \'\'\'it''s {this}\'\'\'
when = 1979-05-27 07:32:00

[[rules]]
name = 'second'
[[rules.deep]]
a = 1
[[rules.deep]]
b.c = -1e3
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("server",), 4),
        (("server", "tls"), 5),
        (("server", "tls", "certificate"), 5),
        (("server", "tls", "k.ey"), 5),
        (("rules",), 9),
        (("rules", 0), 9),
        (("rules", 0, "match", "payload", "Order Id", "x"), 11),
        (("rules", 0, "match", "payload"), 11),
        (("rules", 0, "match", "payload", "Order Id", "x", 0), 12),
        (("rules", 0, "match", "payload", "Order Id", "x", 1, "prefix"), 13),
        (("rules", 0, "match", "payload", "Order Id", "x", 2, 1), 14),
        (("rules", 0, "once"), 17),
        (("rules", 0, "once", "when"), 19),
        (("rules", 1, "name"), 22),
        (("rules", 1, "deep", 1, "b", "c"), 26),
        (("rules", 1, "missing", "deeper"), 21),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_lines(path: Path, line: int) -> None:
    assert locate(TEXT).of(path) == line
    assert locate(TEXT.replace("\n", "\r\n")).of(path) == line


def test_every_path_of_the_text_is_found() -> None:
    assert locate(TEXT).paths == paths(tomllib.loads(TEXT))


def test_an_explicit_header_wins_over_a_mention() -> None:
    lines = locate("[a.b.c]\nx = 1\n\n[a.b]\ny = 2\n")
    assert lines.of(("a", "b")) == 4
    assert lines.of(("a",)) == 1
    assert lines.of(("a", "b", "c")) == 1


@pytest.mark.parametrize(
    "text",
    [
        'a = """""five quotes"""""',
        "a = '''''five quotes'''''",
        'a = """\\\n  folded \\""" still"""\nb = 1',
        'a = "\\\\"\nb = 1',
        "a = \"\"\nb = ''\nc = \"\"\"\"\"\"\nd = ''''''\ne = 1",
        "a = []\nb = {}\nc = [[], {}, [{}]]\nd = [ # x\n , ]".replace(" , ", " "),
        "a.b.c = 1\na.b.d = 2\n[x]\n[x.y.z]\n[ x . w ]\nq = 1",
        '"" = 1\n"a.b".\'c d\'."\\u00e9" = 2',
        "a = 1979-05-27T07:32:00Z # x\nb = [1979-05-27 07:32:00, 1979-05-27]\nc=0x_".replace("0x_", "0xff"),
        "[[a.b]]\n[[a.b]]\n[a.b.c]\nx=1\n[[a.b.d]]\n[[a.b.d]]",
        "",
        "# only a comment",
    ],
)
def test_corners_of_the_grammar(text: str) -> None:
    assert locate(text).paths == paths(tomllib.loads(text))


KEYS = st.sampled_from(["a", "b-1", "_", "7", '"a.b"', "'c d'", '""', '"\\u00e9\\""', '"#]"'])
BLANKS = st.sampled_from(["", " ", "\t"])
BREAKS = st.sampled_from(["", " ", "\n", " # ]}'\"\n  "])
STRINGS = st.sampled_from(
    ['"{}"', "'{}'", '"""\n{}""" ', "'''\n{}''' ", '"\\"#{}"', '"""a""{}"""', "[[{}]]", "{}", "0.{}"]
)


class Writer:
    """Writes TOML in every style that the grammar has; each leaf carries a number of its own."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.count = 1000

    def key(self) -> str:
        parts = self.draw(st.lists(KEYS, min_size=1, max_size=3))
        return (self.draw(BLANKS) + "." + self.draw(BLANKS)).join(parts)

    def value(self, depth: int) -> str:
        kind = self.draw(st.sampled_from(["leaf", "array", "table"])) if depth else "leaf"
        if kind == "array":
            items = [
                self.draw(BREAKS) + self.value(depth - 1) + self.draw(BREAKS)
                for _ in range(self.draw(st.integers(0, 3)))
            ]
            return "[" + ",".join(items) + self.draw(BREAKS) + "]"
        if kind == "table":
            return "{" + ", ".join(self.pair(depth - 1) for _ in range(self.draw(st.integers(0, 2)))) + "}"
        self.count += 1
        return self.draw(STRINGS).replace("{}", str(self.count))

    def pair(self, depth: int) -> str:
        return f"{self.key()}{self.draw(BLANKS)}={self.draw(BLANKS)}{self.value(depth)}"

    def statement(self) -> str:
        header = self.draw(st.sampled_from(["[{}]", "[[{}]]", "[ {} ] # x", None, None, None]))
        return header.format(self.key()) if header else self.pair(3)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Text that tomllib accepts: statements it would refuse are left out."""
    writer = Writer(draw)
    text = ""
    for _ in range(draw(st.integers(1, 8))):
        longer = text + writer.statement() + draw(st.sampled_from(["\n", " # c\n", "\r\n", "\n\n"]))
        try:
            tomllib.loads(longer)
        except tomllib.TOMLDecodeError:
            continue
        text = longer
    return text


def leaves(value: Any, above: Path = ()) -> list[tuple[Path, str]]:
    below = value.items() if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else None
    if below is None:
        return [(above, str(value))]
    return [leaf for name, item in below for leaf in leaves(item, (*above, name))]


@settings(max_examples=400, deadline=None)
@given(documents())
def test_finds_the_paths_and_lines_of_any_text_that_tomllib_accepts(text: str) -> None:
    parsed = tomllib.loads(text)
    lines = locate(text)
    assert lines.paths == paths(parsed)
    rows = text.split("\n")
    for path, value in leaves(parsed):
        number = value.strip('\n"#a').removeprefix("0.")
        line = next(row for row, content in enumerate(rows, 1) if number in content)
        opens_above = rows[lines.of(path) - 1].rstrip("\r").endswith(('"""', "'''"))
        assert lines.of(path) == (line - 1 if opens_above and line != lines.of(path) else line)
