"""`spapi-router check`: what is wrong with a rules file, line by line."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from receiver.cli.options import PLACES, find_config
from receiver.cli.output import json_line
from receiver.config import Configuration, Finding, load
from receiver.errors import ConfigError


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help=f"The same as FILE.  [default: ./{PLACES[0]}, then {PLACES[1]}]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding, for editors.")
@click.option("--strict", is_flag=True, help="Exit 1 on warnings too.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of rules files, and check nothing.")
def command(file: Path | None, config: Path | None, as_json: bool, strict: bool, schema: bool) -> None:
    """Read the rules file and say what is wrong with it: FILE:LINE: key: what, and the cure.

    Exit 0 where it can be used, 1 where it cannot.
    """
    if file and config:
        raise click.UsageError("name the rules file once: as FILE or with --config")
    if schema:
        _print_schema()
        return
    path = find_config(file or config)
    try:
        configuration = load(path)
    except ConfigError as error:
        _report(error.findings, as_json)
        if not as_json:
            click.echo(f"{path}: {_counted(error.findings)}", err=True)
        sys.exit(1)
    _report(configuration.warnings, as_json)
    if not as_json:
        click.echo(_summary(path, configuration))
    sys.exit(1 if strict and configuration.warnings else 0)


def _print_schema() -> None:
    from receiver.config.schema import rules_schema

    click.echo(orjson.dumps(rules_schema(), option=orjson.OPT_INDENT_2).decode())


def _report(findings: tuple[Finding, ...], as_json: bool) -> None:
    for finding in findings:
        if as_json:
            json_line(_record(finding))
        else:
            click.echo(str(finding))


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "severity": finding.severity,
        "key": finding.key,
        "path": list(finding.path),
        "message": finding.message,
    }


def _counted(findings: tuple[Finding, ...]) -> str:
    return _number(len(findings), "error")


def _summary(path: Path, configuration: Configuration) -> str:
    counts = [_number(len(configuration.rules), "rule"), _number(len(configuration.handlers), "handler")]
    if configuration.warnings:
        counts.append(_number(len(configuration.warnings), "warning"))
    return f"{path}: ok, {', '.join(counts)}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
