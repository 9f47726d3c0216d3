"""Serve `/metrics` (Prometheus) and `/healthz` over HTTP; the text is generated once a second."""

import contextlib
import logging
import time

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from streamer.config.listen import parse_listen_address
from streamer.outputs.metrics.collector import RunCollector
from streamer.outputs.metrics.server import Answer, serving
from streamer.outputs.run_status import RunStatus
from streamer.outputs.sink import Sink
from streamer.tracking.update import Update

LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Upper bounds in seconds; a file takes about 0.01, a microphone 0.02 to 0.1."""

_CACHE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Metrics(Sink):
    """Prometheus exporter of a run.

    Parameters
    ----------
    listen
        Address to listen at, `HOST:PORT`. Unauthenticated.
    run
        The run.
    """

    def __init__(self, listen: str, run: RunStatus) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # half as many series
        self._listen = parse_listen_address(listen)
        self._run = run
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._latency = Histogram(
            "streamer_estimate_latency_seconds",
            "From capture of a window's newest sample to its estimate.",
            ["zone"],
            buckets=LATENCY_BUCKETS,
            registry=self._registry,
        )
        self._server = contextlib.AsyncExitStack()
        self._started = False
        self._page = b""
        self._generated = float("-inf")

    async def open(self) -> None:
        """Start the HTTP server.

        Raises
        ------
        StreamerError
            The address cannot be bound.
        """
        await self._server.enter_async_context(serving(self._listen, self.answer))
        logger.info("metrics at http://%s/metrics", self._listen)
        if not self._listen.is_loopback:
            logger.warning("anyone who reaches %s can read the metrics: no password", self._listen)

    async def run(self) -> None:
        """Register the zones' metrics; until then requests are answered with 503."""
        for zone in self._run.trackers:
            self._latency.labels(zone)
        self._registry.register(RunCollector(self._run))
        self._started = True

    def offer_update(self, zone: str, update: Update) -> None:
        """Count an estimate and its latency."""
        self._latency.labels(zone).observe(max(0.0, time.monotonic() - update.captured))

    async def close(self) -> None:
        """Stop the HTTP server."""
        await self._server.aclose()

    def answer(self, path: str) -> Answer:
        """Return the response for a path."""
        if path not in ("/metrics", "/healthz"):
            return Answer("404 Not Found", b"there are /metrics and /healthz\n")
        if not self._started:
            return Answer("503 Service Unavailable", b"not started yet\n")
        if path == "/metrics":
            return Answer(body=self._metrics_text(), kind=CONTENT_TYPE_PLAIN_0_0_4)
        if stall := self._run.stall:
            return Answer("503 Service Unavailable", f"{stall}\n".encode())
        return Answer(body=b"ok\n")

    def _metrics_text(self) -> bytes:
        now = time.monotonic()
        if now - self._generated >= _CACHE_SECONDS:
            self._page = generate_latest(self._registry)
            self._generated = now
        return self._page
