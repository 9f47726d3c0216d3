"""Run the inference server on a Ray cluster until a signal arrives."""

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig, HTTPOptions, ProxyLocation

from deploy.serving.replica import EngineReplica
from deploy.serving.settings import ReplicaSettings, ServerSettings
from streamer.errors import StreamerError

_LOGGING = {"log_level": "WARNING", "enable_access_log": False}


def serve_engine(
    replica: ReplicaSettings, server: ServerSettings, on_ready: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM.

    Joins the cluster of RAY_ADDRESS; without it starts one on this machine.

    Raises
    ------
    StreamerError
        No cluster, or the port cannot be bound, or the engine cannot be opened.
    """
    with _cluster(), _stop_event() as stop:
        try:
            serve.start(
                proxy_location=ProxyLocation.EveryNode,
                http_options=HTTPOptions(
                    host=server.host,
                    port=server.port,
                    ssl_certfile=str(server.certificate) if server.certificate else None,
                    ssl_keyfile=str(server.key) if server.key else None,
                ),
            )
            serve.run(_deployment(replica, server), name="engine", logging_config=_LOGGING)
        except (RuntimeError, ValueError, OSError) as error:
            raise StreamerError(_reason(error, server)) from None
        on_ready()
        stop.wait()
        if _is_shared_cluster():
            serve.delete("engine")  # the cluster itself belongs to others


def _deployment(replica: ReplicaSettings, server: ServerSettings) -> Any:
    least, most = server.replicas
    deployment: Any = serve.deployment(
        EngineReplica,
        name="engine",
        ray_actor_options={"num_cpus": server.processors, "num_gpus": server.gpus},
        autoscaling_config=AutoscalingConfig(
            min_replicas=least,
            max_replicas=most,
            target_ongoing_requests=server.streamers,
            upscale_delay_s=5.0,
            downscale_delay_s=120.0,
        ),
        # Refuse further streamers, which have local engines, rather than answer all of them late.
        max_ongoing_requests=server.streamers + -(-server.streamers // 4),
        max_queued_requests=1,
        health_check_period_s=2.0,
        health_check_timeout_s=5.0,
        graceful_shutdown_timeout_s=2.0,
    )
    return deployment.bind(replica)


@contextlib.contextmanager
def _cluster() -> Iterator[None]:
    for name in ("ray", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    options: dict[str, Any] = {} if _is_shared_cluster() else {"include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (RuntimeError, ValueError, OSError) as error:
        where = os.environ.get("RAY_ADDRESS", "on this machine")
        raise StreamerError(f"no Ray cluster {where}: {_first_line(error)}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _is_shared_cluster() -> bool:
    return "RAY_ADDRESS" in os.environ


@contextlib.contextmanager
def _stop_event() -> Iterator[Event]:
    """Yield an event that SIGINT and SIGTERM set."""
    stop = Event()
    handlers = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _reason(error: Exception, server: ServerSettings) -> str:
    text = _first_line(error)
    if "bind" in text:
        return (
            f"cannot listen on {server.host}:{server.port}: in use, or not an address of this "
            "machine; choose another --port or --host"
        )
    return f"cannot serve the engine: {text}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
