"""Ray Serve with the engine, until a signal comes."""

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig, HTTPOptions, ProxyLocation

from deploy.serving.replica import EngineReplica
from deploy.serving.settings import Settings
from streamer.errors import StreamerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the engine is served, and how often.

    Attributes
    ----------
    host, port
        Where requests are answered.
    certificate, key
        For TLS, in PEM; both or none.
    replicas
        Least and largest number of copies of the engine.
    streamers
        Connections of a copy, beyond which another copy is started.
    processors, gpus
        Cores and GPUs of a copy.
    """

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    replicas: tuple[int, int]
    streamers: int
    processors: float
    gpus: float


def serve_engine(settings: Settings, place: Place, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    The cluster that RAY_ADDRESS names is joined; without it one is started on this machine.

    Raises
    ------
    StreamerError
        It cannot be served; the message says why.
    """
    with _cluster(), _signals() as over:
        try:
            serve.start(
                proxy_location=ProxyLocation.EveryNode,
                http_options=HTTPOptions(
                    host=place.host,
                    port=place.port,
                    ssl_certfile=str(place.certificate) if place.certificate else None,
                    ssl_keyfile=str(place.key) if place.key else None,
                ),
            )
            serve.run(_application(settings, place), name="engine", logging_config=_LOGGING)
        except (RuntimeError, ValueError, OSError) as error:
            raise StreamerError(_reason(error, place)) from None
        on_ready()
        over.wait()
        if _joined():
            serve.delete("engine")  # the rest is the cluster's


_LOGGING = {"log_level": "WARNING", "enable_access_log": False}


def _application(settings: Settings, place: Place) -> Any:
    least, most = place.replicas
    deployment: Any = serve.deployment(
        EngineReplica,
        name="engine",
        ray_actor_options={"num_cpus": place.processors, "num_gpus": place.gpus},
        autoscaling_config=AutoscalingConfig(
            min_replicas=least,
            max_replicas=most,
            target_ongoing_requests=place.streamers,
            upscale_delay_s=5.0,
            downscale_delay_s=120.0,
        ),
        # Who comes beyond it has an engine of its own, and those before are answered in time.
        max_ongoing_requests=place.streamers + -(-place.streamers // 4),
        max_queued_requests=1,
        health_check_period_s=2.0,
        health_check_timeout_s=5.0,
        graceful_shutdown_timeout_s=2.0,
    )
    return deployment.bind(settings)


@contextlib.contextmanager
def _cluster() -> Iterator[None]:
    for name in ("ray", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    own: dict[str, Any] = {} if _joined() else {"include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
    except (RuntimeError, ValueError, OSError) as error:
        where = os.environ.get("RAY_ADDRESS", "on this machine")
        raise StreamerError(f"no Ray cluster {where}: {_first_line(error)}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _joined() -> bool:
    """Whether the cluster is one that others started."""
    return "RAY_ADDRESS" in os.environ


@contextlib.contextmanager
def _signals() -> Iterator[Event]:
    over = Event()
    before = {
        number: signal.signal(number, lambda *_: over.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reason(error: Exception, place: Place) -> str:
    text = _first_line(error)
    if "bind" in text:
        return f"{place.host}:{place.port} is in use or not ours; choose another --port"
    return f"the engine cannot be served: {text}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
