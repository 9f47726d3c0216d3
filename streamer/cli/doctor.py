"""`streamer doctor`."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from streamer import logs
from streamer.app.process import new_event_loop
from streamer.cli.run import Channels, Config, Device, Model, Remote, Require
from streamer.config import Config as Settings
from streamer.config import load
from streamer.errors import UsageError
from streamer.helpers import escape_unprintable

if TYPE_CHECKING:
    from streamer.doctor import Finding, Level

_STYLES: dict["Level", str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_WIDTH = 16


def doctor(
    input: Annotated[  # noqa: A002  (the option's name)
        str | None, typer.Option("--input", "-i", help="What to listen to, as for `run`.")
    ] = None,
    device: Device = None,
    channels: Channels = None,
    broker: Annotated[str | None, typer.Option(help="MQTT broker, as for `run`.")] = None,
    model: Model = None,
    require: Require = None,
    remote: Remote = None,
    lights: Annotated[
        Path | None, typer.Option(metavar="SHOW", help="Show file, as for `run`.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of recordings, as for `run`.")
    ] = None,
    dashboard: Annotated[
        bool | None,
        typer.Option("--dashboard", help="Whether a dashboard is wanted, as for `run`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    config: Config = None,
) -> None:
    """Look for what keeps `streamer run` from working, and say what to do about it.

    Takes the configuration that `run` would take. Listens to every zone for a second, and goes to
    the broker step by step. The exit code is 0 unless something fails.
    """
    from streamer.doctor import Finding  # seconds to import, so not before help is answered

    options = {
        "input": input, "device": device, "channels": channels, "broker": broker, "model": model,
        "require": require, "remote": remote, "lights": lights, "record": record,
        "dashboard": dashboard,
    }  # fmt: skip
    logs.configure("console", "error")
    findings: list[Finding] = []
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = load(options, config_path=config, environ=os.environ)
    except UsageError as error:
        findings.append(Finding.from_error("configuration", error))
        if not as_json:
            _print(console, findings[-1])
    else:
        with asyncio.Runner(loop_factory=new_event_loop) as loops:
            loops.run(_examine(settings, findings, None if as_json else console))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings, findings: list["Finding"], console: Console | None) -> None:
    from streamer.doctor import run_checks

    async for finding in run_checks(settings):
        findings.append(finding)
        if console is not None:
            _print(console, finding)


def _print(console: Console, finding: "Finding") -> None:
    line = Text.assemble(
        (f"{finding.level:<5}", _STYLES[finding.level]),
        f"{finding.subject:<{_WIDTH}} ",
        escape_unprintable(finding.seen),
    )
    console.print(line)
    if finding.advice:
        console.print(
            Text(f"{'':5}{'':{_WIDTH}} -> {escape_unprintable(finding.advice)}", style="italic")
        )
