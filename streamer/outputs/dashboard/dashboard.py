"""The dashboard of a run, from the side of the run."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

from damer.views import FrontEndSpec
from streamer import __version__, limits
from streamer.app.controller import Control
from streamer.app.health import Survey
from streamer.config import Config, ConfigError
from streamer.config import Dashboard as Settings
from streamer.config.credentials import read_secret
from streamer.config.listen import ListenAddress, parse_listen_address
from streamer.errors import UsageError
from streamer.helpers import TokenBucket
from streamer.mqtt import Ack, default_node
from streamer.mqtt.commands import CommandRequest, ResponseTarget, execute_request
from streamer.mqtt.payloads import Smoothing
from streamer.outputs.dashboard.ipc import Setting
from streamer.outputs.dashboard.view_pixels import pack_views
from streamer.outputs.dashboard.web_process import Outbox, WebProcess
from streamer.tracking import Update
from streamer.tracking.mood import mood
from streamer.tracking.zone import ZoneTracker

if TYPE_CHECKING:
    from streamer.outputs.lights import LightController, LiveShow

_LOOK = 0.1  # seconds between two looks at what is not told by itself
_ID = "dashboard."

logger = logging.getLogger(__name__)


class Dashboard:
    """Tells the dashboard's process what there is to see, and carries out what its viewers ask.

    All methods belong to the event loop's thread, and none of them waits.

    Parameters
    ----------
    setting
        How to serve.

    Attributes
    ----------
    address
        Where it is seen.
    process
        What serves it.
    """

    def __init__(self, setting: Setting) -> None:
        self.address = ListenAddress(setting["host"], setting["port"]).url
        self._outbox = Outbox()
        self.process = WebProcess(setting, self._outbox, self._heard)
        self._loop = asyncio.get_running_loop()
        self._watched: dict[str, int] = {}  # frames that were shown, by zone
        self._bucket = TokenBucket(limits.COMMANDS_PER_SECOND, limits.COMMAND_BURST)
        self._survey: Survey | None = None
        self._control: Control | None = None
        self._lights: LiveShow | None = None

    def show(self, survey: Survey, control: Control, lights: "LiveShow | None") -> None:
        """Show this run from here on."""
        self._survey, self._control, self._lights = survey, control, lights

    def hear(self, zone: str, update: Update) -> None:
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

    async def run(self) -> None:
        """TimedAffect at what changes without being told, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            try:
                self._look()
            except Exception:
                logger.exception("the dashboard cannot be told everything")

    def _look(self) -> None:
        survey, control = self._survey, self._control
        if survey is None or control is None:
            return
        fact = self._outbox.fact
        publisher = survey.publisher
        fact("broker", {"address": str(publisher.address), "connected": publisher.connected})
        for zone, tracker in survey.trackers.items():
            fact(f"controls/{zone}", control.controls(zone).model_dump())
            fact(f"source/{zone}", _source(tracker))
            if zone in self._watched:
                self._show_views(zone, tracker)
        if self._lights is not None and self._watched:
            fact("lights", _fixtures_message(self._lights.lights))
        for zone, health in survey.health().items():
            fact(f"health/{zone}", health.model_dump())

    def _show_views(self, zone: str, tracker: ZoneTracker) -> None:
        listener = tracker.listener
        if listener is None:
            return
        shown, frames = self._watched[zone], listener.frames
        self._watched[zone] = frames
        if new := frames - shown if frames >= shown else frames:
            self._outbox.view(zone, pack_views(listener.recent(new)))

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
        survey, control = self._survey, self._control
        if survey is None or control is None:
            return
        if not self._bucket.try_acquire():
            logger.warning("commands come too fast, some are left out")
            return
        topics = survey.publisher.topics
        reply = ResponseTarget((topics.ack(zone, name),), id=f"{_ID}{number}")
        asked = CommandRequest(zone, name, value.encode(errors="replace"))
        control.answer(reply, execute_request(asked, survey.trackers, control.execute, reply))


@contextlib.asynccontextmanager
async def serve_dashboard(config: Config, spec: FrontEndSpec) -> AsyncIterator[Dashboard]:
    """Serve the dashboard for the length of the context.

    Parameters
    ----------
    config
        What is tracked, and how the dashboard is served.
    spec
        Of the views that are drawn.

    Raises
    ------
    UsageError
        The extra `dashboard` is not installed, or a token is missing or cannot be read.
    StreamerError
        Nothing can be served there.
    """
    for package in ("starlette", "uvicorn", "websockets"):
        if find_spec(package) is None:
            raise UsageError(
                f"the dashboard needs the package {package}, which is not installed: "
                'pip install "damer-streamer[dashboard]"'
            )
    settings = config.dashboard
    where = parse_listen_address(settings.listen)
    token = _token(settings)
    dashboard = Dashboard(
        Setting(
            host=where.host,
            port=where.port,
            token=token,
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
    )
    try:
        await asyncio.to_thread(dashboard.process.begin)
        logger.info("dashboard at %s", dashboard.address)
        yield dashboard
    finally:
        await asyncio.to_thread(dashboard.process.close)


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
    source = tracker.source
    return {
        "name": tracker.source_name,
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
