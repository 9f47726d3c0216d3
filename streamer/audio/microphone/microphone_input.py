"""Capture a microphone, and detect when it was unplugged or muted."""

import contextlib
import logging
import threading
from collections.abc import Callable

import numpy as np

from streamer.audio.block import Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.downmix import Downmixer, check_channels
from streamer.audio.microphone.capture_client import CapturedBlock, CaptureProcess, PortAudioError
from streamer.audio.microphone.capture_time import LossDetector, MicrophoneClock
from streamer.audio.microphone.device_list import find_device
from streamer.audio.ring_buffer import RingBuffer
from streamer.errors import AudioError

ZEROS_TIMEOUT_S = 5.0
"""Digital silence after audio until a device counts as lost, in seconds.

No room is that silent. A sound server sends zeros to clients of a device that was unplugged.
"""

INITIAL_ZEROS_TIMEOUT_S = 60.0
"""Digital silence since the start until a device counts as lost, in seconds."""

_MAX_CLOCK_LATENESS_S = 0.05  # a block later than this says nothing about its capture time

_log = logging.getLogger(__name__)


class MicrophoneInput:
    """Capture a PortAudio device in a child process.

    Parameters
    ----------
    device
        Index, or words of its name. Empty: the default device. See `find_device`.
    channels
        Channels to mix to mono, counted from 1. Empty: `Device.default_channels`.

    Raises
    ------
    UsageError
        Several devices match, or a channel does not exist.
    AudioError
        PortAudio is missing, no device matches, or it cannot be opened.
    """

    def __init__(self, device: str, channels: tuple[int, ...]) -> None:
        self.title = ""
        self.live = True
        self.cleaner = Cleaner()
        self._process = CaptureProcess()
        try:
            self.device = find_device(self._process.devices.devices, device)
            check_channels(channels, self.device.channels, f'"{self.device}"')
            self.rate = self._process.open(self.device, dict.fromkeys(channels))
        except BaseException:
            self._process.close()
            raise
        self.name = str(self.device)
        self.clock = MicrophoneClock(self.rate)
        self._downmixer = Downmixer((), self.cleaner)  # the process sends the chosen channels only
        self._zeros = 0  # consecutive, up to now
        self._had_audio = False
        if device.isdecimal():
            name = self.device.identity[0]
            _log.info('device %s is "%s"; use that name to find it after a reboot', device, name)

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Record into the ring until `stop` is set.

        Raises
        ------
        AudioError
            The device is lost.
        """
        detector: LossDetector[CapturedBlock] = LossDetector(self.rate)
        try:
            with contextlib.closing(self._process.blocks(stop)) as blocks:
                for block in blocks:
                    frames = block.samples.shape[1]
                    for checked in detector.push(
                        block, block.first_frame, frames, block.arrived, overflow=block.overflow
                    ):
                        ring.skip(checked.lost)
                        self._write(ring, checked.block, checked.late)
                        wake()
        except PortAudioError as error:
            if not stop.is_set():
                raise AudioError(f'"{self.name}" is lost: {error}; plug it in again') from None

    def close(self) -> None:
        """End the child process."""
        self._process.close()

    def _write(self, ring: RingBuffer, block: CapturedBlock, late: float) -> None:
        samples = self._downmixer.downmix(np.asarray(block.samples))
        ring.write(samples)
        self._check_zeros(samples)
        if late < _MAX_CLOCK_LATENESS_S:
            self.clock.observe(ring.head, len(samples), block.arrived, block.age)

    def _check_zeros(self, samples: Samples) -> None:
        """Raise after too long a run of zeros."""
        if samples.any():
            self._had_audio, self._zeros = True, 0
            return
        self._zeros += len(samples)
        timeout = ZEROS_TIMEOUT_S if self._had_audio else INITIAL_ZEROS_TIMEOUT_S
        if self._zeros > timeout * self.rate:
            raise AudioError(
                f'"{self.name}" is lost: it sends nothing but zeros; unmute it, plug it in again, '
                "or choose --channels that have a signal (see `streamer levels`)"
            )
