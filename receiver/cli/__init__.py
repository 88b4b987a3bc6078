"""The command line: `spapi-router`. Each command is a module of this package, imported only when it is called."""

import errno
import importlib
import os
import sys
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem

from handlers.base import HandlerError
from receiver import __version__
from receiver.cli.credentials import borrow
from receiver.errors import RouterError

_COMMANDS = {
    "serve": "run the daemon",
    "demo": "the whole way on this machine, no AWS account",
    "check": "read the rules file and say what is wrong with it",
    "explain": "which rules match a message, and what would be sent",
    "verify": "is this captured SNS message authentic?",
    "inbox": "list, show, export and back up what was received",
    "deliveries": "list, show, replay and cancel deliveries",
    "subscribe": "have SP-API send a seller's notifications",
    "subscriptions": "list, test and delete subscriptions",
    "destinations": "where SP-API sends: list, create, delete",
    "authorize": "print the URL at which a seller consents",
    "accounts": "list, add and remove seller accounts, rotate the key",
    "call": "one SP-API call with auth and rate limits, JSON out",
    "operations": "the catalogue of SP-API operations and their usage plans",
    "doctor": "what stops notifications from arriving, and the cure",
    "install": "make a systemd service of the daemon",
    "completion": "what makes a shell complete these commands",
    "simulate": "stand-ins for Amazon's side",
}


_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What says that a file or disk that the output was sent to takes no more."""


_STANDARD_ERROR = 2


class _Commands(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"receiver.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Of the names alone: click would import every command's module for a key press.
        names = [CompletionItem(name, help=text) for name, text in _COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spapi-router")
@click.pass_context
def cli(context: click.Context) -> None:
    """Receive SP-API notifications from Amazon SNS, prove them, keep them once and route them by rules.toml."""
    if context.invoked_subcommand != "serve":
        borrow()


def main(arguments: list[str] | None = None) -> Any:
    """Entry point: exit 0 success, 1 a finding or failure, 2 wrong usage."""
    _fill_descriptors()
    try:
        cli.main(arguments, prog_name="spapi-router")
    except (RouterError, HandlerError) as error:
        from receiver.events import error_text

        click.echo(error_text(f"spapi-router: {error}", sys.stderr), err=True)
        sys.exit(1)
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
            raise
        _give_up_output()
        click.echo(f"spapi-router: the output cannot be written: {error.strerror}", err=True)
        sys.exit(1)


def _fill_descriptors() -> None:
    """Open the null device where standard streams were closed: else a socket or the inbox would get their numbers."""
    while (null := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(null, True)
    os.close(null)
    if sys.stderr is None:
        sys.stderr = open(_STANDARD_ERROR, "w", closefd=False)  # noqa: SIM115 - as long as this process runs


def _give_up_output() -> None:
    """Leave standard output for the null device: Python would try to write the rest again at its end, and complain."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
