"""Output to the web dashboard, and the commands that come from its viewers."""

import asyncio
import base64
import contextlib
import logging
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from damer.views import Frames, FrontEndSpec
from streamer import __version__, limits
from streamer.config import Config, ConfigError
from streamer.config import Dashboard as Settings
from streamer.config.credentials import read_secret
from streamer.config.listen import ListenAddress, parse_listen_address
from streamer.errors import UsageError
from streamer.helpers import TokenBucket
from streamer.mqtt import Ack, Topics, default_node
from streamer.mqtt.commands import CommandRequest, ResponseTarget, execute_request
from streamer.mqtt.payloads import Smoothing
from streamer.outputs.dashboard.ipc import ServerConfig
from streamer.outputs.dashboard.web_process import PendingUpdates, WebProcess
from streamer.outputs.run_status import CommandTarget, RunStatus
from streamer.outputs.sink import Sink
from streamer.tracking import Update
from streamer.tracking.mood import mood
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.lights import LightController, LiveShow

_POLL_S = 0.1  # interval at which health, controls and views are read
_ID_PREFIX = "dashboard."  # of the ids of viewers' commands
_MEL_RANGE = (-13.0, 7.0)  # from the noise of a quiet room to the loudest music
_COCHLEAGRAM_RANGE = (0.0, 0.3)

logger = logging.getLogger(__name__)


class Dashboard(Sink):
    """Web dashboard: sends updates to its child process, and executes viewers' commands.

    Parameters
    ----------
    config
        Zones and the `[dashboard]` table.
    run
        The run.
    commands
        Executes the viewers' commands.
    lights
        The light show to draw, if any.

    Attributes
    ----------
    address
        URL of the dashboard.
    process
        The child process that serves it.

    Raises
    ------
    UsageError
        The extra `dashboard` is not installed, or a token is missing or cannot be read.
    """

    def __init__(
        self, config: Config, run: RunStatus, commands: CommandTarget, lights: "LiveShow | None"
    ) -> None:
        server = _server_config(config, run.engine.front_end)
        self.address = ListenAddress(server["host"], server["port"]).url
        self._pending = PendingUpdates()
        self.process = WebProcess(server, self._pending, self._receive)
        self._loop = asyncio.get_running_loop()
        self._watched: dict[str, int] = {}  # frames sent so far, by zone that has viewers
        self._bucket = TokenBucket(limits.COMMANDS_PER_SECOND, limits.COMMAND_BURST)
        self._topics = Topics.from_config(config.mqtt)
        self._run = run
        self._commands = commands
        self._lights = lights
        self._started = False

    async def open(self) -> None:
        """Start the child process and wait until it serves.

        Raises
        ------
        StreamerError
            The address cannot be bound.
        """
        await asyncio.to_thread(self.process.start)
        logger.info("dashboard at %s", self.address)

    async def run(self) -> None:
        """Send changed health, controls and views until cancelled."""
        self._started = True
        while True:
            await asyncio.sleep(_POLL_S)
            try:
                self._send_state()
            except Exception:
                logger.exception("cannot send every update to the dashboard")

    def offer_update(self, zone: str, update: Update) -> None:
        """Queue a point of the trajectory."""
        age = time.monotonic() - update.captured
        smooth = update.smooth
        coordinates = smooth.valence, smooth.arousal, smooth.valence_std, smooth.arousal_std
        self._pending.add_point(
            zone,
            (
                round((time.time() - age) * 1e3),
                *(round(each, 3) for each in coordinates),
                round(update.level, 1),
                int(update.silence),
                round(age * 1e3, 1),
                mood(smooth.valence, smooth.arousal),
            ),
        )

    def offer_ack(self, reply: ResponseTarget, ack: Ack) -> None:
        """Queue the answer to a command, if a viewer sent the command."""
        if reply.id is not None and reply.id.startswith(_ID_PREFIX):
            self._pending.add_ack(ack.model_dump() | {"id": reply.id.removeprefix(_ID_PREFIX)})

    async def close(self) -> None:
        """End the child process."""
        await asyncio.to_thread(self.process.close)

    def _send_state(self) -> None:
        set_fact = self._pending.set_fact
        broker = self._run.broker
        set_fact("broker", {"address": broker.address, "connected": broker.connected})
        for zone, tracker in self._run.trackers.items():
            set_fact(f"controls/{zone}", self._commands.controls(zone).model_dump())
            set_fact(f"source/{zone}", _source(tracker))
            if zone in self._watched:
                self._send_views(zone, tracker)
        if self._lights is not None and self._watched:
            set_fact("lights", _fixtures_message(self._lights.controller))
        for zone, health in self._run.health().items():
            set_fact(f"health/{zone}", health.model_dump())

    def _send_views(self, zone: str, tracker: ZoneTracker) -> None:
        stream = tracker.window_stream
        if stream is None:
            return
        sent, frames = self._watched[zone], stream.frame_count
        self._watched[zone] = frames
        if new := frames - sent if frames >= sent else frames:  # fewer: the views were reset
            self._pending.add_views(zone, encode_views(stream.recent_frames(new)))

    def _receive(self, message: dict[str, Any]) -> None:
        """Pass a message from the child process on to the event loop; called by another thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._handle, message)

    def _handle(self, message: dict[str, Any]) -> None:
        match message:
            case {"watched": [*zones]}:
                self._watched = {zone: self._watched.get(zone, 0) for zone in zones}
            case {"command": {"zone": str(zone), "name": str(name), "value": str(value),
                              "id": str(command_id)}}:  # fmt: skip
                self._execute(zone, name, value, command_id)
            case {"log": [str(level), str(text)]}:
                severity = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
                logger.log(severity, "%s", text, extra={"cause": text})

    def _execute(self, zone: str, name: str, value: str, command_id: str) -> None:
        if not self._started:
            return
        if not self._bucket.try_acquire():
            logger.warning("commands come too fast, some are left out")
            return
        reply = ResponseTarget((self._topics.ack(zone, name),), id=f"{_ID_PREFIX}{command_id}")
        request = CommandRequest(zone, name, value.encode(errors="replace"))
        self._commands.send_ack(
            reply, execute_request(request, self._run.trackers, self._commands.execute, reply)
        )


async def check_dashboard(config: Config, spec: FrontEndSpec) -> str:
    """Start the child process, stop it again, and return the URL that it served.

    Raises
    ------
    StreamerError
        The dashboard cannot be served; see `Dashboard`.
    """
    server = _server_config(config, spec)
    process = WebProcess(server, PendingUpdates(), lambda _: None)
    try:
        await asyncio.to_thread(process.start)
    finally:
        await asyncio.to_thread(process.close)
    return ListenAddress(server["host"], server["port"]).url


def _server_config(config: Config, spec: FrontEndSpec) -> ServerConfig:
    """Return the settings of the child process."""
    for package in ("starlette", "uvicorn", "websockets"):
        if find_spec(package) is None:
            raise UsageError(
                f"the dashboard needs the package {package}, which is not installed: "
                'pip install "damer-streamer[dashboard]"'
            )
    listen = parse_listen_address(config.dashboard.listen)
    return ServerConfig(
        host=listen.host,
        port=listen.port,
        token=_token(config.dashboard),
        loopback_only=listen.is_loopback,
        node=config.mqtt.node or default_node(),
        zones=[zone.id for zone in config.zones],
        views={
            "mel": spec.mel_bands,
            "cochleagram": spec.gammatone_channels,
            "rate": spec.sample_rate / spec.hop,
        },
        smoothers=list(get_args(Smoothing)),
        version=__version__,
    )


def _token(settings: Settings) -> str | None:
    """Return the token that viewers enter; None where only this machine reaches the address."""
    if settings.token is not None and settings.token_file is not None:
        raise ConfigError("[dashboard] has a token and a token_file; give one of them")
    if settings.token is not None:
        return settings.token.get_secret_value()
    if settings.token_file is not None:
        token = read_secret(settings.token_file, "[dashboard] token_file")
        if len(token) < limits.MIN_TOKEN_CHARS:
            raise ConfigError(
                f"[dashboard] token_file {settings.token_file}: a token has "
                f"{limits.MIN_TOKEN_CHARS} characters or more"
            )
        return token
    if not parse_listen_address(settings.listen).is_loopback:
        raise ConfigError(
            f"[dashboard] other machines reach {settings.listen}, so a token is needed: "
            "write one in a file and name it with token_file, or set STREAMER_DASHBOARD__TOKEN"
        )
    return None


def _source(tracker: ZoneTracker) -> dict[str, Any]:
    source = tracker.source.current
    return {
        "name": tracker.source.name,
        "title": source.title if source is not None else "",
    }


def _fixtures_message(lights: "LightController") -> dict[str, Any]:
    """Return each fixture as `[name, colour, intensity]`, and the errors of outputs."""
    from streamer.outputs.lights.color import to_hex

    fixtures = [
        [each.name, to_hex(each.color), round(each.intensity, 2)]
        for each in lights.fixture_levels()
    ]
    return {"fixtures": fixtures, "troubles": lights.output_errors()}


def encode_views(frames: Frames) -> dict[str, str]:
    """Encode frames of both views as one byte per band.

    Returns
    -------
    dict[str, str]
        By view, base64 of (frames, bands) bytes, lowest band first; 0 is the lower end of the drawn
        range, 255 the upper.
    """
    return {
        "mel": _encode(frames.mel, *_MEL_RANGE),
        "cochleagram": _encode(frames.cochleagram, *_COCHLEAGRAM_RANGE),
    }


def _encode(view: NDArray[np.float32], low: float, high: float) -> str:
    pixels = (view - low) * (255.0 / (high - low))
    return base64.b64encode(pixels.clip(0.0, 255.0).astype(np.uint8).tobytes()).decode()
