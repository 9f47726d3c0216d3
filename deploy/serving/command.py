"""The command `python -m deploy serve`."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from damer.weights import SHIPPED_MODEL
from deploy.serving.settings import Settings
from deploy.serving.users import Users
from streamer.engines import Backend, Require
from streamer.engines.onnx_engine import read_model_metadata
from streamer.engines.remote.wire_format import SLOTS
from streamer.engines.weights_digest import file_sha256, verify_weights
from streamer.errors import StreamerError, UsageError

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": "1",  # of 30: a stopped server is replaced at once
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
}
"""What Ray reads when it is imported."""


def serve(
    host: Annotated[
        str, typer.Option(help="Address to serve at; one that others reach wants a password_file.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8720,
    model: Annotated[
        Path, typer.Option(metavar="FILE", help="ONNX weights; the streamers need the same.")
    ] = SHIPPED_MODEL,
    backend: Annotated[Backend, typer.Option(help="As in [engine] of the configuration.")] = "auto",
    require: Annotated[
        Require, typer.Option(help="gpu: not without one, and one for each copy.")
    ] = "any",
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the engine, at least.")] = 1,
    most_replicas: Annotated[
        int | None, typer.Option(min=1, help="At most, as streamers come.")
    ] = None,
    streamers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Connections beyond which another copy is started; a quarter more are refused.",
        ),
    ] = 50,
    largest_batch: Annotated[
        int, typer.Option(min=SLOTS, max=4096, help="Windows that are answered at once, at most.")
    ] = SLOTS,
    batch_wait_ms: Annotated[
        float, typer.Option(min=0, max=100, help="Milliseconds that a window waits for others.")
    ] = 2.0,
    password_file: Annotated[
        Path | None,
        typer.Option(help="Users and passwords, as mosquitto_passwd writes them; [default: none]"),
    ] = None,
    cert_file: Annotated[
        Path | None, typer.Option(help="Certificate for TLS, in PEM, with its chain.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option(help="Its key, without passphrase.")] = None,
    proxy: Annotated[
        Literal["ray", "haproxy"],
        typer.Option(
            help="What takes requests. haproxy is quicker, has no TLS, and shows its statistics to "
            "everybody on ports 8404 and 9101: for a network of its own."
        ),
    ] = "ray",
    gpus: Annotated[
        float | None, typer.Option(min=0, help="GPUs of a copy.  [default: 1 with --require gpu]")
    ] = None,
    processors: Annotated[float, typer.Option(min=0, help="Cores of a copy.")] = 1.0,
) -> None:
    """Serve the engine to the streamers of many venues, on Ray Serve.

    Streamers ask it with `[engine.remote] url`. Windows that arrive together are answered in one
    batch. RAY_ADDRESS names a cluster to run on; without it one is started here. Ends on Ctrl-C.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        settings = Settings(
            model=model.resolve(),
            backend=backend,
            require=require,
            password_file=password_file.resolve() if password_file else None,
            largest_batch=largest_batch,
            batch_wait=batch_wait_ms / 1e3,
        )
        _check(settings, host, cert_file, key_file)
        if proxy == "haproxy" and cert_file is not None:
            raise UsageError("haproxy has no TLS here; leave --proxy out")
        os.environ |= _ENVIRONMENT | {"RAY_SERVE_ENABLE_HA_PROXY": str(int(proxy == "haproxy"))}
        try:
            from deploy.serving.run import Place, serve_engine
        except ImportError:
            raise StreamerError('Ray is not installed; `pip install -e ".[ray]"`') from None

        place = Place(
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
        digest = file_sha256(settings.model)[:12]
        with console.status("Starting Ray Serve"):
            serve_engine(
                settings,
                place,
                lambda: console.print(
                    f"serving {model.name} (SHA-256 {digest}) at {scheme}://{host}:{port}; "
                    "Ctrl-C stops"
                ),
            )
    except (StreamerError, ValueError) as error:
        console.print(f"deploy serve: {error}", style="red")
        raise typer.Exit(getattr(error, "exit_code", 2)) from None


def _check(settings: Settings, host: str, certificate: Path | None, key: Path | None) -> None:
    """Find mistakes before a cluster is started for them.

    Raises
    ------
    StreamerError, ValueError
        The message says what to do.
    """
    verify_weights(settings.model)
    read_model_metadata(settings.model)
    if settings.password_file is not None:
        Users(settings.password_file)
    elif not _is_loopback(host):
        raise UsageError(
            f"other machines reach {host}: give a --password-file "
            "(mosquitto_passwd -c FILE USER makes one)"
        )
    if (certificate is None) != (key is None):
        raise UsageError("--cert-file and --key-file go together; give both")
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise UsageError(f"{file} is missing")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
