"""Engine that runs on an inference server, and locally whenever the server misses the deadline."""

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
from streamer.engines.remote.server_address import ServerAddress, parse_server_address
from streamer.engines.weights_digest import file_sha256
from streamer.errors import EngineError

_FIRST_ATTEMPT = 1.0  # s that the start of a run waits for the server

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RemoteCounts:
    """Requests since the start, by outcome.

    Attributes
    ----------
    answered
        Batches that the server answered in time.
    late, failed
        Batches that it answered late, or not at all.
    local
        Batches that were computed locally: late, failed, or while the server was away.
    seconds
        Latest response times in seconds, of those in time.
    """

    answered: int
    late: int
    failed: int
    local: int
    seconds: tuple[float, ...]


class RemoteEngine:
    """Requests estimates from a server; computes locally, in the same tick, what it misses.

    The engine never waits for a server that is away. It uses the server again once that has
    answered digital silence within the deadline.

    Parameters
    ----------
    server, connect
        Address, and a callable that opens a connection to it.
    local
        Local engine with the same weights.
    deadline
        Seconds until a response must have arrived.
    """

    def __init__(
        self,
        server: ServerAddress,
        connect: OpenConnection,
        local: FailoverEngine,
        deadline: float,
    ) -> None:
        self._server = server
        self._local = local
        self._local_count = 0
        self._name = ""
        self._away_reason = "not tried yet"
        self.model, self.front_end, self.smoothing = local.model, local.front_end, local.smoothing
        spec = local.front_end
        mel, cochleagram = (
            np.zeros((1, bands, spec.window_frames), np.float32)
            for bands in (spec.mel_bands, spec.gammatone_channels)
        )
        self._thread = ConnectionThread(connect, (mel, cochleagram), deadline, self._on_change)
        self._thread.start(_FIRST_ATTEMPT)

    @property
    def name(self) -> str:
        """Engine in use now."""
        return self._name or self._local.name

    @property
    def last_error(self) -> str:
        """Why the server is not in use, or the local engine's error; "" if neither."""
        if self._away_reason:
            return f"cannot use {self._server}: {self._away_reason}"
        return self._local.last_error

    @property
    def counts(self) -> RemoteCounts:
        """Requests since the start, by outcome."""
        thread = self._thread
        return RemoteCounts(
            thread.answered, thread.late, thread.failed, self._local_count, tuple(thread.durations)
        )

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Predict a batch of windows; see `Engine.infer`."""
        if len(mel) <= wire.SLOTS:
            try:
                return validate_estimate(self._thread.infer(mel, cochleagram))
            except EngineError:
                pass  # counted and logged by the connection thread
        self._local_count += 1
        return self._local.infer(mel, cochleagram)

    def replace(self, reason: str) -> None:
        """Replace a local engine that hangs; raises as `FailoverEngine.replace`."""
        self._local.replace(reason)

    def close(self) -> None:
        """Close the connection."""
        self._thread.close()

    def _on_change(self, name: str, reason: str) -> None:
        """Record that the server was connected or lost; log each change once."""
        if name:
            self._name, self._away_reason = f"{name}, at {self._server}", ""
            logger.info("connected to %s", self._name, extra={"cause": "remote engine"})
        elif reason != self._away_reason:
            self._name, self._away_reason = "", reason
            message = "%s; falling back to %s"
            logger.warning(message, self.last_error, self.name, extra={"cause": "remote engine"})


def open_remote_engine(remote: Remote, local: FailoverEngine, model: Path | None) -> RemoteEngine:
    """Put the server of an `[engine.remote]` table in front of the local engine.

    Parameters
    ----------
    remote
        The table, with a url.
    local
        Local engine.
    model
        Its weights. Default: the shipped weights.

    Raises
    ------
    ConfigError
        The address or the credentials are invalid. A server that is away is no error.
    EngineError
        websockets is not installed.
    """
    server = parse_server_address(remote.url or "")
    connect = make_connector(remote, server, model)
    return RemoteEngine(server, connect, local, remote.deadline_ms / 1e3)


def make_connector(remote: Remote, server: ServerAddress, model: Path | None) -> OpenConnection:
    """Return a callable that opens a connection to the server of an `[engine.remote]` table.

    Raises
    ------
    ConfigError
        The credentials are invalid.
    EngineError
        websockets is not installed.
    """
    try:
        from streamer.engines.remote.connection import open_connection
    except ImportError:
        raise EngineError(
            "cannot use a remote engine: websockets is not installed; "
            '`pip install "damer-streamer[remote]"`, or `pip install ".[remote]"` in a checkout'
        ) from None
    credentials = read_credentials(remote, server.peer)
    if credentials.password is not None and not server.tls and not server.is_loopback:
        logger.warning(
            "the password goes to %s unencrypted; use https:// if the server offers it", server
        )
    weights = file_sha256(model or SHIPPED_MODEL)
    deadline = remote.deadline_ms / 1e3
    return partial(open_connection, server, credentials, weights, remote.precision, deadline)
