"""The recorder's process, from our side."""

import contextlib
import json
import struct
import subprocess
import threading
from collections.abc import Collection, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.audio.microphone.device_list import Device, DeviceList, number_duplicates
from streamer.child.process import start_helper
from streamer.errors import AudioError

FIRST_PATIENCE = 5.0
"""Seconds a device has for its first block; a sound server may wake it first."""

PATIENCE = 1.0
"""Seconds without a block after which a device counts as dead."""

_RECORDER = Path(__file__).with_name("portaudio_capture.py")
_HEADER = struct.Struct("=cI")
_SOUND = struct.Struct("=qddB")
_OPEN_SECONDS = 10.0  # a driver that takes longer hangs
_LEAVE_SECONDS = 0.5
_TICK = 0.1


@dataclass(frozen=True, slots=True)
class CapturedBlock:
    """A block as the recorder had it.

    Attributes
    ----------
    first
        Number of its first frame, counted by callbacks.
    arrived
        `time.monotonic()` when it came.
    age
        Seconds between the capture of its first frame and `arrived` by PortAudio's clock; NaN where
        that cannot be believed.
    overflow
        Whether PortAudio says that sound was lost before it.
    sound
        float32, shape (channels, n).
    """

    first: int
    arrived: float
    age: float
    overflow: bool
    sound: NDArray[np.float32]


class CaptureProcess:
    """A recorder that runs; use it as a context manager, or `close` it.

    Raises
    ------
    AudioError
        PortAudio is missing, or does not answer.
    """

    def __init__(self) -> None:
        self._process = start_helper(str(_RECORDER))
        self._channels = 1
        self._blocks = 0
        self._dead = False
        try:
            content = json.loads(self._answer(b"D"))
        except BaseException:
            self.close()
            raise
        self.devices = DeviceList(
            content["portaudio"], number_duplicates(Device(**each) for each in content["devices"])
        )

    def __enter__(self) -> "CaptureProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self, device: Device, channels: Collection[int] = ()) -> dict[str, Any]:
        """Open a device at its usual rate; give the stream's `rate` and `latency`.

        Parameters
        ----------
        device
            Of `devices`.
        channels
            To record, counted from 1; none for those that `Device.default_channels` tells.

        Raises
        ------
        AudioError
            It cannot be opened.
        """
        count, chosen = (device.channels, tuple(channels)) if channels else device.default_channels
        self._channels = len(chosen)
        take = [channel - 1 for channel in chosen]
        self._tell({"device": device.index, "channels": count, "take": take, "rate": device.rate})
        try:
            opened: dict[str, Any] = json.loads(self._answer(b"O"))
        except PortAudioError as failure:
            raise AudioError(explain(str(failure), device)) from None
        return opened

    def record(self, stop: threading.Event) -> Generator[CapturedBlock]:
        """Start, and yield blocks until `stop` is set, which ends the process.

        Raises
        ------
        PortAudioError
            The stream ended by itself, or nothing comes any more.
        """
        over = threading.Event()
        guard = threading.Thread(target=self._guard, args=(stop, over), daemon=True)
        guard.start()
        try:
            self._tell({})
            while (record := self._read()) is not None:
                kind, content = record
                if kind == b"E":
                    raise PortAudioError(json.loads(content)["text"])
                first, arrived, age, overflow = _SOUND.unpack_from(content)
                samples = np.frombuffer(content, np.float32, offset=_SOUND.size)
                sound = samples.reshape(self._channels, -1)
                self._blocks += 1
                yield CapturedBlock(first, arrived, age, bool(overflow), sound)
        finally:
            over.set()
            guard.join()
        if not stop.is_set():
            dead = "it sends nothing any more" if self._blocks else "it sends nothing"
            raise PortAudioError(dead if self._dead else "its recorder ended")

    def close(self) -> None:
        """End the process and free what belongs to it; more than once is fine."""
        process = self._process
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _guard(self, stop: threading.Event, over: threading.Event) -> None:
        """End the process when it is told to stop, or is dead; whoever reads from it finds the end.

        Counts its own ticks: while the machine sleeps, nobody's patience wears out.
        """
        seen, waited = 0, 0.0
        while not over.wait(_TICK):
            if self._blocks > seen:
                seen, waited = self._blocks, 0.0
            waited += _TICK
            if stop.is_set() or waited > (PATIENCE if seen else FIRST_PATIENCE):
                self._dead = not stop.is_set()
                self._kill()
                return

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()

    def _tell(self, content: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        with contextlib.suppress(OSError):  # it is gone: told where it is read from
            self._process.stdin.write(json.dumps(content).encode() + b"\n")
            self._process.stdin.flush()

    def _answer(self, wanted: bytes) -> bytes:
        timer = threading.Timer(_OPEN_SECONDS, self._kill)
        timer.start()
        try:
            record = self._read()
        finally:
            timer.cancel()
        if record is None:
            raise AudioError(
                "PortAudio does not answer: its driver hangs or crashed; "
                "unplug the device and plug it in again, or restart the sound server"
            )
        kind, content = record
        if kind == wanted:
            return content
        error = json.loads(content)
        if error["what"] == "missing":
            raise AudioError(
                f"PortAudio is not installed ({error['text']}); install it: "
                "apt install libportaudio2 on Debian, and pip install sounddevice"
            )
        raise PortAudioError(error["text"])

    def _read(self) -> tuple[bytes, bytes] | None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - a pipe
        header = output.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return None
        kind, length = _HEADER.unpack(header)
        content = output.read(length)
        return (kind, content) if len(content) == length else None


class PortAudioError(AudioError):
    """PortAudio's own words."""


def explain(text: str, device: Device) -> str:
    """Put into words why a device cannot be opened, and what to do.

    Parameters
    ----------
    text
        PortAudio's.
    device
        Which one.
    """
    lower = text.lower()
    if "permission" in lower or "access" in lower:
        do = "allow this user to record, on Linux by the group audio"
        return f'"{device}" is forbidden to us; {do}'
    if "unavailable" in lower or "busy" in lower:
        return f'"{device}" is busy or was unplugged; close the program that uses it'
    if "sample rate" in lower:
        return f'"{device}" does not record at {device.rate} Hz; set another rate in its driver'
    if "number of channels" in lower:
        return f'"{device}" does not record that many channels; choose others with --channels'
    if "input/output" in lower or "no such" in lower:
        return f'"{device}" does not answer; plug it in, and see that the sound server has it'
    return f'"{device}" cannot be opened ({text}); see `streamer doctor`'


def list_devices() -> DeviceList:
    """Return every device that records, as it is now.

    Raises
    ------
    AudioError
        PortAudio is missing, or does not answer.
    """
    with CaptureProcess() as recorder:
        return recorder.devices
