"""From any number of channels to one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.audio.block import Samples
from streamer.audio.cleaning import Cleaner
from streamer.errors import AudioError, UsageError


def check_channels(channels: tuple[int, ...], available: int, where: str) -> None:
    """Refuse a choice of channels that does not exist.

    Parameters
    ----------
    channels
        Counted from 1; empty means all.
    available
        How many there are.
    where
        What has them, for the message.

    Raises
    ------
    UsageError
        A channel is below 1 or beyond the last one.
    """
    for channel in channels:
        if not 1 <= channel <= available:
            count = "1 channel" if available == 1 else f"{available} channels"
            raise UsageError(
                f"channel {channel} does not exist: {where} has {count}; "
                f"choose from 1 to {available}, or none for all of them"
            )


class Mixer:
    """Clean the chosen channels and take their mean.

    Parameters
    ----------
    channels
        Counted from 1; empty means all.
    cleaner
        Counts what is cleaned, channel by channel, before the mix.
    """

    def __init__(self, channels: tuple[int, ...], cleaner: Cleaner) -> None:
        self._rows = [channel - 1 for channel in dict.fromkeys(channels)]
        self._cleaner = cleaner

    def mix(self, sound: NDArray[np.floating[Any]]) -> Samples:
        """Return the mean of the chosen channels.

        Parameters
        ----------
        sound
            Floating point, shape (channels, n).

        Returns
        -------
        Samples
            A new float32 array, shape (n,), finite, in [-1, 1].

        Raises
        ------
        AudioError
            None of the chosen channels is there any more.
        """
        rows = [row for row in self._rows if row < len(sound)]
        if self._rows and not rows:
            raise AudioError(
                f"the sound goes on with {len(sound)} channel(s), none of them chosen; "
                "choose channels that it has to its end"
            )
        chosen = self._cleaner.clean(sound[rows] if rows else sound)
        mono = np.array(chosen[0], dtype=np.float32)
        for row in chosen[1:]:
            mono += row
        if len(chosen) > 1:
            mono *= np.float32(1 / len(chosen))
        return mono
