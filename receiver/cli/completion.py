"""`spapi-router completion`: what makes a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

from receiver.errors import RouterError

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "spapi-router"
VARIABLE = "_SPAPI_ROUTER_COMPLETE"
"""What the script sets when it asks the program, by click's rule for the program's name."""


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script that makes SHELL complete spapi-router's commands, options and values.

    \b
    bash  spapi-router completion bash > ~/.local/share/bash-completion/completions/spapi-router
    zsh   spapi-router completion zsh > DIRECTORY/_spapi-router, in a directory of $fpath
    fish  spapi-router completion fish > ~/.config/fish/completions/spapi-router.fish
    """  # noqa: D301 - click reads the control character
    click.echo(script(shell), nl=False)


def script(shell: str) -> str:
    """The script for one of SHELLS. Raises RouterError where click cannot write one."""
    from receiver.cli import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise RouterError(f"click {click.__version__} knows no completion for {shell}: upgrade it")
    completion = kind(cli, {}, PROGRAM, VARIABLE)
    # `source` of bash's would run the bash of this machine to look at its version: the script may be for another.
    return (completion.source_template % completion.source_vars()).lstrip("\n")
