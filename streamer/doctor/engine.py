"""The engine and its weights."""

import hashlib
from collections.abc import Iterator

from damer.weights import SHIPPED_MODEL
from streamer.config.models import Engine as EngineTable
from streamer.doctor.finding import Finding
from streamer.engines import Engine, open_engine
from streamer.engines.remote.address import parse_server
from streamer.engines.remote.engine import connector
from streamer.errors import ConfigError, EngineError

LICENCE = "CC BY-NC-SA 4.0: for research and other non-commercial use"


def examine_engine(table: EngineTable) -> Iterator[tuple[Finding, Engine | None]]:
    """Yield findings on engine, weights and licence, and the engine once it is open."""
    try:
        engine = open_engine(table.model, table.backend, table.require, sha256=table.digest)
    except EngineError as error:
        yield Finding.of_error("engine", error), None
        return
    if engine.trouble:
        yield Finding("engine", "warn", f"{engine.name}: {engine.trouble}"), engine
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
        server = parse_server(table.remote.url or "")
        with connector(table.remote, server, table.model)() as connection:
            return Finding(subject, "ok", f"{connection.engine}, at {server}")
    except ConfigError as error:
        return Finding.of_error(subject, error)
    except EngineError as error:
        return Finding(subject, "warn", f"not at {server}: {error}; the engine here answers")
