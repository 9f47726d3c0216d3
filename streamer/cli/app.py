"""`streamer`: its commands, and what becomes of errors."""

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

_INTERRUPTED = 130  # as shells say it

app = typer.Typer(
    name="streamer",
    help="Live music in, feeling out: tracks valence and arousal and publishes them over MQTT.",
    epilog="Start with: streamer run --input demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(run)
app.command()(lights)
app.command()(analyze)
app.command()(replay)
app.command()(plot)
app.command()(devices)
app.command()(levels)
app.command()(calibrate)
app.command()(doctor)
app.command()(config)
app.command()(forget)
app.add_typer(engines, name="engines")


def _print_version(wanted: bool) -> None:
    if wanted:
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
    """Run a command; an error of ours becomes one line on standard error and its exit code."""
    try:
        app(prog_name="streamer")
    except StreamerError as error:
        said = "\n".join(map(escape_unprintable, str(error).split("\n")))
        sys.stderr.write(f"streamer: {said}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
