"""The command `python -m deploy serve`."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from damer.weights import SHIPPED_MODEL
from deploy.serving.settings import ReplicaSettings, ServerSettings
from deploy.serving.users import Users
from streamer.engines import Backend, Require
from streamer.engines.onnx_engine import read_model_metadata
from streamer.engines.remote.wire_format import SLOTS
from streamer.engines.weights_digest import file_sha256, verify_weights
from streamer.errors import StreamerError, UsageError

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": "1",  # default 30; the next server can start at once
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
}
"""Variables that Ray reads when it is imported."""


def serve(
    host: Annotated[
        str, typer.Option(help="Listen address; any but loopback needs --password-file.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8720,
    model: Annotated[
        Path, typer.Option(metavar="FILE", help="ONNX weights; streamers must have the same.")
    ] = SHIPPED_MODEL,
    backend: Annotated[Backend, typer.Option(help="As in [engine] of the configuration.")] = "auto",
    require: Annotated[
        Require, typer.Option(help="gpu: fail without one; one per replica.")
    ] = "any",
    replicas: Annotated[int, typer.Option(min=1, help="Least number of replicas.")] = 1,
    most_replicas: Annotated[
        int | None, typer.Option(min=1, help="Largest number of replicas.  [default: REPLICAS]")
    ] = None,
    streamers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Connections per replica beyond which another is started; beyond 1.25 times that "
            "they are refused.",
        ),
    ] = 50,
    largest_batch: Annotated[
        int, typer.Option(min=SLOTS, max=4096, help="Largest batch, in windows.")
    ] = SLOTS,
    batch_wait_ms: Annotated[
        float, typer.Option(min=0, max=100, help="Longest time that a window waits for others, ms.")
    ] = 2.0,
    password_file: Annotated[
        Path | None,
        typer.Option(help="Users and passwords of mosquitto_passwd.  [default: no login]"),
    ] = None,
    cert_file: Annotated[
        Path | None, typer.Option(help="TLS certificate with its chain, PEM.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option(help="Its key, PEM, without passphrase.")] = None,
    proxy: Annotated[
        Literal["ray", "haproxy"],
        typer.Option(
            help="HTTP proxy. haproxy is faster, has no TLS, and publishes its statistics on ports "
            "8404 and 9101: for a private network."
        ),
    ] = "ray",
    gpus: Annotated[
        float | None, typer.Option(min=0, help="GPUs per replica.  [default: 1 with --require gpu]")
    ] = None,
    processors: Annotated[float, typer.Option(min=0, help="CPU cores per replica.")] = 1.0,
) -> None:
    """Serve the engine to streamers of many venues, on Ray Serve.

    Streamers connect with `[engine.remote] url`. Concurrent requests run in one batch. RAY_ADDRESS
    names a cluster to join; without it one is started on this machine. Ctrl-C stops the server.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        replica = ReplicaSettings(
            model=model.resolve(),
            backend=backend,
            require=require,
            password_file=password_file.resolve() if password_file else None,
            largest_batch=largest_batch,
            batch_wait=batch_wait_ms / 1e3,
        )
        _validate(replica, host, cert_file, key_file)
        if proxy == "haproxy" and cert_file is not None:
            raise UsageError(
                "cannot use --proxy haproxy with --cert-file: it has no TLS; leave one out"
            )
        os.environ |= _ENVIRONMENT | {"RAY_SERVE_ENABLE_HA_PROXY": str(int(proxy == "haproxy"))}
        try:
            from deploy.serving.run import serve_engine
        except ImportError:
            raise StreamerError(
                'cannot serve: Ray is not installed; `pip install -e ".[ray]"`'
            ) from None

        server = ServerSettings(
            host=host,
            port=port,
            certificate=cert_file.resolve() if cert_file else None,
            key=key_file.resolve() if key_file else None,
            replicas=(replicas, max(replicas, most_replicas or replicas)),
            streamers=streamers,
            processors=processors,
            gpus=gpus if gpus is not None else float(require == "gpu"),
        )
        scheme = "https" if cert_file else "http"
        digest = file_sha256(replica.model)[:12]
        with console.status("Starting Ray Serve"):
            serve_engine(
                replica,
                server,
                lambda: console.print(
                    f"serving {model.name} (SHA-256 {digest}) at {scheme}://{host}:{port}; "
                    "Ctrl-C stops"
                ),
            )
    except (StreamerError, ValueError) as error:
        console.print(f"deploy serve: {error}", style="red")
        raise typer.Exit(getattr(error, "exit_code", 2)) from None


def _validate(
    replica: ReplicaSettings, host: str, certificate: Path | None, key: Path | None
) -> None:
    """Validate the options before a cluster is started.

    Raises
    ------
    StreamerError, ValueError
        An option is invalid.
    """
    verify_weights(replica.model)
    read_model_metadata(replica.model)
    if replica.password_file is not None:
        Users(replica.password_file)
    elif not _is_loopback(host):
        raise UsageError(
            f"other machines reach {host}: add --password-file "
            "(mosquitto_passwd -c FILE USER makes one)"
        )
    if (certificate is None) != (key is None):
        raise UsageError("--cert-file and --key-file must be given together")
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise UsageError(f"cannot read {file}: no such file; correct the path")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
