"""The audio source of one zone, reopened with back-off when it is lost."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from streamer.audio import Block, Source, is_recoverable, open_source, pin_device
from streamer.config import Zone
from streamer.decoder.urls import is_url, redact_url
from streamer.errors import StreamerError
from streamer.helpers import Backoff
from streamer.tracking.zone_status import InputLosses, ZoneStatus

MAX_DEVICE_BACKOFF_S = 2.0
"""Longest pause before a lost microphone or a looped file is opened again, in seconds."""

MAX_NETWORK_BACKOFF_S = 10.0
"""Longest pause before a lost network stream is opened again, in seconds."""

logger = logging.getLogger(__name__)


class ReconnectingSource:
    """Opens, reads, closes and reopens the audio source of one zone.

    Parameters
    ----------
    zone
        Its `input` and the options of that are used.
    status
        Receives errors, restarts and input losses.

    Attributes
    ----------
    current
        The open source. None while there is none.
    name
        Name of the source for people. A URL without user, password and query.
    can_reconnect
        Whether the source is opened again when it is lost: microphones, network streams and files
        that loop.
    """

    def __init__(self, zone: Zone, status: ZoneStatus) -> None:
        self.current: Source | None = None
        self.name = redact_url(zone.input) if is_url(zone.input) else zone.input
        self.can_reconnect = is_recoverable(zone)
        self._zone = zone
        self._status = status
        self._opened = contextlib.AsyncExitStack()
        self._earlier_losses = InputLosses()
        self._lost_at: float | None = None

    async def open(self) -> None:
        """Open the source.

        Raises
        ------
        StreamerError
            The source cannot be opened.
        """
        try:
            self.current = await self._opened.enter_async_context(open_source(self._zone))
        except StreamerError as error:
            self._status.last_error = str(error)
            raise
        self.name = self.current.name
        self._zone = pin_device(self._zone, self.current)

    async def close(self) -> None:
        """Close the source. Safe to call more than once."""
        if self.current is not None:
            self._count_losses(self.current)
            self._earlier_losses = self._status.input_losses
            self.current = None
        await self._opened.aclose()

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield the blocks of the open source until the audio ends."""
        source, status = self.current, self._status
        assert source is not None  # noqa: S101 - opened by `run`
        first = True
        async for block in source.blocks():
            if first:
                self._record_start()
                first = False
            status.last_audio = time.monotonic()
            self._count_losses(source)
            yield block

    async def run(self, track: Callable[[Source], Awaitable[None]]) -> None:
        """Call `track` on the open source; after a failure reopen it and call `track` again.

        Returns when `track` does.

        Raises
        ------
        StreamerError
            The source failed and cannot be reopened.
        """
        on_network = is_url(self._zone.input)
        backoff = Backoff(maximum=MAX_NETWORK_BACKOFF_S if on_network else MAX_DEVICE_BACKOFF_S)
        status = self._status
        while True:
            started = time.monotonic()
            try:
                if self.current is None:
                    await self.open()
                assert self.current is not None  # noqa: S101 - `open` returned
                await track(self.current)
            except* StreamerError as failures:
                error = failures.exceptions[0]
                status.last_error = str(error)
                if not self.can_reconnect:
                    status.ended = True
                    raise error from None
                logger.warning("%s; trying again", error)
            except* Exception as failures:
                status.last_error = str(failures.exceptions[0])
                logger.exception("the zone failed and starts again")
            else:
                status.ended = True
                return
            finally:
                await self.close()
            if self._lost_at is None:
                self._lost_at = time.monotonic()
            healthy = (status.last_audio or started) - started
            await asyncio.sleep(backoff.next_delay(max(healthy, 0.0)))

    def _record_start(self) -> None:
        """Count a restart and log the recovery, if there was audio or a failure before."""
        status = self._status
        if status.last_audio is not None:
            status.restarts += 1
            status.gaps += 1
        if self._lost_at is not None:
            lasted = time.monotonic() - self._lost_at
            cause = f"back after: {status.last_error}"
            logger.info("the audio is back after %.1f s", lasted, extra={"cause": cause})
            self._lost_at = None
        status.last_error = ""

    def _count_losses(self, source: Source) -> None:
        earlier = self._earlier_losses
        self._status.input_losses = InputLosses(
            earlier.overruns + source.overruns,
            earlier.non_finite + source.non_finite,
            earlier.clipped + source.clipped,
        )
