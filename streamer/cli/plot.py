"""`streamer plot`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

_TALLEST = 40  # rows; a higher picture says no more
_PROMPT = 2  # rows


def plot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording of `streamer run`.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.png|svg|pdf",
            help="Picture to write.  [default: the terminal]",
        ),
    ] = None,
) -> None:
    """Draw a recorded trajectory, in the terminal or to a file.

    FILE is a Parquet file, or the journal of a recording that is in progress or was cut off.
    """
    # A second to import, so not before help is answered.
    from streamer.outputs.recording import read_recording
    from streamer.outputs.recording.pictures import draw_in_terminal

    recording = read_recording(file)
    if recording.unfinished_note:
        Console(stderr=True).print(Text(recording.unfinished_note), soft_wrap=True)
    if output is None:
        console = Console(highlight=False)
        height = min(console.height - _PROMPT, _TALLEST)
        console.print(draw_in_terminal(recording, console.width, height), end="", crop=False)
        return

    from streamer.helpers import require_package

    require_package("matplotlib", extra="record")
    from streamer.outputs.recording.pictures import write_figure

    write_figure(recording, output)
