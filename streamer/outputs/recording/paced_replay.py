"""Replay a recording with its original timing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from streamer.errors import UsageError
from streamer.outputs.recording.reader import Recording
from streamer.tracking.update import Update

UpdateCallback = Callable[[str, Update], None]
"""Receives a zone's name and an update on the event loop; must not block."""

_MIN_LOOP_PAUSE_S = 0.01


async def replay(
    recording: Recording,
    offer: UpdateCallback,
    *,
    speed: float = 1.0,
    loop: bool = False,
    start: float = 0.0,
) -> None:
    """Offer the estimates of a recording at the intervals at which their audio was captured.

    Due times count from the start, so delays do not accumulate. Each estimate is offered with its
    due time as capture time, and otherwise unchanged.

    Parameters
    ----------
    recording
        The recording.
    offer
        Receives each estimate.
    speed
        Positive factor of the original speed. Default: 1.
    loop
        Repeat until cancelled.
    start
        Seconds to skip at the beginning of the first round, in the recording's time.

    Raises
    ------
    UsageError
        The recording ends before `start`.
    """
    validate_start(recording, start)
    steps = np.diff(recording.elapsed)
    pause = max(float(np.median(steps)), _MIN_LOOP_PAUSE_S) if len(steps) else 1.0
    started_at = time.monotonic() - start / speed
    while True:
        for elapsed, update in zip(recording.elapsed.tolist(), recording.updates(), strict=True):
            if elapsed >= start:
                due = started_at + elapsed / speed
                await asyncio.sleep(due - time.monotonic())
                offer(recording.zone, replace(update, captured=due))
        if not loop:
            return
        started_at += (recording.duration + pause) / speed
        start = 0.0


def validate_start(recording: Recording, start: float) -> None:
    """Check that a recording has estimates from `start` seconds on.

    Raises
    ------
    UsageError
        It ends before.
    """
    if start > recording.duration:
        raise UsageError(
            f"cannot replay {recording.path} from {start:g} s: it ends after "
            f"{recording.duration:.1f} s; choose an earlier --from"
        )
