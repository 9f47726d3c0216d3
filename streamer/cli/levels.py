"""`streamer levels`: show the level of each channel of a microphone."""

import contextlib
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from streamer.cli.options import Device
from streamer.outputs.terminal.canvas import BAD, GOOD, GREY, TEXT, WARN
from streamer.tracking.silence_gate import SILENCE_DBFS

if TYPE_CHECKING:
    from streamer.audio.microphone import Device as Microphone

_LIVE_INTERVAL, _SINGLE_INTERVAL = 0.1, 0.5  # seconds of audio per level
_BAR_CELLS = 40
_LOUD, _TOO_LOUD = -12.0, -3.0  # dBFS


def levels(device: Device = None) -> None:
    """Show the level of each channel of a microphone, until Ctrl-C.

    Use it to find the channels of a desk for `streamer run --channels`, and to check that they are
    loud enough. Channels with digital silence are left out. If the output is not a terminal, the
    levels are printed once.
    """
    from streamer.audio.microphone import LevelMeter

    console = Console(highlight=False)
    with contextlib.suppress(KeyboardInterrupt), LevelMeter(device or "") as meter:
        if not console.is_terminal:
            # The device settles during the first interval.
            [current] = islice(meter.levels(_SINGLE_INTERVAL), 1, 2)
            console.print(_bars(meter.device, current))
            return
        highest = np.full(meter.device.channels, -np.inf)
        with Live(console=console, auto_refresh=False) as live:
            for current in meter.levels(_LIVE_INTERVAL):
                highest = np.maximum(highest, current)
                live.update(_bars(meter.device, current, highest), refresh=True)


def _bars(
    device: "Microphone", current: NDArray[np.float64], highest: NDArray[np.float64] | None = None
) -> Group:
    """Return the device name and a bar for each channel that had a signal."""
    from streamer.audio.microphone import MIN_LEVEL_DBFS

    active = np.flatnonzero((current if highest is None else highest) > MIN_LEVEL_DBFS)
    lines = [Text(str(device), style=TEXT)]
    lines += [_bar(int(channel), current[channel], highest) for channel in active]
    if not len(active):
        lines.append(Text("nothing but zeros: unmute it, or choose another --device", style=WARN))
    return Group(*lines)


def _bar(channel: int, level: float, highest: NDArray[np.float64] | None) -> Text:
    share = min(max(1 - level / SILENCE_DBFS, 0.0), 1.0)
    style = BAD if level > _TOO_LOUD else WARN if level > _LOUD else GOOD
    filled = round(share * _BAR_CELLS)
    row = Text.assemble(
        f"channel {channel + 1:3}  ",
        ("█" * filled, style),
        ("·" * (_BAR_CELLS - filled), GREY),
        f" {level:4.0f} dBFS",
    )
    if highest is not None:
        row.append(f", highest {highest[channel]:4.0f}", style=GREY)
    return row
