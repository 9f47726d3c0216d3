"""How loud each channel of a microphone is."""

import contextlib
import threading
from collections.abc import Generator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streamer.audio.microphone.capture_client import CaptureProcess, PortAudioError
from streamer.audio.microphone.device_list import find_device
from streamer.errors import AudioError

MIN_LEVEL_DBFS = -120.0
"""What counts as nothing, in dBFS; 24 bits go to -144."""


class LevelMeter:
    """Records all channels of a device for their levels alone; use it as a context manager.

    Parameters
    ----------
    device
        Which one: its index, or words of its name; empty for the default one. See `find_device`.

    Raises
    ------
    UsageError
        Several devices are meant.
    AudioError
        No PortAudio, no such device, or it cannot be opened.
    """

    def __init__(self, device: str) -> None:
        self._recorder = CaptureProcess()
        try:
            self.device = find_device(self._recorder.devices.devices, device)
            self._rate = self._recorder.open(self.device, range(1, self.device.channels + 1))[
                "rate"
            ]
        except BaseException:
            self._recorder.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._recorder.close()

    def levels(self, seconds: float) -> Generator[NDArray[np.float64]]:
        """Yield the levels of every so many seconds, for ever. To be called once.

        Yields
        ------
        NDArray[np.float64]
            Of each channel the RMS in dBFS, (channels,), at least `MIN_LEVEL_DBFS`.

        Raises
        ------
        AudioError
            The device is lost.
        """
        power = np.zeros(self.device.channels)
        frames = 0
        try:
            with contextlib.closing(self._recorder.record(threading.Event())) as blocks:
                for block in blocks:
                    power += np.sum(block.sound.astype(np.float64) ** 2, axis=1)
                    frames += block.sound.shape[1]
                    if frames >= seconds * self._rate:
                        yield 10 * np.log10(np.maximum(power / frames, 10 ** (MIN_LEVEL_DBFS / 10)))
                        power, frames = np.zeros_like(power), 0
        except PortAudioError as failure:
            raise AudioError(f'"{self.device}" is lost ({failure}); plug it in again') from None
