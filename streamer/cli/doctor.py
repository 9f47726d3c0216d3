"""`streamer doctor`: check the set-up and print findings with advice."""

import asyncio
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from streamer import logs
from streamer.app.process import new_event_loop
from streamer.cli import options
from streamer.config import Config, load
from streamer.errors import UsageError
from streamer.helpers import escape_unprintable

if TYPE_CHECKING:
    from streamer.doctor import Finding, Level

_STYLES: dict["Level", str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_SUBJECT_WIDTH = 16


def doctor(
    input: options.Input = None,  # noqa: A002 - the option's name
    device: options.Device = None,
    channels: options.Channels = None,
    broker: options.Broker = None,
    model: options.Model = None,
    require: options.Require = None,
    remote: options.Remote = None,
    lights: options.Lights = None,
    record: options.Record = None,
    dashboard: options.Dashboard = None,
    as_json: options.Json = False,
    config: options.ConfigFile = None,
) -> None:
    """Check the set-up of `streamer run`, and print a remedy for each problem.

    Uses the configuration that `run` would use. Records a second from every input, tests the
    broker step by step, loads the weights, and checks outputs and folders. The exit code is 1 if a
    check fails, else 0.
    """
    from streamer.doctor import Finding  # takes seconds to import, so not for --help

    given = options.given_settings(locals())
    logs.configure("console", "error")
    findings: list[Finding] = []
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = load(given, config_path=config, environ=os.environ)
    except UsageError as error:
        findings.append(Finding.from_error("configuration", error))
        if not as_json:
            _print(console, findings[-1])
    else:
        with asyncio.Runner(loop_factory=new_event_loop) as loops:
            loops.run(_run_checks(settings, findings, None if as_json else console))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


async def _run_checks(settings: Config, findings: list["Finding"], console: Console | None) -> None:
    from streamer.doctor import run_checks

    async for finding in run_checks(settings):
        findings.append(finding)
        if console is not None:
            _print(console, finding)


def _print(console: Console, finding: "Finding") -> None:
    line = Text.assemble(
        (f"{finding.level:<5}", _STYLES[finding.level]),
        f"{finding.subject:<{_SUBJECT_WIDTH}} ",
        escape_unprintable(finding.seen),
    )
    console.print(line)
    if finding.advice:
        indent = " " * (5 + _SUBJECT_WIDTH)
        advice = escape_unprintable(finding.advice)
        console.print(Text(f"{indent} -> {advice}", style="italic"))
