"""`streamer plot`: draw a recording in the terminal or to an image file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

_MAX_ROWS = 40
_PROMPT_ROWS = 2


def plot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording of `streamer run`.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.png|svg|pdf",
            help="Image file to write.  [default: draw in the terminal]",
        ),
    ] = None,
) -> None:
    """Draw a recorded trajectory in the terminal or to an image file.

    FILE is a Parquet file, or the journal of a recording that is in progress or was cut off.
    """
    # Imported late: takes a second, which --help should not.
    from streamer.outputs.recording import read_recording

    recording = read_recording(file)
    if recording.unfinished_note:
        Console(stderr=True).print(Text(recording.unfinished_note), soft_wrap=True)
    if output is None:
        from streamer.outputs.recording.plot_terminal import draw_in_terminal

        console = Console(highlight=False)
        height = min(console.height - _PROMPT_ROWS, _MAX_ROWS)
        console.print(draw_in_terminal(recording, console.width, height), end="", crop=False)
        return

    from streamer.helpers import require_package

    require_package("matplotlib", extra="record")
    from streamer.outputs.recording.plot_figure import write_figure

    write_figure(recording, output)
