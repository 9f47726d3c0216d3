"""`streamer levels`."""

import contextlib
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from streamer.cli.run import Device
from streamer.outputs.terminal.palette import BAD, GOOD, GREY, TEXT, WARN

if TYPE_CHECKING:
    from streamer.audio.microphone import Device as Microphone

_LIVE, _ONCE = 0.1, 0.5  # seconds of sound in a level
_WIDTH = 40  # cells of a bar
_QUIETEST = -60.0  # dBFS at which a bar begins; below is silence to `run`
_LOUD, _TOO_LOUD = -12.0, -3.0


def levels(device: Device = None) -> None:
    """Show how loud each channel of a microphone is, until Ctrl-C.

    Tells on which channels of a desk the music comes, for `streamer run --channels`, and whether
    it is loud enough. Channels that are nothing but zeros are left out. Where the output is no
    terminal, they are told once.
    """
    from streamer.audio.microphone import LevelMeter

    console = Console(highlight=False)
    with contextlib.suppress(KeyboardInterrupt), LevelMeter(device or "") as meter:
        if not console.is_terminal:
            [now] = islice(meter.levels(_ONCE), 1, 2)  # the first half second settles
            console.print(_picture(meter.device, now))
            return
        highest = np.full(meter.device.channels, -np.inf)
        with Live(console=console, auto_refresh=False) as live:
            for now in meter.levels(_LIVE):
                highest = np.maximum(highest, now)
                live.update(_picture(meter.device, now, highest), refresh=True)


def _picture(
    device: "Microphone", now: NDArray[np.float64], highest: NDArray[np.float64] | None = None
) -> Group:
    from streamer.audio.microphone import MIN_LEVEL_DBFS

    heard = np.flatnonzero((now if highest is None else highest) > MIN_LEVEL_DBFS)
    lines = [Text(str(device), style=TEXT)]
    lines += [_row(int(channel), now[channel], highest) for channel in heard]
    if not len(heard):
        lines.append(Text("nothing but zeros: unmute it, or choose another --device", style=WARN))
    return Group(*lines)


def _row(channel: int, level: float, highest: NDArray[np.float64] | None) -> Text:
    share = min(max(1 - level / _QUIETEST, 0.0), 1.0)
    style = BAD if level > _TOO_LOUD else WARN if level > _LOUD else GOOD
    filled = round(share * _WIDTH)
    row = Text.assemble(
        f"channel {channel + 1:3}  ",
        ("█" * filled, style),
        ("·" * (_WIDTH - filled), GREY),
        f" {level:4.0f} dBFS",
    )
    if highest is not None:
        row.append(f", highest {highest[channel]:4.0f}", style=GREY)
    return row
