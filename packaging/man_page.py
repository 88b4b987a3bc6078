r"""Manual pages of the commands, from the commands themselves: `man_page.py DIRECTORY` writes them all.

Sources: man-pages(7) (sections and their order), groff_man(7) (macros), click's own reading of its help texts (`\b`
begins a paragraph that is not to be filled).
"""

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from receiver import __version__
from receiver.cli import cli

PROGRAM = "spapi-router"
_FILES = (
    ("./rules.toml", "The rules file, where no option names another."),
    ("/etc/spapi-router/rules.toml", "The rules file of the service, taken where the current directory has none."),
    ("/etc/spapi-router/secrets", "Credentials that systemd hands to the service."),
    ("/var/lib/spapi-router/inbox.db", "The inbox, with its -wal, -shm and .lock beside it."),
)
_STATUS = (
    ("0", "Success."),
    ("1", "A finding, or a failure; standard error says what and what to do."),
    ("2", "Wrong usage."),
)
_SIGNALS = (
    ("SIGTERM, SIGINT", "The daemon ends what is in flight, hands the rest back and stops."),
    ("SIGHUP", "The daemon takes the rules file in again, all or nothing."),
)
_URL = "/usr/share/doc/spapi-router"


@dataclass(frozen=True, slots=True)
class Named:
    """A command by its whole name, like `spapi-router inbox list`."""

    words: tuple[str, ...]
    command: click.Command

    @property
    def page(self) -> str:
        """The name of its page."""
        return "-".join(self.words)

    @property
    def context(self) -> click.Context:
        """What click asks for to tell about it."""
        return click.Context(self.command, info_name=" ".join(self.words), help_option_names=["-h", "--help"])

    def commands(self) -> list["Named"]:
        """The commands below it."""
        if not isinstance(self.command, click.Group):
            return []
        group, context = self.command, self.context
        found = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
        return [Named((*self.words, name), command) for name, command in found if command and not command.hidden]


def pages() -> dict[str, str]:
    """All pages by their file names: one of the program, one of each of its commands."""
    program = Named((PROGRAM,), cli)
    return {f"{each.page}.1": page(each) for each in (program, *program.commands())}


def page(named: Named) -> str:
    """The page of a command."""
    lines = [
        f'.TH "{escaped(named.page.upper())}" 1 "" "{PROGRAM} {escaped(__version__)}" "User Commands"',
        ".SH NAME",
        f"{escaped(named.page)} \\- {escaped(_summary(named))}",
        ".SH SYNOPSIS",
        *_synopsis(named),
        ".SH DESCRIPTION",
        *_paragraphs(named.command.help or ""),
        *_options(named, ".SH OPTIONS"),
        *_below(named),
        *_list(".SH EXIT STATUS", _STATUS),
        *(_list(".SH SIGNALS", _SIGNALS) if named.words[1:] in {(), ("serve",)} else ()),
        *_list(".SH FILES", _FILES),
        ".SH SEE ALSO",
        *_see_also(named),
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A text that stands for itself in roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def _summary(named: Named) -> str:
    first = " ".join((named.command.help or "").strip().split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".")


def _synopsis(named: Named) -> list[str]:
    pieces = " ".join(named.command.collect_usage_pieces(named.context))
    return [f".B {escaped(' '.join(named.words))}", escaped(pieces)]


def _paragraphs(help_: str) -> Iterator[str]:
    """A help text; what click does not fill is not filled here."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", help_.strip())):
        if number:
            yield ".PP"
        if paragraph.lstrip().startswith("\b"):
            yield from (".nf", *(escaped(line.strip()) for line in paragraph.split("\n")[1:]), ".fi")
        else:
            yield escaped(" ".join(paragraph.split()))


def _options(named: Named, heading: str) -> Iterator[str]:
    context = named.context
    records = [record for each in named.command.get_params(context) if (record := each.get_help_record(context))]
    return _list(heading, [record for record in records if record[1]])


def _below(named: Named) -> Iterator[str]:
    """The commands of a group: of the program their names, of another group all of them."""
    below = named.commands()
    if len(named.words) == 1:
        yield from _list(".SH COMMANDS", [(each.words[-1], _summary(each) + ".") for each in below])
        return
    if below:
        yield ".SH COMMANDS"
    for each in below:
        yield f".SS {escaped(' '.join(each.words))}"
        yield from _synopsis(each)
        yield ".PP"
        yield from _paragraphs(each.command.help or "")
        yield from _options(each, ".PP")


def _list(heading: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield heading
    for name, text in entries:
        yield from (".TP", f".B {escaped(name)}", escaped(" ".join(text.split())) or "\\&")


def _see_also(named: Named) -> Iterator[str]:
    others = [PROGRAM] if len(named.words) > 1 else [each.page for each in named.commands()]
    yield ",\n".join(f".BR {escaped(name)} (1)" for name in others).replace(",\n", " ,\n")
    yield ".PP"
    yield f"The documentation in {escaped(_URL)}."


def main() -> None:
    """Write all pages into a directory."""
    parser = argparse.ArgumentParser(description="write the manual pages of spapi-router")
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
