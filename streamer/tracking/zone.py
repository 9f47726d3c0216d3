"""Track one zone: audio blocks to windows, engine answers to updates."""

import asyncio
import logging
from collections.abc import Callable

from streamer import logs
from streamer.audio import ZONE_RATE, Block, Source, zone_sample
from streamer.config import Tracking, Zone
from streamer.decoder.urls import is_url, redact_url
from streamer.tracking.batching import Answer, BatchingInference, WindowSlot
from streamer.tracking.gain import Gain
from streamer.tracking.rate_control import RateController
from streamer.tracking.trajectory import Correction, Trajectory
from streamer.tracking.update import Update
from streamer.tracking.windows import WindowStream
from streamer.tracking.zone_source import ReconnectingSource
from streamer.tracking.zone_status import ZoneStatus

logger = logging.getLogger(__name__)


class ZoneTracker:
    """Tracks one zone from its source to its updates.

    Audio is processed in the event loop, about a millisecond per tick; the engine runs in a worker
    thread. The only hand-off between them is a slot for the newest window, so a slow engine costs
    estimates but never delays the audio. If the engine stays slow, the estimate rate is reduced.

    A lost microphone or network stream is reopened until it is back. Zone time and trajectory
    continue over the gap.

    Parameters
    ----------
    zone, tracking
        The zone, and how to track it.
    inference
        Shared by all zones.
    on_update
        Called in the event loop with the zone's name and each update. Must not block.
    on_audio
        Called likewise with each audio block.

    Attributes
    ----------
    id, input
        Name of the zone, and its input for people: a URL without user, password and query.
    status
        Counters and errors.
    source
        The audio source over all reconnects.
    window_stream
        That of the present connection. None before the first audio block.
    tracking
        The current settings.
    gain
        Applied to the audio first.
    trajectory
        The zone's trajectory over all reconnects.
    rate_controller
        The current estimate rate.
    """

    def __init__(
        self,
        zone: Zone,
        tracking: Tracking,
        inference: BatchingInference,
        on_update: Callable[[str, Update], None],
        on_audio: Callable[[str, Block], None] = lambda _zone, _block: None,
    ) -> None:
        engine = inference.engine
        sample_rate = engine.front_end.sample_rate
        self.id = zone.id
        self.input = redact_url(zone.input) if is_url(zone.input) else zone.input
        self.status = ZoneStatus()
        self.source = ReconnectingSource(zone, self.status)
        self.window_stream: WindowStream | None = None
        self.tracking = tracking
        self.gain = Gain(sample_rate, automatic=zone.auto_gain)
        self.trajectory = Trajectory(
            sample_rate, tracking.smoother, engine.smoothing, tracking.on_silence
        )
        self.rate_controller = RateController(tracking.rate)
        self._inference = inference
        self._on_update = on_update
        self._on_audio = on_audio
        self._audio_end: tuple[int, float] | None = None  # zone sample, and its capture time

    async def open(self) -> None:
        """Open the source ahead of `run`, to learn early whether it can be opened.

        Raises
        ------
        StreamerError
            The source cannot be opened.
        """
        await self.source.open()

    async def close(self) -> None:
        """Close the source. Safe to call more than once."""
        await self.source.close()

    async def run(self) -> None:
        """Track until the audio ends. A failure restarts this zone only, after a pause.

        Raises
        ------
        StreamerError
            The source failed and cannot be reopened.
        """
        with logs.log_context(zone=self.id):
            await self.source.run(self._track)

    def configure(self, tracking: Tracking) -> None:
        """Apply other settings from now on; the trajectory continues."""
        self.tracking = tracking
        self.trajectory.configure(tracking.smoother, tracking.on_silence)
        self.rate_controller = RateController(tracking.rate)
        if self.window_stream is not None:
            self.window_stream.set_rate(tracking.rate)
        self._apply_rate()

    def calibrate(self, gain_db: float = 0.0, correction: Correction | None = None) -> None:
        """Apply another fixed gain and another correction from now on; none by default."""
        self.gain.set_fixed(gain_db)
        self.trajectory.correction = correction or Correction()

    async def _track(self, source: Source) -> None:
        with logs.log_context(source=source.name), self._inference.open_slot(self.status) as slot:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read_audio(source, slot))
                tasks.create_task(self._make_updates(slot))

    async def _read_audio(self, source: Source, slot: WindowSlot) -> None:
        stream: WindowStream | None = None
        async for block in self.source.blocks():
            if stream is None:
                stream = self.window_stream = self._start_stream(source.rate, block)
            self._on_audio(self.id, block)
            earlier_gaps = stream.gaps
            for window in stream.push(block):
                slot.put(window)
            self.status.gaps += stream.gaps - earlier_gaps
            source.wake_at = stream.next_tick_sample
            self._audio_end = (
                stream.origin + zone_sample(block.end_sample, source.rate),
                block.captured + len(block.samples) / source.rate,
            )
        slot.close()

    def _start_stream(self, rate: int, block: Block) -> WindowStream:
        """Start the windows of a new connection; zone time advances by the gap before it."""
        origin = 0
        if self._audio_end is not None:
            end, captured = self._audio_end
            origin = end + max(0, round((block.captured - captured) * ZONE_RATE))
        spec = self._inference.engine.front_end
        stream = WindowStream(rate, spec, self.tracking.rate, origin=origin, gain=self.gain)
        stream.set_tick_stride(self.rate_controller.tick_stride)
        return stream

    async def _make_updates(self, slot: WindowSlot) -> None:
        status = self.status
        async for answer in slot:
            update = self._update_from(answer)
            if update is None:
                status.dropped += 1
            else:
                status.estimates += 1
                status.last_update = update
                self._on_update(self.id, update)

    def _update_from(self, answer: Answer) -> Update | None:
        """Return the update of an answer; None if the engine failed or the window is too old."""
        status = self.status
        if answer.affect is None:
            status.engine_error = answer.error
            message = "no estimate: %s; trying again"
            logger.warning(message, answer.error, extra={"cause": "engine"})
            return None
        if status.engine_error:
            logger.info("the engine answers again", extra={"cause": status.engine_error})
            status.engine_error = ""
        if self.rate_controller.record(answer.seconds):
            self._apply_rate()
            self._log_rate()
        return (
            None if answer.window.is_stale else self.trajectory.step(answer.window, answer.affect)
        )

    def _apply_rate(self) -> None:
        if self.window_stream is not None:
            self.window_stream.set_tick_stride(self.rate_controller.tick_stride)
            if self.source.current is not None:
                self.source.current.wake_at = self.window_stream.next_tick_sample

    def _log_rate(self) -> None:
        controller = self.rate_controller
        if controller.is_limited:
            message = "the machine is too slow: %.3g of %.3g estimates a second are made"
            extra = {"cause": "slow"}
            logger.warning(message, controller.rate, controller.target_rate, extra=extra)
        else:
            logger.info("%.3g estimates a second again", controller.rate, extra={"cause": "fast"})
