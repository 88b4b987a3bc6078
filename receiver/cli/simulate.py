"""`spapi-router simulate`: the stand-ins for Amazon's side, each a module of its own."""

import importlib

import click

_SIMULATORS = {
    "sns": ("receiver.cli.simulate_sns", "push signed notifications to an endpoint, as Amazon SNS does"),
    "spapi": ("receiver.cli.simulate_spapi", "stand in for Login with Amazon and the Selling Partner API"),
}


class _Simulators(click.Group):
    """A group that imports a simulator's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SIMULATORS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _SIMULATORS:
            return None
        command: click.Command = importlib.import_module(_SIMULATORS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, text) in _SIMULATORS.items()])


@click.group(cls=_Simulators)
def command() -> None:
    """Stand-ins for Amazon's side, for integration tests against any receiver or client."""
