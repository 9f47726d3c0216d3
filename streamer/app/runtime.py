"""`streamer run`: zones, broker and live view together, until the sound ends or a signal comes."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from rich.console import Console

from damer.views import FrontEndSpec
from streamer import logs
from streamer.app.controller import Control
from streamer.app.health import HealthReporter, Survey
from streamer.app.process import heed_signals, release_memory, settle_memory
from streamer.app.reload import Reload, merge
from streamer.app.systemd import Notifier, Supervised
from streamer.audio import Block
from streamer.config import Config
from streamer.engines import Engine
from streamer.errors import AudioError, BrokerError, StreamerError
from streamer.mqtt import Ack, BrokerAddress, Publisher, existing_broker_address, open_broker
from streamer.mqtt.commands import ResponseTarget
from streamer.outputs.attached import Attached
from streamer.outputs.terminal.live_view import LiveView, summary_line
from streamer.tracking import Update
from streamer.tracking.batching import Inference
from streamer.tracking.calibration import CalibrationStore, default_file
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.dashboard.dashboard import Dashboard
    from streamer.outputs.metrics import Metrics

logger = logging.getLogger(__name__)


class Runner:
    """Tracks the configured zones and publishes what they say.

    Parameters
    ----------
    config
        What to track and where to publish.
    engine
        Shared by all zones.
    console
        The terminal for the live view; None for none.
    load
        Reads the configuration again; SIGHUP calls for it.
    """

    def __init__(
        self, config: Config, engine: Engine, console: Console | None, load: Callable[[], Config]
    ) -> None:
        self._load = load
        self._config = config
        self._engine = engine
        self._console = console
        self._view: LiveView | None = None
        self._trackers: dict[str, ZoneTracker] = {}
        self._control: Control | None = None
        self._attached: Attached | None = None
        self._dashboard: Dashboard | None = None
        self._supervised: Supervised | None = None
        self._outputs: list[Callable[[str, Update], None]] = []
        self._reloads = 0
        self._reloaded = asyncio.Event()

    async def run(self) -> None:
        """Run until every zone's sound has ended, or until SIGINT or SIGTERM.

        Raises
        ------
        StreamerError
            The broker cannot be had, or no zone's source can be opened.
        """
        config = self._config
        async with contextlib.AsyncExitStack() as stack:
            notifier = Notifier.of(os.environ)
            stack.callback(notifier.close)
            metrics = await stack.enter_async_context(_open_metrics(config))
            opening = _open_dashboard(config, self._engine.front_end)
            self._dashboard = await stack.enter_async_context(opening)
            inference = stack.enter_context(Inference(self._engine))
            trackers = [
                ZoneTracker(zone, config.tracking, inference, self._on_update, self._on_sound)
                for zone in config.zones
            ]
            self._trackers = {tracker.id: tracker for tracker in trackers}
            self._attached = Attached(config, self._trackers, self._engine.model)
            stack.push_async_callback(self._attached.close)
            for tracker in trackers:
                stack.push_async_callback(tracker.close)
            # What cannot be heard is told before a broker is troubled.
            await _open(trackers, wait=config.service.wait)
            address = await stack.enter_async_context(_open_broker(config))
            publisher = self._begin(address)
            survey = Survey(self._engine, publisher, trackers, self._attached.recorder)
            self._supervised = Supervised(notifier, survey)
            if metrics is not None:
                metrics.show(survey, self._supervised.liveness)
                self._outputs.append(metrics.hear)
            if self._dashboard is not None and self._control is not None:
                self._dashboard.show(survey, self._control, self._attached.show)
                self._outputs.append(self._dashboard.hear)
            if self._console is not None:
                self._view = LiveView(
                    {tracker.id: tracker.input for tracker in trackers},
                    topic=publisher.topics.base,
                    broker=str(address),
                    page=self._dashboard.address if self._dashboard is not None else "",
                    console=self._console,
                )
                self._outputs.append(self._draw)
            try:
                async with asyncio.TaskGroup() as group:
                    publishing = group.create_task(publisher.run())
                    try:
                        await self._track(publisher, trackers)
                    finally:
                        if self._control is not None:
                            await self._control.close()
                        await publisher.close()
                        publishing.cancel()
            except* StreamerError as failures:
                raise _first(failures) from None

    def reload(self) -> Reload:
        """Take over the safe settings of the configuration as it is now; a bad one changes nothing.

        See `streamer.app.reload.SAFE`. Calibrations are read again, too.

        Raises
        ------
        StreamerError
            The configuration is wrong, which is logged.
        """
        self._reloads += 1
        cause = {"cause": f"reload {self._reloads}"}  # each is answered, however soon it comes
        with contextlib.ExitStack() as stack:
            if self._supervised is not None:
                stack.enter_context(self._supervised.reloading())
            try:
                change = merge(self._config, self._load())
            except StreamerError as error:
                said = "the configuration stays as it was: %s"
                logger.error(said, error, extra=cause)  # noqa: TRY400
                raise
            self._take(change, cause)
        return change

    def _take(self, change: Reload, cause: dict[str, str]) -> None:
        self._config = change.config
        self._reloaded.set()
        logs.set_level(change.config.log.level)
        if self._control is not None:
            self._control.begin(change.config.tracking)
        if self._attached is not None:
            self._attached.reload()
        taken = ", ".join(change.taken) or "nothing"
        logger.info("configuration read again; changed: %s", taken, extra=cause)
        if change.waiting:
            waiting = ", ".join(change.waiting)
            logger.warning("these keys wait for the next start: %s", waiting, extra=cause)

    def _begin(self, address: BrokerAddress) -> Publisher:
        """Connect the trackers with what hears of their updates."""
        config = self._config
        publisher = Publisher(
            config.mqtt,
            address,
            zones=self._trackers,
            home_assistant=config.home_assistant,
            handler=lambda command: control.execute(command),
        )

        def answer(reply: ResponseTarget, ack: Ack) -> None:
            publisher.answer(reply, ack)
            if self._dashboard is not None:
                self._dashboard.answer(reply, ack)

        self._control = control = Control(
            {zone.id: zone for zone in config.zones},
            self._trackers,
            CalibrationStore(config.tracking.calibration or default_file(os.environ)),
            reload=self.reload,
            answer=answer,
            show=publisher.show_controls,
        )
        control.begin(config.tracking)

        def publish(zone: str, update: Update) -> None:
            source = self._trackers[zone].source
            publisher.offer_update(zone, update, title=(source.title if source else "") or None)

        self._outputs = [publish]
        if self._attached is not None:
            self._outputs += self._attached.hears
        return publisher

    def _on_update(self, zone: str, update: Update) -> None:
        for output in self._outputs:
            output(zone, update)

    def _on_sound(self, zone: str, block: Block) -> None:
        if self._attached is not None:
            self._attached.sound(zone, block)
        if self._control is not None:
            self._control.hear(zone, block)

    def _draw(self, zone: str, update: Update) -> None:
        if self._view is not None:
            self._view.update(zone, update, (time.monotonic() - update.captured) * 1e3)

    async def _track(self, publisher: Publisher, trackers: list[ZoneTracker]) -> None:
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(self._report(publisher, trackers))]
            if self._attached is not None:
                background.append(group.create_task(self._attached.run()))
            if self._supervised is not None:
                background.append(group.create_task(self._supervised.run()))
            if self._dashboard is not None:
                background.append(group.create_task(self._dashboard.run()))
            if self._view is not None:
                background.append(group.create_task(self._view.run()))
                informing = self._inform_view(self._view, publisher, trackers)
                background.append(group.create_task(informing))
            zones = [group.create_task(self._follow(tracker)) for tracker in trackers]
            stop = asyncio.Event()

            def end() -> None:
                self._tell_stopping()
                stop.set()

            heed_signals(stop=end, reload=self._reload_or_not)
            background.append(group.create_task(_cancel_when(stop, zones)))
            await asyncio.wait(zones)
            self._tell_stopping()
            for task in background:
                task.cancel()

    def _tell_stopping(self) -> None:
        if self._supervised is not None:
            self._supervised.stopping()

    def _reload_or_not(self) -> None:
        with contextlib.suppress(StreamerError):  # logged
            self.reload()

    async def _follow(self, tracker: ZoneTracker) -> None:
        """Run one zone; what breaks it later on does not end the others."""
        try:
            await tracker.run()
        except StreamerError as error:
            if tracker.estimates == 0 or len(self._config.zones) == 1:
                raise
            logger.error("stopped: %s", error, extra={"zone": tracker.id})  # noqa: TRY400
        else:
            logger.info("the sound has ended", extra={"zone": tracker.id})

    async def _report(self, publisher: Publisher, trackers: list[ZoneTracker]) -> None:
        recorder = self._attached.recorder if self._attached is not None else None
        reporter = HealthReporter(self._engine, publisher, recorder)
        settle_memory()
        while True:
            self._reloaded.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.mqtt.health_interval):
                    await self._reloaded.wait()
            reporter.offer(trackers)
            release_memory()  # sessions, decoders and recordings come and go for weeks
            for tracker in trackers if self._view is None else ():
                if tracker.last is not None and not (tracker.trouble or tracker.ended):
                    latency = publisher.latency(tracker.id)
                    logger.info(
                        summary_line(
                            tracker.id, tracker.last, latency_ms=latency.p50 if latency else None
                        )
                    )

    async def _inform_view(
        self, view: LiveView, publisher: Publisher, trackers: list[ZoneTracker]
    ) -> None:
        while True:
            view.set_broker(str(publisher.address), connected=publisher.connected)
            for tracker in trackers:
                if tracker.source is not None:
                    view.set_source(tracker.id, tracker.source.name)
            await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def _open_metrics(config: Config) -> AsyncIterator["Metrics | None"]:
    """Serve numbers where that is wanted; what keeps from it is told before anything starts."""
    if config.metrics.listen is None:
        yield None
        return
    from streamer.outputs.metrics import serve_metrics

    async with serve_metrics(config.metrics.listen) as metrics:
        yield metrics


@contextlib.asynccontextmanager
async def _open_dashboard(config: Config, spec: FrontEndSpec) -> AsyncIterator["Dashboard | None"]:
    """Serve the dashboard where that is wanted, before anything else starts."""
    if not config.dashboard.serve:
        yield None
        return
    from streamer.outputs.dashboard.dashboard import serve_dashboard

    async with serve_dashboard(config, spec) as dashboard:
        yield dashboard


@contextlib.asynccontextmanager
async def _open_broker(config: Config) -> AsyncIterator[BrokerAddress]:
    """Find the broker; one that is not there yet is waited for by the publisher, if it may be."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            opening = open_broker(config.mqtt, port=config.mqtt.port)
            address = await stack.enter_async_context(opening)
        except BrokerError as error:
            if not config.service.wait or config.mqtt.broker == "embedded":
                raise
            logger.warning("%s; waiting for it", error)
            address = existing_broker_address(config.mqtt)
        yield address


async def _open(trackers: list[ZoneTracker], *, wait: bool) -> None:
    """Open every zone's source.

    What is not there now may come later: its zone tries again while another one is heard, and
    with `wait` also where no other one is.
    """
    results = await asyncio.gather(*(each.open() for each in trackers), return_exceptions=True)
    failed = [
        (tracker, error)
        for tracker, error in zip(trackers, results, strict=True)
        if error is not None
    ]
    for tracker, error in failed:
        may_return = tracker.returns and isinstance(error, AudioError)
        if not may_return or (len(failed) == len(trackers) and not wait):
            raise error


async def _cancel_when(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    await stop.wait()
    for task in tasks:
        task.cancel()


def _first(group: BaseExceptionGroup) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
