"""`streamer` that kills itself while writing: `python -m tests.faults.killing_program run ...`.

KILL_WRITING holds a number and a folder, "7:/folder": the process gets SIGKILL right before the
seventh time that it opens a file there for writing, renames or deletes one. KILL_ROTATING is the
length of a recording, s.
"""

import os
import signal
import sys
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.truncate"}


def arm(number: int, folder: str) -> None:
    """Kill this process before its `number`-th change below a folder."""
    left = number

    def count_changes(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event == "open":
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        else:
            writes = event in _CHANGES
        if writes and any(str(each).startswith(folder) for each in arguments[:2]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count_changes)


def rotate(seconds: float) -> None:
    """Set the length of a recording, s."""
    from streamer.outputs.recording import writer

    made = writer.ZoneFiles
    writer.ZoneFiles = lambda folder, metadata, _, done: made(folder, metadata, seconds, done)


if __name__ == "__main__":
    if "KILL_WRITING" in os.environ:
        count, _, where = os.environ["KILL_WRITING"].partition(":")
        arm(int(count), where)
    if "KILL_ROTATING" in os.environ:
        rotate(float(os.environ["KILL_ROTATING"]))
    from streamer.cli import main

    main()
