"""The `streamer` command: its subcommands, and how errors become exit codes."""

import sys
from typing import Annotated

import typer

from streamer import __version__
from streamer.cli.analyze import analyze
from streamer.cli.calibrate import calibrate
from streamer.cli.config import config
from streamer.cli.devices import devices
from streamer.cli.doctor import doctor
from streamer.cli.engines import engines
from streamer.cli.forget import forget
from streamer.cli.levels import levels
from streamer.cli.lights import lights
from streamer.cli.plot import plot
from streamer.cli.replay import replay
from streamer.cli.run import run
from streamer.errors import StreamerError
from streamer.helpers import escape_unprintable

_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

app = typer.Typer(
    name="streamer",
    help="Track the emotion of live music: valence and arousal, published over MQTT.",
    epilog="Start with: streamer run --input demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for _panel, _commands in {
    "Track": (run, analyze, lights),
    "Set up": (doctor, devices, levels, calibrate, config),
    "Recordings": (replay, plot),
}.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(engines, name="engines", rich_help_panel="Maintain")
app.command(rich_help_panel="Maintain")(forget)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"streamer {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; print a `StreamerError` as one line and exit with its code."""
    try:
        app(prog_name="streamer")
    except StreamerError as error:
        message = "\n".join(map(escape_unprintable, str(error).split("\n")))
        sys.stderr.write(f"streamer: {message}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(_EXIT_INTERRUPTED)
