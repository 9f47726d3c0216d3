"""Measure the level of each channel of a microphone, for `streamer levels`."""

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
"""Level of digital silence, in dBFS. The quantization noise of 24 bits is at -144."""


class LevelMeter:
    """RMS level of every channel of a device. Use it as a context manager.

    Parameters
    ----------
    device
        Index, or words of its name. Empty: the default device. See `find_device`.

    Raises
    ------
    UsageError
        Several devices match.
    AudioError
        PortAudio is missing, no device matches, or it cannot be opened.
    """

    def __init__(self, device: str) -> None:
        self._process = CaptureProcess()
        try:
            self.device = find_device(self._process.devices.devices, device)
            channels = range(1, self.device.channels + 1)
            self._rate = self._process.open(self.device, channels)
        except BaseException:
            self._process.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.close()

    def levels(self, seconds: float) -> Generator[NDArray[np.float64]]:
        """Yield the levels of each interval of so many seconds, without end. May be called once.

        Yields
        ------
        NDArray[np.float64]
            RMS in dBFS, shape (channels,), at least `MIN_LEVEL_DBFS`.

        Raises
        ------
        AudioError
            The device is lost.
        """
        power = np.zeros(self.device.channels)
        frames = 0
        try:
            with contextlib.closing(self._process.blocks(threading.Event())) as blocks:
                for block in blocks:
                    power += np.sum(block.samples.astype(np.float64) ** 2, axis=1)
                    frames += block.samples.shape[1]
                    if frames >= seconds * self._rate:
                        yield 10 * np.log10(np.maximum(power / frames, 10 ** (MIN_LEVEL_DBFS / 10)))
                        power, frames = np.zeros_like(power), 0
        except PortAudioError as error:
            raise AudioError(f'"{self.device}" is lost: {error}; plug it in again') from None
