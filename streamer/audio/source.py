"""The door in the right wall: whatever a zone listens to, as blocks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from streamer.audio.block import Block
from streamer.audio.capture import CapturedSource, Feed
from streamer.audio.file_playback import FileFeed
from streamer.audio.microphone import MicrophoneFeed
from streamer.audio.paths import is_url
from streamer.audio.raw_pipe import RawFeed
from streamer.audio.stream import StreamFeed
from streamer.config.models import Zone


class Source(Protocol):
    """Sound as it is heard, in real time.

    Every number counts from the start of the source; all may be read at any time.

    Attributes
    ----------
    wanted
        Number of the sample up to which the reader wants all at once; set by the reader.
    """

    wanted: int

    @property
    def name(self) -> str:
        """For people: "demo", a file's name, "stdin", a device, a station or its URL."""

    @property
    def title(self) -> str:
        """Of what plays now, as a network stream tells it; else empty."""

    @property
    def rate(self) -> int:
        """Samples per second, in Hz."""

    @property
    def live(self) -> bool:
        """Whether the sound arises while it is heard; False for a file that is played."""

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the source runs, in parts per million."""

    @property
    def gaps(self) -> int:
        """Blocks that did not follow the one before."""

    @property
    def overruns(self) -> int:
        """How often the reader was so late that samples were overwritten; each is a gap too."""

    @property
    def non_finite(self) -> int:
        """Samples that were NaN or infinite and became 0."""

    @property
    def clipped(self) -> int:
        """Samples at full scale or beyond, limited to it."""

    def blocks(self) -> AsyncIterator[Block]:
        """Yield mono blocks of at most 0.25 s until the sound ends. To be called once.

        Raises
        ------
        AudioError
            The sound cannot be read any further. What was captured before is yielded first.
        """


@asynccontextmanager
async def open_source(zone: Zone, *, descriptor: int | None = None) -> AsyncIterator[Source]:
    """Open what a zone listens to; leaving the context ends the capture.

    ::

        async with open_source(zone) as source:
            async for block in source.blocks():
                ...

    Parameters
    ----------
    zone
        Its `input`, `device`, `channels`, `loop` and `raw` are used.
    descriptor
        Read for the input "-" in place of standard input. It stays open.

    Yields
    ------
    Source
        Capturing begins with the first block that is asked for.

    Raises
    ------
    UsageError
        A channel that does not exist, several devices of that name, a terminal as standard input,
        a URL that cannot be meant.
    AudioError
        The device, the file or the stream cannot be opened.
    """
    source = CapturedSource(await asyncio.to_thread(_open_feed, zone, descriptor))
    try:
        yield source
    finally:
        await source.aclose()


def returns(zone: Zone) -> bool:
    """Tell whether a zone's sound may come back once it is lost.

    So it is for a microphone, a URL, and what is played again and again; a file that is played once
    has been played.
    """
    return zone.input in ("mic", "demo") or is_url(zone.input) or (zone.loop and zone.input != "-")


def kept(zone: Zone, source: Source) -> Zone:
    """Return the zone so that it is opened anew with the same device.

    While that is gone, its index may be another one's, and another one the default.
    """
    return zone.model_copy(update={"device": source.name}) if zone.input == "mic" else zone


def _open_feed(zone: Zone, descriptor: int | None) -> Feed:
    if zone.input == "-":
        return RawFeed(zone.raw, zone.channels, descriptor=descriptor)
    if zone.input == "demo":
        from streamer.demo import PIECE

        return FileFeed(PIECE, zone.channels, loop=True, name="demo")
    if zone.input == "mic":
        return MicrophoneFeed(zone.device, zone.channels)
    if is_url(zone.input):
        return StreamFeed(zone.input, zone.channels)
    return FileFeed(zone.input, zone.channels, loop=zone.loop)
