"""Open a zone's input as an async stream of mono blocks.

An `AudioInput` captures in a thread of its own and writes to a ring buffer, which a `Source` reads
in the event loop::

    AudioInput.run  ->  RingBuffer  ->  Source.blocks
    (thread)                            (event loop)
"""

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from streamer.audio.block import Block
from streamer.audio.capture_clock import Clock
from streamer.audio.cleaning import Cleaner
from streamer.audio.file_input import FileInput
from streamer.audio.microphone import MicrophoneInput
from streamer.audio.raw_input import RawInput
from streamer.audio.ring_buffer import RingBuffer
from streamer.audio.stream import StreamInput
from streamer.config.models import Zone
from streamer.decoder.urls import is_url

RING_SECONDS = 4.0
"""Capacity of the ring buffer, in seconds: how late the reader may be without losing samples."""

MAX_BLOCK_SECONDS = 0.25
"""Longest block that a source yields, in seconds."""

_JOIN_TIMEOUT = 2.0  # seconds

_log = logging.getLogger(__name__)


class AudioInput(Protocol):
    """What every kind of input implements: capture audio in a thread, into a ring buffer.

    Attributes
    ----------
    name
        Display name.
    rate
        Sample rate in Hz.
    live
        False for a file that is played back.
    cleaner
        Counts non-finite and clipped samples.
    """

    name: str
    rate: int
    live: bool
    cleaner: Cleaner

    @property
    def clock(self) -> Clock:
        """Capture time of every sample."""

    @property
    def title(self) -> str:
        """Title of what is playing; empty if unknown."""

    def run(self, ring: RingBuffer, wake: Callable[[], None], stop: threading.Event) -> None:
        """Write to `ring` until the audio ends or `stop` is set; call `wake` after each write."""

    def close(self) -> None:
        """Release resources. Called after `run` returns, or instead of it."""


class Source:
    """An open input as an async stream of blocks, in real time.

    Counters start at 0 when the source is opened. All attributes may be read at any time.

    Parameters
    ----------
    audio_input
        What to capture. Capturing begins when the first block is requested.

    Attributes
    ----------
    name
        Display name: "demo", a file name, "stdin", a device, a station or a URL.
    rate
        Sample rate in Hz.
    live
        False for a file that is played back.
    gaps
        Blocks whose first sample does not follow the previous block.
    """

    def __init__(self, audio_input: AudioInput) -> None:
        self.name = audio_input.name
        self.rate = audio_input.rate
        self.live = audio_input.live
        self.gaps = 0
        self._input = audio_input
        self._ring = RingBuffer(
            max(round(RING_SECONDS * self.rate), 2), max_wait=round(MAX_BLOCK_SECONDS * self.rate)
        )
        self._stop = threading.Event()
        self._wake = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def title(self) -> str:
        """Title of what is playing, as a network stream reports it; empty if unknown."""
        return self._input.title

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the source's clock runs, in parts per million."""
        return self._input.clock.drift_ppm

    @property
    def overruns(self) -> int:
        """How often samples were overwritten before they were read; each is a gap, too."""
        return self._ring.overruns

    @property
    def non_finite(self) -> int:
        """Samples that were NaN or infinite and became 0."""
        return self._input.cleaner.non_finite

    @property
    def clipped(self) -> int:
        """Samples at or beyond full scale, limited to [-1, 1]."""
        return self._input.cleaner.clipped

    @property
    def wake_at(self) -> int:
        """Sample number the reader waits for: `blocks` resumes once all before it are captured.

        Set by the reader. Default: 0, resume at every write. A block is never delayed by more than
        0.25 s.
        """
        return self._ring.wake_at

    @wake_at.setter
    def wake_at(self, sample: int) -> None:
        self._ring.wake_at = sample

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield mono blocks of at most 0.25 s until the audio ends. May be called once.

        Raises
        ------
        AudioError
            The input failed. Everything captured before is yielded first.
        """
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._capture, loop),
            name=f"capture {self.name}",
            daemon=True,
        )
        self._thread.start()
        max_samples = max(round(self.rate * MAX_BLOCK_SECONDS), 1)
        expected = 0
        while True:
            self._wake.clear()
            ended = self._ended  # checked before the last read, so that no sample is missed
            while True:
                start, samples = self._ring.read(max_samples)
                if not len(samples):
                    break
                self.gaps += start != expected
                expected = start + len(samples)
                yield Block(samples, start, self._input.clock.time_of(start))
            if ended:
                break
            await self._wake.wait()
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # break the reference cycle: its frames hold this source and its buffer

    async def aclose(self) -> None:
        """Stop capturing. May be called more than once."""
        self._stop.set()
        if self._thread is None:
            self._input.close()
            return
        await asyncio.to_thread(self._thread.join, _JOIN_TIMEOUT)
        if self._thread.is_alive():
            _log.warning("%s: the capture thread hangs in a read; leaving it behind", self.name)

    def _capture(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the input; body of the capture thread."""

        def wake() -> None:
            if not self._ended and not self._ring.should_wake(self._ring.head):
                return
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._wake.set)

        try:
            self._input.run(self._ring, wake, self._stop)
        except BaseException as error:  # noqa: BLE001 - re-raised by `blocks`
            self._error = error
        finally:
            try:
                self._input.close()
            finally:
                self._ended = True
                wake()


@asynccontextmanager
async def open_source(zone: Zone, *, descriptor: int | None = None) -> AsyncIterator[Source]:
    """Open a zone's input; leaving the context stops the capture.

    ::

        async with open_source(zone) as source:
            async for block in source.blocks():
                ...

    Parameters
    ----------
    zone
        Its `input`, `device`, `channels`, `loop` and `raw` are used.
    descriptor
        File descriptor to read for the input "-". Default: standard input. It is not closed.

    Yields
    ------
    Source
        Capturing begins when its first block is requested.

    Raises
    ------
    UsageError
        A channel that does not exist, an ambiguous device name, a terminal as standard input, or
        an invalid URL.
    AudioError
        The device, file or stream cannot be opened.
    """
    source = Source(await asyncio.to_thread(_open_input, zone, descriptor))
    try:
        yield source
    finally:
        await source.aclose()


def is_recoverable(zone: Zone) -> bool:
    """Return whether a zone's input is worth reopening after a failure.

    True for microphones, URLs and looped files; False for standard input and files played once.
    """
    return zone.input in ("mic", "demo") or is_url(zone.input) or (zone.loop and zone.input != "-")


def pin_device(zone: Zone, source: Source) -> Zone:
    """Return the zone with its microphone set to the name of the device that was opened.

    While that device is unplugged, its index may become another one's, and another one the default.
    """
    return zone.model_copy(update={"device": source.name}) if zone.input == "mic" else zone


def _open_input(zone: Zone, descriptor: int | None) -> AudioInput:
    if zone.input == "-":
        return RawInput(zone.raw, zone.channels, descriptor=descriptor)
    if zone.input == "demo":
        from streamer.demo import PIECE

        return FileInput(PIECE, zone.channels, loop=True, name="demo")
    if zone.input == "mic":
        return MicrophoneInput(zone.device, zone.channels)
    if is_url(zone.input):
        return StreamInput(zone.input, zone.channels)
    return FileInput(zone.input, zone.channels, loop=zone.loop)
