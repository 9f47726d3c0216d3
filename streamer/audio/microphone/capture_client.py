"""Client of the capture process: lists input devices, opens one, and yields its audio."""

import threading
import weakref
from collections.abc import Collection, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streamer.audio.microphone.device_list import Device, DeviceList, number_duplicates
from streamer.audio.microphone.portaudio_capture import BLOCK_HEADER
from streamer.child.framing import MessageError
from streamer.child.supervisor import ChildProcess, ChildStartError
from streamer.errors import AudioError

FIRST_BLOCK_TIMEOUT_S = 5.0
"""Longest time until the first block of a device, in seconds; a sound server may wake it first."""

BLOCK_TIMEOUT_S = 1.0
"""Longest time between two blocks of a device before it counts as lost, in seconds."""

_SCRIPT = Path(__file__).with_name("portaudio_capture.py")
_OPEN_TIMEOUT_S = 10.0  # a driver that takes longer hangs


@dataclass(frozen=True, slots=True)
class CapturedBlock:
    """A block of audio as PortAudio delivered it.

    Attributes
    ----------
    first_frame
        Number of its first frame, counted over all callbacks.
    arrived
        Time of the callback, in seconds of `time.monotonic()`.
    age
        Seconds from the capture of its first frame to `arrived`, by PortAudio's clock; NaN if
        implausible.
    overflow
        Whether PortAudio reports that audio was lost before it.
    samples
        float32, shape (channels, n).
    """

    first_frame: int
    arrived: float
    age: float
    overflow: bool
    samples: NDArray[np.float32]


class PortAudioError(AudioError):
    """PortAudio failed; the message is its own, without a remedy."""


class CaptureProcess:
    """A running capture process; use it as a context manager, or `close` it.

    Attributes
    ----------
    devices
        Input devices at the time of the start.

    Raises
    ------
    AudioError
        PortAudio is missing, or does not answer.
    """

    def __init__(self) -> None:
        try:
            self._child = ChildProcess(str(_SCRIPT), name="capture process", trusted=True)
        except ChildStartError as error:
            raise AudioError(str(error)) from None
        self._close_child = weakref.finalize(self, self._child.close)
        self._channels = 1
        try:
            message = self._request("devices")
        except BaseException:
            self.close()
            raise
        devices = number_duplicates(Device(**each) for each in message["devices"])
        self.devices = DeviceList(message["portaudio"], devices)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self, device: Device, channels: Collection[int] = ()) -> int:
        """Open a device at its default rate, and return the rate of the stream in Hz.

        Parameters
        ----------
        device
            One of `devices`.
        channels
            Channels to capture, counted from 1. Default: `Device.default_channels`.

        Raises
        ------
        AudioError
            It cannot be opened.
        """
        count, chosen = (device.channels, tuple(channels)) if channels else device.default_channels
        self._channels = len(chosen)
        request = {
            "device": device.index,
            "channels": count,
            "selected": [channel - 1 for channel in chosen],
            "rate": device.rate,
        }
        self._child.send(request)
        try:
            opened = self._request("opened")["opened"]
        except PortAudioError as error:
            raise AudioError(explain_open_error(str(error), device)) from None
        return int(opened["rate"])

    def blocks(self, stop: threading.Event) -> Generator[CapturedBlock]:
        """Start the stream, and yield blocks until `stop` is set, which ends the process.

        Raises
        ------
        PortAudioError
            The stream ended by itself, or sends nothing any more.
        """
        self._child.stop = stop
        self._child.send({"start": True})
        timeout = FIRST_BLOCK_TIMEOUT_S
        while isinstance(message := self._receive(timeout), bytes):
            first_frame, arrived, age, overflow = BLOCK_HEADER.unpack_from(message)
            samples = np.frombuffer(message, np.float32, offset=BLOCK_HEADER.size)
            samples = samples.reshape(self._channels, -1)
            yield CapturedBlock(first_frame, arrived, age, bool(overflow), samples)
            timeout = BLOCK_TIMEOUT_S
        if message is not None:
            raise PortAudioError(message["error"]["text"])
        if not stop.is_set():
            silent = "it sends nothing"
            if timeout == BLOCK_TIMEOUT_S:
                silent += " any more"
            raise PortAudioError(silent if self._child.timed_out else "its capture process ended")

    def close(self) -> None:
        """End the process; calling it again does nothing."""
        self._close_child()

    def _request(self, key: str) -> dict[str, Any]:
        """Wait for the message that holds `key`; raise the error that comes in its place."""
        message = self._receive(_OPEN_TIMEOUT_S)
        if not isinstance(message, dict):
            raise AudioError(
                "PortAudio does not answer: its driver hangs or crashed; "
                "unplug the device and plug it in again, or restart the sound server"
            )
        if key in message:
            return message
        error = message["error"]
        if error["kind"] == "missing":
            raise AudioError(
                f"PortAudio is not installed ({error['text']}); install it: "
                "apt install libportaudio2 on Debian, and pip install sounddevice"
            )
        raise PortAudioError(error["text"])

    def _receive(self, timeout: float) -> dict[str, Any] | bytes | None:
        try:
            return self._child.receive(timeout)
        except MessageError:  # treat it as an ended process
            self.close()
            return None


def explain_open_error(text: str, device: Device) -> str:
    """Return why a device cannot be opened, and the remedy.

    Parameters
    ----------
    text
        PortAudio's error message.
    device
        The device.
    """
    lower = text.lower()
    if "permission" in lower or "access" in lower:
        cause = "access denied; allow this user to record, on Linux by the group audio"
    elif "unavailable" in lower or "busy" in lower:
        cause = "it is busy or was unplugged; close the program that uses it"
    elif "sample rate" in lower:
        cause = f"it does not record at {device.rate} Hz; set another rate in its driver"
    elif "number of channels" in lower:
        cause = "it does not record that many channels; choose others with --channels"
    elif "input/output" in lower or "no such" in lower:
        cause = "it does not answer; plug it in, and check that the sound server has it"
    else:
        cause = f"{text}; see `streamer doctor`"
    return f'cannot open "{device}": {cause}'


def list_devices() -> DeviceList:
    """Return every input device that is there now.

    Raises
    ------
    AudioError
        PortAudio is missing, or does not answer.
    """
    with CaptureProcess() as process:
        return process.devices
