"""The engine and its weights.

One second of sound through the whole corridor, timed.
"""

import hashlib
import time
from collections.abc import Iterator

import numpy as np

from damer.weights import SHIPPED_MODEL
from streamer.audio import Block
from streamer.config import Tracking
from streamer.config.models import Engine as EngineTable
from streamer.doctor.finding import Finding
from streamer.engines import Engine, open_engine
from streamer.engines.remote.remote_engine import make_connector
from streamer.engines.remote.server_address import parse_server_address
from streamer.errors import ConfigError, EngineError
from streamer.tracking.batching import infer_windows
from streamer.tracking.windows import Window, WindowStream

LICENCE = "CC BY-NC-SA 4.0: for research and other non-commercial use"


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
        yield _server(table), None
    if path == SHIPPED_MODEL:
        yield Finding("licence", "ok", f"of the shipped weights: {LICENCE}"), None


def _server(table: EngineTable) -> Finding:
    """Ask the server of engines what it runs; a run goes on without it."""
    subject = "engine: server"
    try:
        server = parse_server_address(table.remote.url or "")
        with make_connector(table.remote, server, table.model)() as connection:
            return Finding(subject, "ok", f"{connection.engine}, at {server}")
    except ConfigError as error:
        return Finding.from_error(subject, error)
    except EngineError as error:
        return Finding(subject, "warn", f"not at {server}: {error}; the engine here answers")


_RATE = 44100
_BLOCK = 882
_WARM_UP, _SECONDS = 1.0, 1.0
_BUSY = 50.0  # percent of a core, from which a loaded machine drops estimates


def check_speed(engine: Engine, tracking: Tracking) -> Finding:
    """Hear one second and estimate it as often as `run` does; say what that costs."""
    random = np.random.default_rng(0)
    listener = WindowStream(_RATE, engine.front_end, tracking.rate)
    windows: list[Window] = []
    begun = time.perf_counter()
    for start in range(0, round((_WARM_UP + _SECONDS) * _RATE), _BLOCK):
        if start == round(_WARM_UP * _RATE):
            windows.clear()
            begun = time.perf_counter()
        samples = random.normal(0, 0.1, _BLOCK).astype(np.float32)
        windows += listener.push(Block(samples, start, start / _RATE))
    heard = time.perf_counter()
    for window in windows:
        infer_windows(engine, [window])
    done = time.perf_counter()
    hearing, thinking = (heard - begun) * 1e3, (done - heard) * 1e3
    load = (hearing + thinking) / (_SECONDS * 10.0)
    seen = (
        f"1 s of sound: heard in {hearing:.1f} ms, {len(windows)} estimates in {thinking:.1f} ms "
        f"({thinking / max(len(windows), 1):.1f} ms each); {load:.0f} % of a core"
    )
    if load < _BUSY:
        return Finding("speed", "ok", seen)
    return Finding("speed", "warn", seen, "lower [tracking] rate, or free the machine")
