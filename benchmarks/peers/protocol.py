"""Protocol of a contestant: read the number of updates from stdin, write timings as JSON.

Needs NumPy only, since it runs in every peer's environment.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STEP_SECONDS = 0.1
WINDOW_SECONDS = 3.0

Audio = NDArray[np.float32]
Update = Callable[[Audio, int], object]
"""Function that computes the result at a sample position from the audio before it."""


def contend(rate: int, prepare: Callable[[], Update]) -> None:
    """Run rounds until stdin is closed; write one JSON line per round.

    The first line follows the first update. Each line of stdin is a round's number of updates.

    Parameters
    ----------
    rate
        Sample rate of the audio, Hz.
    prepare
        Loads everything and returns the update function.
    """
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries may print to stdout
    update = prepare()
    audio = np.load(sys.argv[1])[str(rate)]
    step, window = round(STEP_SECONDS * rate), round(WINDOW_SECONDS * rate)
    end = window
    update(audio, end)
    print("{}", file=output)
    for line in sys.stdin:
        milliseconds = []
        for _ in range(int(line)):
            end = end + step if end + step <= len(audio) else window
            started = time.process_time()
            update(audio, end)
            milliseconds.append(1e3 * (time.process_time() - started))
        print(json.dumps({"ms": milliseconds, "peak_mb": _peak_mb()}), file=output)


def last_window(audio: Audio, end: int, rate: int) -> Audio:
    """Return the three seconds before a sample."""
    return audio[end - round(WINDOW_SECONDS * rate) : end]


def _peak_mb() -> float:
    """Return the peak resident memory, MB; that of `getrusage` includes the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [peak] = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return peak * 1024 / 1e6
