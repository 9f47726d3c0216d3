"""The dashboard of a run, from the side of the run."""

import asyncio
import contextlib
import logging
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

from damer.views import FrontEndSpec
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
from streamer.outputs.dashboard.ipc import Setting
from streamer.outputs.dashboard.view_pixels import pack_views
from streamer.outputs.dashboard.web_process import Outbox, WebProcess
from streamer.outputs.run_status import CommandTarget, RunStatus
from streamer.outputs.sink import Sink
from streamer.tracking import Update
from streamer.tracking.mood import mood
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.lights import LightController, LiveShow

_LOOK = 0.1  # seconds between two looks at what is not told by itself
_ID = "dashboard."

logger = logging.getLogger(__name__)


class Dashboard(Sink):
    """Web dashboard of a run: sends what is new to its child process, executes viewers' commands.

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
        setting = _server_setting(config, run.engine.front_end)
        self.address = ListenAddress(setting["host"], setting["port"]).url
        self._outbox = Outbox()
        self.process = WebProcess(setting, self._outbox, self._heard)
        self._loop = asyncio.get_running_loop()
        self._watched: dict[str, int] = {}  # frames that were shown, by zone
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
        await asyncio.to_thread(self.process.begin)
        logger.info("dashboard at %s", self.address)

    async def run(self) -> None:
        """Send changed health, controls and views until cancelled."""
        self._started = True
        while True:
            await asyncio.sleep(_LOOK)
            try:
                self._look()
            except Exception:
                logger.exception("cannot send everything to the dashboard")

    def offer_update(self, zone: str, update: Update) -> None:
        """Show an estimate."""
        age = time.monotonic() - update.captured
        here = update.smooth
        coordinates = here.valence, here.arousal, here.valence_std, here.arousal_std
        self._outbox.point(
            zone,
            (
                round((time.time() - age) * 1e3),
                *(round(each, 3) for each in coordinates),
                round(update.level, 1),
                int(update.silence),
                round(age * 1e3, 1),
                mood(here.valence, here.arousal),
            ),
        )

    def answer(self, reply: ResponseTarget, ack: Ack) -> None:
        """Show an answer to a command, if it was a viewer's."""
        if reply.id is not None and reply.id.startswith(_ID):
            self._outbox.ack(ack.model_dump() | {"id": reply.id.removeprefix(_ID)})

    async def close(self) -> None:
        """End the child process."""
        await asyncio.to_thread(self.process.close)

    def _look(self) -> None:
        fact = self._outbox.fact
        broker = self._run.broker
        fact("broker", {"address": broker.address, "connected": broker.connected})
        for zone, tracker in self._run.trackers.items():
            fact(f"controls/{zone}", self._commands.controls(zone).model_dump())
            fact(f"source/{zone}", _source(tracker))
            if zone in self._watched:
                self._show_views(zone, tracker)
        if self._lights is not None and self._watched:
            fact("lights", _fixtures_message(self._lights.controller))
        for zone, health in self._run.health().items():
            fact(f"health/{zone}", health.model_dump())

    def _show_views(self, zone: str, tracker: ZoneTracker) -> None:
        stream = tracker.window_stream
        if stream is None:
            return
        shown, frames = self._watched[zone], stream.frame_count
        self._watched[zone] = frames
        if new := frames - shown if frames >= shown else frames:
            self._outbox.view(zone, pack_views(stream.recent_frames(new)))

    def _heard(self, said: dict[str, Any]) -> None:
        """Take what the process says, in the thread that reads."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._take, said)

    def _take(self, said: dict[str, Any]) -> None:
        match said:
            case {"watched": [*zones]}:
                self._watched = {zone: self._watched.get(zone, 0) for zone in zones}
            case {"command": {"zone": str(zone), "name": str(name), "value": str(value),
                              "id": str(number)}}:  # fmt: skip
                self._carry_out(zone, name, value, number)
            case {"log": [str(level), str(message)]}:
                severity = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
                logger.log(severity, "%s", message, extra={"cause": message})

    def _carry_out(self, zone: str, name: str, value: str, number: str) -> None:
        if not self._started:
            return
        if not self._bucket.try_acquire():
            logger.warning("commands come too fast, some are left out")
            return
        reply = ResponseTarget((self._topics.ack(zone, name),), id=f"{_ID}{number}")
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
    setting = _server_setting(config, spec)
    process = WebProcess(setting, Outbox(), lambda _: None)
    try:
        await asyncio.to_thread(process.begin)
    finally:
        await asyncio.to_thread(process.close)
    return ListenAddress(setting["host"], setting["port"]).url


def _server_setting(config: Config, spec: FrontEndSpec) -> Setting:
    """Return the settings of the child process."""
    for package in ("starlette", "uvicorn", "websockets"):
        if find_spec(package) is None:
            raise UsageError(
                f"the dashboard needs the package {package}, which is not installed: "
                'pip install "damer-streamer[dashboard]"'
            )
    where = parse_listen_address(config.dashboard.listen)
    return Setting(
        host=where.host,
        port=where.port,
        token=_token(config.dashboard),
        here=where.is_loopback,
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
    """Return what a viewer has to know; None where only this machine can look."""
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
    """Return each fixture as `[name, colour, intensity]`, and what is wrong with outputs."""
    from streamer.outputs.lights.color import to_hex

    fixtures = [
        [each.name, to_hex(each.color), round(each.intensity, 2)]
        for each in lights.fixture_levels()
    ]
    return {"fixtures": fixtures, "troubles": lights.output_errors()}
