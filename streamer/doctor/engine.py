"""The engine and its weights."""

import hashlib
from collections.abc import Iterator

from damer.weights import SHIPPED_MODEL
from streamer.config.models import Engine as EngineTable
from streamer.doctor.finding import Finding
from streamer.engines import Engine, open_engine
from streamer.errors import EngineError

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
    if path == SHIPPED_MODEL:
        yield Finding("licence", "ok", f"of the shipped weights: {LICENCE}"), None
