"""`spapi-router inbox backup` and `inbox restore`: a copy of the running inbox, and the way back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from receiver import times
from receiver.cli.kept import database_of, database_options, mebibytes
from receiver.cli.output import json_line, on_terminal
from receiver.inbox.backup import Contents, back_up
from receiver.inbox.restore import look
from receiver.inbox.restore import restore as put_back
from receiver.reach import is_there


@click.command("backup", short_help="Copy the inbox to FILE while the daemon runs.")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@database_options
def backup(target: Path, force: bool, as_json: bool, config: Path | None, database: Path | None) -> None:
    """Copy the inbox to FILE, as it is at one moment, while the daemon runs on.

    FILE appears whole, checked and on disk, or not at all, for this user alone. Where FILE is a directory, a name with
    the time is made up in it.
    """
    source, began = database_of(config, database), time.monotonic()
    if is_there(target) and target.is_dir():
        target = target / f"{source.stem}-{_moment()}.db"
    with progress_bar("copying", "page") as progress:
        contents = back_up(source, target, force=force, progress=progress)
    if as_json:
        json_line({"file": str(target), **_record(contents), "seconds": round(time.monotonic() - began, 3)})
        return
    click.echo(f"{target}: {_said(contents)}, checked; {time.monotonic() - began:.1f} s")


@click.command("restore")
@click.argument("backup_", metavar="BACKUP", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do it. Without it: say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@database_options
def restore(backup_: Path, yes: bool, as_json: bool, config: Path | None, database: Path | None) -> None:
    """Put BACKUP in the place of the inbox. The daemon must be stopped.

    The inbox before it is kept beside it. What the backup says is still to be delivered will be: what went out since
    it was made goes out again, with the webhook ids that it had.
    """
    path = database_of(config, database)
    if as_json:
        contents, kept = put_back(backup_, path, _label()) if yes else (look(backup_, path), [])
        json_line({"file": str(path), **_record(contents), "restored": yes, "kept": [str(old) for old in kept]})
        return
    if not yes:
        held = _said(look(backup_, path))
        aside = f"in the place of {path}, which would be moved aside" if is_there(path) else f"at {path}"
        click.echo(f"{backup_} ({held}, checked) would be put {aside}; add --yes to do it")
        return
    contents, kept = put_back(backup_, path, _label())
    click.echo(f"{path}: {_said(contents)}, checked")
    for old in kept:
        click.echo(f"kept: {old}")


@contextmanager
def progress_bar(doing: str, unit: str) -> Iterator[Callable[[int, int], None] | None]:
    """On a terminal a bar for what is done of how much; None elsewhere."""
    if not on_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{doing} {unit}s")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _label() -> str:
    """What is put behind the name of the inbox of before."""
    return f"before-restore-{_moment()}"


def _moment() -> str:
    return times.iso(time.time()).split(".")[0].replace("-", "").replace(":", "") + "Z"


def _record(contents: Contents) -> dict[str, int]:
    return {"bytes": contents.bytes, "notifications": contents.notifications, "deliveries": contents.deliveries}


def _said(contents: Contents) -> str:
    notifications = _some(contents.notifications, "notification", "notifications")
    return f"{mebibytes(contents.bytes)}, {notifications}, {_some(contents.deliveries, 'delivery', 'deliveries')}"


def _some(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
