"""A recorded trajectory, once more with its timing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from streamer.errors import UsageError
from streamer.outputs.recording.reader import Recording
from streamer.tracking.update import Update

UpdateCallback = Callable[[str, Update], None]
"""Takes a zone's name and an update; called in the event loop, must not block."""

_LEAST_PAUSE = 0.01  # seconds between two rounds


async def replay(
    recording: Recording,
    offer: UpdateCallback,
    *,
    speed: float = 1.0,
    loop: bool = False,
    start: float = 0.0,
) -> None:
    """UpdateCallback the estimates of a recording as far apart as their sound was captured.

    Each is due at a time reckoned from the beginning, so lateness does not add up. It is offered
    with its due time as its time of capture; all else is as it was recorded.

    Parameters
    ----------
    recording
        What to replay, in its zone.
    offer
        Takes each estimate.
    speed
        How many times faster than it was; positive.
    loop
        Begin again after the last estimate, until cancelled.
    start
        Seconds to leave out at the beginning, in the recording's time; those of the first round.

    Raises
    ------
    UsageError
        There is nothing after `start`.
    """
    validate_start(recording, start)
    seconds = recording.elapsed
    steps = np.diff(seconds)
    pause = max(float(np.median(steps)), _LEAST_PAUSE) if len(steps) else 1.0
    begun = time.monotonic() - start / speed
    while True:
        for since, update in zip(seconds.tolist(), recording.updates(), strict=True):
            if since >= start:
                due = begun + since / speed
                await asyncio.sleep(due - time.monotonic())
                offer(recording.zone, replace(update, captured=due))
        if not loop:
            return
        begun += (recording.duration + pause) / speed
        start = 0.0


def validate_start(recording: Recording, start: float) -> None:
    """Refuse to begin `start` seconds after the beginning where nothing comes any more.

    Raises
    ------
    UsageError
        Nothing does.
    """
    if start > recording.duration:
        raise UsageError(
            f"{recording.path} ends after {recording.duration:.1f} s, so a replay cannot begin "
            f"after {start:g} s"
        )
