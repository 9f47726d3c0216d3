"""Check the engine, its weights and licence, the inference server, and the speed."""

import hashlib
import time
from collections.abc import Iterator

import numpy as np

from damer.weights import SHIPPED_MODEL
from streamer.audio import Block
from streamer.config import Engine as EngineTable
from streamer.config import Tracking
from streamer.doctor.finding import Finding
from streamer.engines import Engine, open_engine
from streamer.engines.remote.remote_engine import make_connector
from streamer.engines.remote.server_address import parse_server_address
from streamer.errors import ConfigError, EngineError
from streamer.tracking.batching import infer_windows
from streamer.tracking.windows import Window, WindowStream

LICENCE = "CC BY-NC-SA 4.0: for research and other non-commercial use"

_RATE = 44100  # Hz
_BLOCK = 882  # samples
_WARM_UP, _SECONDS = 1.0, 1.0  # seconds
_MAX_LOAD = 50.0  # percent of a core; above it, a loaded machine drops estimates


def check_engine(table: EngineTable) -> Iterator[tuple[Finding, Engine | None]]:
    """Yield findings on engine, weights and licence, and the engine once it is open."""
    try:
        engine = open_engine(table.model, table.backend, table.require, sha256=table.digest)
    except EngineError as error:
        yield Finding.from_error("engine", error), None
        return
    if engine.last_error:
        yield Finding("engine", "warn", f"{engine.name}: {engine.last_error}"), engine
    else:
        yield Finding("engine", "ok", engine.name), engine
    path = table.model or SHIPPED_MODEL
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    seen = f"{engine.model}, SHA-256 {digest}, front end {engine.front_end.digest[:12]}"
    yield Finding("weights", "ok", seen), None
    if table.remote.url is not None:
        yield _check_server(table), None
    if path == SHIPPED_MODEL:
        yield Finding("licence", "ok", f"of the shipped weights: {LICENCE}"), None


def _check_server(table: EngineTable) -> Finding:
    """Connect to the inference server; a run can go on without it, so failure is a warning."""
    subject = "engine: server"
    try:
        server = parse_server_address(table.remote.url or "")
        with make_connector(table.remote, server, table.model)() as connection:
            return Finding(subject, "ok", f"{connection.engine}, at {server}")
    except ConfigError as error:
        return Finding.from_error(subject, error)
    except EngineError as error:
        return Finding(
            subject, "warn", f"cannot use {server}: {error}; the local engine takes over"
        )


def check_speed(engine: Engine, tracking: Tracking) -> Finding:
    """Time one second of noise through front end and network, at the configured rate."""
    random = np.random.default_rng(0)
    stream = WindowStream(_RATE, engine.front_end, tracking.rate)
    windows: list[Window] = []
    start = time.perf_counter()
    for first in range(0, round((_WARM_UP + _SECONDS) * _RATE), _BLOCK):
        if first == round(_WARM_UP * _RATE):
            windows.clear()
            start = time.perf_counter()
        samples = random.normal(0, 0.1, _BLOCK).astype(np.float32)
        windows += stream.push(Block(samples, first, first / _RATE))
    views_done = time.perf_counter()
    for window in windows:
        infer_windows(engine, [window])
    inference_done = time.perf_counter()
    views_ms = (views_done - start) * 1e3
    inference_ms = (inference_done - views_done) * 1e3
    load = (views_ms + inference_ms) / (_SECONDS * 10.0)
    seen = (
        f"1 s of audio: front end {views_ms:.1f} ms, {len(windows)} estimates {inference_ms:.1f} "
        f"ms ({inference_ms / max(len(windows), 1):.1f} ms each); {load:.0f} % of a core"
    )
    if load < _MAX_LOAD:
        return Finding("speed", "ok", seen)
    return Finding("speed", "warn", seen, "lower [tracking] rate, or free the machine")
