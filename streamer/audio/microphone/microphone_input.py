"""A microphone as a feed."""

import contextlib
import logging
import threading
from collections.abc import Callable

import numpy as np

from streamer.audio.block import Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.downmix import Downmixer, check_channels
from streamer.audio.microphone.capture_client import CapturedBlock, CaptureProcess, PortAudioError
from streamer.audio.microphone.capture_time import Continuity, MicrophoneClock
from streamer.audio.microphone.device_list import find_device
from streamer.audio.ring_buffer import RingBuffer
from streamer.errors import AudioError

ZEROS_AFTER_SOUND, ZEROS_ALONE = 5.0, 60.0
"""Seconds of nothing but zeros after which a device is opened anew: after sound, and without any.

No room is that silent; a sound server hands zeros to whoever listens to what was unplugged.
"""

_PROMPT = 0.05  # seconds; a block that is later says nothing about when it was captured

_log = logging.getLogger(__name__)


class MicrophoneInput:
    """Records a PortAudio device by a process of its own.

    Parameters
    ----------
    device
        Which one: its index, or words of its name; empty for the default one. See `find_device`.
    channels
        To mix to mono, counted from 1; empty means those of `Device.default_channels`.

    Raises
    ------
    UsageError
        Several devices are meant, or a channel that it does not have.
    AudioError
        No PortAudio, no such device, or it cannot be opened.
    """

    def __init__(self, device: str, channels: tuple[int, ...]) -> None:
        self.cleaner = Cleaner()
        self.live = True
        self.title = ""
        self._recorder = CaptureProcess()
        try:
            self.device = find_device(self._recorder.devices.devices, device)
            check_channels(channels, self.device.channels, f'"{self.device}"')
            self.rate = round(self._recorder.open(self.device, dict.fromkeys(channels))["rate"])
        except BaseException:
            self._recorder.close()
            raise
        if device.isdecimal():
            name = self.device.identity[0]
            _log.info('device %s is "%s"; by that name it is found after a reboot', device, name)
        self.name = str(self.device)
        self._mixer = Downmixer((), self.cleaner)
        self._clock = MicrophoneClock(self.rate)
        self._zeros = 0  # samples since the last that was not zero
        self._sounded = False

    @property
    def clock(self) -> MicrophoneClock:
        """Capture time of every sample."""
        return self._clock

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Record into the ring until `stop`, or until the device is lost.

        Raises
        ------
        AudioError
            The device is lost.
        """
        continuity: Continuity[CapturedBlock] = Continuity(self.rate)
        try:
            with contextlib.closing(self._recorder.record(stop)) as blocks:
                for block in blocks:
                    frames = block.sound.shape[1]
                    for heard in continuity.push(
                        block, block.first, frames, block.arrived, overflow=block.overflow
                    ):
                        ring.skip(heard.lost)
                        self._write(ring, heard.content, heard.late)
                        wake()
        except PortAudioError as failure:
            if not stop.is_set():
                words = f'"{self.name}" is lost ({failure}); plug it in again'
                raise AudioError(words) from None

    def close(self) -> None:
        """End the recorder."""
        self._recorder.close()

    def _write(self, ring: RingBuffer, block: CapturedBlock, late: float) -> None:
        samples = self._mixer.mix(np.asarray(block.sound))
        ring.write(samples)
        self._expect_sound(samples)
        if late < _PROMPT:
            self._clock.observe(ring.head, len(samples), block.arrived, block.age)

    def _expect_sound(self, samples: Samples) -> None:
        if samples.any():
            self._sounded, self._zeros = True, 0
            return
        self._zeros += len(samples)
        patience = ZEROS_AFTER_SOUND if self._sounded else ZEROS_ALONE
        if self._zeros > patience * self.rate:
            raise AudioError(
                f'"{self.name}" sends nothing but zeros: unmute it, plug it in again, or choose '
                "--channels that have sound (`streamer levels` shows them)"
            )
