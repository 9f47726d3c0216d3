"""The pages: what is asked most is written at most once a second."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from streamer.app.health import FRESH, Liveness, Survey
from streamer.config.listen import parse_listen_address
from streamer.outputs.metrics.collector import RunCollector
from streamer.outputs.metrics.server import Answer, serving
from streamer.tracking import Update

BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Upper bounds in seconds; a file takes about 0.01, a microphone 0.02 to 0.1."""

logger = logging.getLogger(__name__)


class Metrics:
    """What a run says in numbers. All of it belongs to the event loop's thread."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # half as many series
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._latency = Histogram(
            "streamer_estimate_latency_seconds",
            "From capture of a window's newest sample to its estimate.",
            ["zone"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._liveness: Liveness | None = None
        self._page = b""
        self._written = float("-inf")

    def show(self, survey: Survey, liveness: Liveness) -> None:
        """Tell of this run from here on."""
        for zone in survey.trackers:
            self._latency.labels(zone)
        self._registry.register(RunCollector(survey, liveness))
        self._liveness = liveness

    def hear(self, zone: str, update: Update) -> None:
        """Count an estimate."""
        self._latency.labels(zone).observe(max(0.0, time.monotonic() - update.captured))

    def answer(self, path: str) -> Answer:
        """Return the page at a path."""
        liveness = self._liveness
        if path not in ("/metrics", "/healthz"):
            return Answer("404 Not Found", b"there are /metrics and /healthz\n")
        if liveness is None:
            return Answer("503 Service Unavailable", b"not begun yet\n")
        if path == "/metrics":
            return Answer(body=self._numbers(), kind=CONTENT_TYPE_PLAIN_0_0_4)
        if liveness.trouble:
            return Answer("503 Service Unavailable", f"{liveness.trouble}\n".encode())
        return Answer(body=b"ok\n")

    def _numbers(self) -> bytes:
        now = time.monotonic()
        if now - self._written >= FRESH:
            self._page = generate_latest(self._registry)
            self._written = now
        return self._page


@contextlib.asynccontextmanager
async def serve_metrics(listen: str) -> AsyncIterator[Metrics]:
    """Serve numbers for the length of the context.

    Parameters
    ----------
    listen
        `HOST:PORT`.

    Raises
    ------
    StreamerError
        Nothing can listen there.
    """
    where = parse_listen_address(listen)
    metrics = Metrics()
    async with serving(where, metrics.answer):
        logger.info("metrics at http://%s/metrics", where)
        if not where.is_loopback:
            logger.warning("whoever reaches %s can read the metrics: there is no password", where)
        yield metrics
