"""How a contestant is driven: rounds of updates, asked for on its standard input.

Needs NumPy alone, for it runs in every peer's environment.
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

Sound = NDArray[np.float32]
Update = Callable[[Sound, int], object]
"""Computes what is to be known at a sample of mono sound, from the sound before it."""


def contend(rate: int, prepare: Callable[[], Update]) -> None:
    """Answer the driver until it closes our input: one JSON line for each round.

    The first line comes after the first update; a round is asked for by its number of updates.

    Parameters
    ----------
    rate
        Of the sound, in Hz.
    prepare
        Loads everything and gives the update.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    update = prepare()
    sound = np.load(sys.argv[1])[str(rate)]
    step, window = round(STEP_SECONDS * rate), round(WINDOW_SECONDS * rate)
    end = window
    update(sound, end)
    print("{}", file=answers)
    for line in sys.stdin:
        milliseconds = []
        for _ in range(int(line)):
            end = end + step if end + step <= len(sound) else window
            begun = time.process_time()
            update(sound, end)
            milliseconds.append(1e3 * (time.process_time() - begun))
        print(json.dumps({"ms": milliseconds, "peak_mb": _peak_mb()}), file=answers)


def last_window(sound: Sound, end: int, rate: int) -> Sound:
    """Return the three seconds before a sample."""
    return sound[end - round(WINDOW_SECONDS * rate) : end]


def _peak_mb() -> float:
    """Resident memory at its highest; that of `getrusage` begins with the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [peak] = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return peak * 1024 / 1e6
