"""A server's engine, with the one here in its place whenever it does not answer in time."""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from damer.weights import SHIPPED_MODEL
from streamer.config.credentials import read_credentials
from streamer.config.models import Remote
from streamer.engines.failover import FailoverEngine, validate_estimate
from streamer.engines.protocol import Array, Estimate
from streamer.engines.remote import wire_format as wire
from streamer.engines.remote.connection_thread import ConnectionThread, OpenConnection
from streamer.engines.remote.server_address import Server, parse_server_address
from streamer.engines.weights_digest import file_sha256
from streamer.errors import EngineError

_FIRST_TRY = 1.0  # seconds that the start of a run waits for the server

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RemoteCounts:
    """How questions fared since the start.

    Attributes
    ----------
    answered
        Batches of windows that the server answered in time.
    late, failed
        Those it was asked for and did not answer in time, or at all.
    local
        Those that were answered here, because of that or while it was away.
    seconds
        How long the last answers in time took.
    """

    answered: int
    late: int
    failed: int
    local: int
    seconds: tuple[float, ...]


class RemoteEngine:
    """Asks a server; what it does not answer by the deadline is answered here, in the same tick.

    A server that is away is never waited for. It is asked again once it has answered silence in
    time.

    Parameters
    ----------
    server, connect
        Where it is, and what opens a connection to it.
    local
        The engine here, with the same weights.
    deadline
        Seconds in which an answer has to be there.
    """

    def __init__(
        self, server: Server, connect: OpenConnection, local: FailoverEngine, deadline: float
    ) -> None:
        self._server = server
        self._local = local
        self._answered_here = 0
        self._name = ""
        self._away = "it was not tried yet"
        self.model, self.front_end, self.smoothing = local.model, local.front_end, local.smoothing
        spec = local.front_end
        mel, cochleagram = (
            np.zeros((1, bands, spec.window_frames), np.float32)
            for bands in (spec.mel_bands, spec.gammatone_channels)
        )
        self._link = ConnectionThread(connect, (mel, cochleagram), deadline, self._tell)
        self._link.begin(_FIRST_TRY)

    @property
    def name(self) -> str:
        """What really runs now."""
        return self._name or self._local.name

    @property
    def last_error(self) -> str:
        """Why the server does not answer, or what is wrong here; empty where nothing is."""
        return f"not at {self._server}: {self._away}" if self._away else self._local.last_error

    @property
    def counts(self) -> RemoteCounts:
        """How questions fared."""
        link = self._link
        return RemoteCounts(
            link.answered, link.late, link.failed, self._answered_here, tuple(link.durations)
        )

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Answer for a batch of windows; see `Engine.infer`."""
        if len(mel) <= wire.SLOTS:
            try:
                return validate_estimate(self._link.infer(mel, cochleagram))
            except EngineError:
                pass  # counted, and told by the link
        self._answered_here += 1
        return self._local.infer(mel, cochleagram)

    def replace(self, reason: str) -> None:
        """Open another engine here, since this one hangs; raises as `FailoverEngine.replace`."""
        self._local.replace(reason)

    def close(self) -> None:
        """Ask the server no more."""
        self._link.close()

    def _tell(self, name: str, away: str) -> None:
        """Take in what became of the server; the log says it once for each change."""
        if name:
            self._name, self._away = f"{name}, at {self._server}", ""
            logger.info("%s answers", self._name, extra={"cause": "remote engine"})
        elif away != self._away:
            self._name, self._away = "", away
            said = "%s; %s answers in its place"
            logger.warning(said, self.last_error, self.name, extra={"cause": "remote engine"})


def open_remote_engine(remote: Remote, local: FailoverEngine, model: Path | None) -> RemoteEngine:
    """Put the server of an `[engine.remote]` table in front of the engine here.

    Parameters
    ----------
    remote
        The table; it has a url.
    local
        The engine here.
    model
        Its weights; the shipped ones by default.

    Raises
    ------
    ConfigError
        The address or the credentials cannot be read. A server that is away is no error.
    EngineError
        What it takes is not installed.
    """
    server = parse_server_address(remote.url or "")
    connect = connector(remote, server, model)
    return RemoteEngine(server, connect, local, remote.deadline_ms / 1e3)


def connector(remote: Remote, server: Server, model: Path | None) -> OpenConnection:
    """Return what opens a connection to the server of an `[engine.remote]` table.

    Raises
    ------
    ConfigError
        The credentials cannot be read.
    EngineError
        What it takes is not installed.
    """
    try:
        from streamer.engines.remote.connection import connected
    except ImportError:
        raise EngineError(
            "a server of engines is asked by a websocket, and websockets is not installed; "
            '`pip install "damer-streamer[remote]"`, or `pip install ".[remote]"` in a checkout, '
            "brings it"
        ) from None
    credentials = read_credentials(remote, server.identity)
    if credentials.password is not None and not server.tls and not _is_here(server):
        logger.warning(
            "the password goes to %s unencrypted; use https:// where the server offers it", server
        )
    weights = file_sha256(model or SHIPPED_MODEL)
    deadline = remote.deadline_ms / 1e3
    return partial(connected, server, credentials, weights, remote.precision, deadline)


def _is_here(server: Server) -> bool:
    return server.host in ("localhost", "::1") or server.host.startswith("127.")
