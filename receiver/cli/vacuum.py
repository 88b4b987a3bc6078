"""`spapi-router inbox vacuum`: give space that the inbox does not need any more back to the file system."""

import signal
import time
from pathlib import Path

import click

from receiver.cli.backup import progress_bar
from receiver.cli.kept import database_of, database_options, mebibytes
from receiver.cli.output import json_line
from receiver.inbox.vacuum import vacuum


@click.command("vacuum")
@click.option("--in-steps", is_flag=True, help="Lay the inbox out so that later runs work beside the daemon.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@database_options
def command(in_steps: bool, as_json: bool, config: Path | None, database: Path | None) -> None:
    """Give free space of the inbox back to the file system.

    Deleted notifications leave room that new ones fill again, so this is for once: after a shorter retention, or after
    a flood. The daemon must be stopped, except for an inbox that was vacuumed with --in-steps before.
    """
    path, began = database_of(config, database), time.monotonic()
    # SQLite would hear of Ctrl-C when it is done; broken off at any moment, the inbox is as it was.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with progress_bar("giving back", "page") as progress:
        done = vacuum(path, in_steps=in_steps, progress=progress)
    seconds = time.monotonic() - began
    if as_json:
        record = {"bytes_before": done.before, "bytes_after": done.after, "seconds": round(seconds, 3)}
        json_line({"file": str(path), **record})
        return
    freed = mebibytes(max(done.before - done.after, 0))
    click.echo(f"{path}: {mebibytes(done.before)} before, {mebibytes(done.after)} now, {freed} freed; {seconds:.1f} s")
