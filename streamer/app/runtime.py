"""Compose one `streamer run`: zones -> updates -> sinks, until the audio ends or a signal stops it.

SIGHUP reloads the configuration.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from rich.console import Console

from streamer import logs
from streamer.app.controller import Controller
from streamer.app.health import HealthMonitor
from streamer.app.outputs import Outputs, make_outputs
from streamer.app.process import freeze_startup_objects, install_signal_handlers, release_memory
from streamer.app.reloadable import ReloadResult, merge_reloadable
from streamer.app.systemd import Notifier, SystemdReporter
from streamer.audio import Block
from streamer.config import Config
from streamer.engines import Engine
from streamer.errors import AudioError, BrokerError, StreamerError
from streamer.mqtt import (
    Ack,
    BrokerAddress,
    BrokerStatus,
    Controls,
    Health,
    Publisher,
    existing_broker_address,
    open_broker,
)
from streamer.mqtt.commands import ResponseTarget
from streamer.outputs.sink import Sink
from streamer.tracking import Update
from streamer.tracking.batching import BatchingInference
from streamer.tracking.calibration import CalibrationStore, default_calibration_path
from streamer.tracking.zone import ZoneTracker

logger = logging.getLogger(__name__)


class Run:
    """One run: tracks the configured zones and hands every update to every sink.

    Implements `streamer.outputs.run_status.RunStatus`.

    Parameters
    ----------
    config
        Zones, broker and outputs.
    engine
        Shared by all zones.
    console
        Terminal for the live view; None for none.
    load_config
        Loads the configuration again on SIGHUP and the `reload` command.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine,
        console: Console | None,
        load_config: Callable[[], Config],
    ) -> None:
        self.engine = engine
        self.trackers: Mapping[str, ZoneTracker] = {}
        self._config = config
        self._console = console
        self._load_config = load_config
        self._controller: Controller | None = None
        self._outputs: Outputs | None = None
        self._sinks: Sequence[Sink] = ()
        self._publisher: Publisher | None = None
        self._health: HealthMonitor | None = None
        self._systemd: SystemdReporter | None = None
        self._reloads = 0
        self._reloaded = asyncio.Event()

    async def run(self) -> None:
        """Run until the audio of every zone has ended, or until SIGINT or SIGTERM.

        Raises
        ------
        StreamerError
            The broker is not available, or no zone's source can be opened.
        """
        config = self._config
        async with contextlib.AsyncExitStack() as stack:
            notifier = Notifier.from_environment(os.environ)
            stack.callback(notifier.close)
            inference = stack.enter_context(BatchingInference(self.engine))
            self.trackers = {
                zone.id: ZoneTracker(
                    zone, config.tracking, inference, self._offer_update, self._offer_audio
                )
                for zone in config.zones
            }
            self._controller = controller = self._make_controller()
            self._outputs = make_outputs(config, self, controller, self._console)
            for sink in self._outputs:
                stack.push_async_callback(sink.close)
                await sink.open()
            for tracker in self.trackers.values():
                stack.push_async_callback(tracker.close)
            await _open_sources(self.trackers.values(), wait=config.service.wait)
            address = await stack.enter_async_context(_open_broker(config))
            self._publisher = publisher = self._make_publisher(address)
            self._sinks = (publisher, *self._outputs)
            self._health = HealthMonitor(
                self.engine, self.trackers, publisher, self._outputs.recorder
            )
            self._systemd = SystemdReporter(
                notifier, self.trackers, self.health, lambda: publisher.status
            )
            controller.apply(config.tracking)
            await self._run_tasks(publisher, controller)

    @property
    def broker(self) -> BrokerStatus:
        """Connection to the MQTT broker."""
        return self._publisher.status if self._publisher is not None else BrokerStatus()

    @property
    def stall(self) -> str:
        """Zones that have audio but no estimates, in words; empty if none."""
        return self._systemd.stall if self._systemd is not None else ""

    def health(self) -> Mapping[str, Health]:
        """Return the health of each zone, at most one second old; empty before the start."""
        return self._health.snapshot() if self._health is not None else {}

    def reload(self) -> ReloadResult:
        """Load the configuration again and apply its reloadable settings.

        An invalid configuration changes nothing. Calibrations and files of the sinks are reloaded
        too. See `streamer.app.reloadable.RELOADABLE_KEYS`.

        Raises
        ------
        StreamerError
            The configuration is invalid; this is logged.
        """
        self._reloads += 1
        cause = {"cause": f"reload {self._reloads}"}  # each is answered, however soon it comes
        with contextlib.ExitStack() as stack:
            if self._systemd is not None:
                stack.enter_context(self._systemd.reloading())
            try:
                result = merge_reloadable(self._config, self._load_config())
            except StreamerError as error:
                message = "configuration not reloaded, the old one stays in effect: %s"
                logger.error(message, error, extra=cause)  # noqa: TRY400
                raise
            self._apply(result, cause)
        return result

    def _apply(self, result: ReloadResult, cause: dict[str, str]) -> None:
        self._config = result.config
        self._reloaded.set()
        logs.set_level(result.config.log.level)
        if self._controller is not None:
            self._controller.apply(result.config.tracking)
        for sink in self._sinks:
            sink.reload()
        applied = ", ".join(result.applied) or "nothing"
        logger.info("configuration reloaded; changed: %s", applied, extra=cause)
        if result.pending:
            pending = ", ".join(result.pending)
            logger.warning("restart to apply these keys: %s", pending, extra=cause)

    def _make_controller(self) -> Controller:
        config = self._config
        return Controller(
            {zone.id: zone for zone in config.zones},
            self.trackers,
            CalibrationStore(config.tracking.calibration or default_calibration_path(os.environ)),
            reload=self.reload,
            send_ack=self._send_ack,
            on_controls=self._on_controls,
        )

    def _make_publisher(self, address: BrokerAddress) -> Publisher:
        assert self._controller is not None  # noqa: S101 - made before
        return Publisher(
            self._config.mqtt,
            address,
            zones=self.trackers,
            home_assistant=self._config.home_assistant,
            handler=self._controller.execute,
            title_of=self._title,
        )

    def _title(self, zone: str) -> str | None:
        source = self.trackers[zone].source.current
        return (source.title if source else "") or None

    def _send_ack(self, reply: ResponseTarget, ack: Ack) -> None:
        """Send the answer to a command to where commands come from: MQTT and dashboard."""
        if self._publisher is not None:
            self._publisher.publish_ack(reply, ack)
        if self._outputs is not None and self._outputs.dashboard is not None:
            self._outputs.dashboard.offer_ack(reply, ack)

    def _on_controls(self, zone: str, controls: Controls) -> None:
        if self._publisher is not None:
            self._publisher.offer_controls(zone, controls)

    def _offer_update(self, zone: str, update: Update) -> None:
        for sink in self._sinks:
            sink.offer_update(zone, update)

    def _offer_audio(self, zone: str, block: Block) -> None:
        source = self.trackers[zone].source.current
        if source is not None:
            for sink in self._sinks:
                sink.offer_audio(zone, block, source.rate)
            if self._controller is not None:
                self._controller.offer_audio(zone, block, source.rate)

    async def _run_tasks(self, publisher: Publisher, controller: Controller) -> None:
        """Run publisher, sinks and zones; end the publisher last, so that it sends `offline`."""
        try:
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(publisher.run())
                try:
                    await self._run_zones()
                finally:
                    await controller.close()
                    await publisher.close()
                    publishing.cancel()
        except* StreamerError as failures:
            raise _first_error(failures) from None

    async def _run_zones(self) -> None:
        assert self._outputs is not None  # noqa: S101 - made before
        assert self._systemd is not None  # noqa: S101
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(self._publish_health()),
                group.create_task(self._systemd.run()),
                *(group.create_task(sink.run()) for sink in self._outputs),
            ]
            zones = [group.create_task(self._run_zone(each)) for each in self.trackers.values()]
            stop = asyncio.Event()

            def on_stop_signal() -> None:
                self._report_stopping()
                stop.set()

            install_signal_handlers(stop=on_stop_signal, reload=self._reload_on_signal)
            background.append(group.create_task(_cancel_on(stop, zones)))
            await asyncio.wait(zones)
            self._report_stopping()
            for task in background:
                task.cancel()

    def _report_stopping(self) -> None:
        if self._systemd is not None:
            self._systemd.stopping()

    def _reload_on_signal(self) -> None:
        with contextlib.suppress(StreamerError):  # logged
            self.reload()

    async def _run_zone(self, tracker: ZoneTracker) -> None:
        """Run one zone; an error after its first estimate does not end the others."""
        try:
            await tracker.run()
        except StreamerError as error:
            if tracker.status.estimates == 0 or len(self.trackers) == 1:
                raise
            logger.error("stopped: %s", error, extra={"zone": tracker.id})  # noqa: TRY400
        else:
            logger.info("the audio has ended", extra={"zone": tracker.id})

    async def _publish_health(self) -> None:
        """Publish health at its interval and after each reload; log a line without live view."""
        assert self._health is not None  # noqa: S101 - made before
        assert self._publisher is not None  # noqa: S101
        freeze_startup_objects()
        while True:
            self._reloaded.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.mqtt.health_interval):
                    await self._reloaded.wait()
            for zone, health in self._health.refresh().items():
                self._publisher.offer_health(zone, health)
            release_memory()  # sessions, decoders and recordings come and go for weeks
            if self._console is None:
                self._log_summaries(self._publisher)

    def _log_summaries(self, publisher: Publisher) -> None:
        from streamer.outputs.terminal.live_view import summary_line

        for zone, tracker in self.trackers.items():
            status = tracker.status
            if status.last_update is not None and not (status.last_error or status.ended):
                latency = publisher.latency(zone)
                p50 = latency.p50 if latency else None
                logger.info(summary_line(zone, status.last_update, latency_ms=p50))


@contextlib.asynccontextmanager
async def _open_broker(config: Config) -> AsyncIterator[BrokerAddress]:
    """Find or start the broker; with `wait` a missing one is left to the publisher to retry."""
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


async def _open_sources(trackers: Iterable[ZoneTracker], *, wait: bool) -> None:
    """Open every zone's source.

    A source that may come back (microphone, stream) is retried by its zone if another zone has
    audio, and with `wait` even if none has.
    """
    zones = list(trackers)
    results = await asyncio.gather(*(each.open() for each in zones), return_exceptions=True)
    failed = [
        (tracker, error) for tracker, error in zip(zones, results, strict=True) if error is not None
    ]
    for tracker, error in failed:
        may_return = tracker.source.can_reconnect and isinstance(error, AudioError)
        if not may_return or (len(failed) == len(zones) and not wait):
            raise error


async def _cancel_on(event: asyncio.Event, tasks: Iterable[asyncio.Task[None]]) -> None:
    await event.wait()
    for task in tasks:
        task.cancel()


def _first_error(group: BaseExceptionGroup) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
