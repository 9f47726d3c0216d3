"""Settings of the inference server and of its replicas."""

from dataclasses import dataclass
from pathlib import Path

from streamer.engines import Backend, Require


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSettings:
    """Settings of each replica.

    Attributes
    ----------
    model, backend, require
        As for `streamer.engines.open_engine`.
    password_file
        Users and passwords as mosquitto stores them; None: no login.
    largest_batch
        Largest number of windows per call of the engine, at least that of one request.
    batch_wait
        Longest time that a window waits for others, s.
    """

    model: Path
    backend: Backend
    require: Require
    password_file: Path | None
    largest_batch: int
    batch_wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Listen address, TLS and scaling.

    Attributes
    ----------
    host, port
        Listen address.
    certificate, key
        TLS certificate and key, in PEM; both or none.
    replicas
        Least and largest number of replicas.
    streamers
        Connections per replica, beyond which another replica is started.
    processors, gpus
        CPU cores and GPUs per replica.
    """

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    replicas: tuple[int, int]
    streamers: int
    processors: float
    gpus: float
