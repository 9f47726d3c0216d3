"""Serve `/metrics` (Prometheus) and `/healthz` over HTTP; the text is generated once a second.

The server is our own: prometheus_client's starts a thread per connection, without a limit on their
number or duration, and collects outside the event loop that owns the data.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from streamer import limits
from streamer.config.listen import ListenAddress, parse_listen_address
from streamer.errors import StreamerError
from streamer.outputs.metrics.collector import RunCollector
from streamer.outputs.run_status import RunStatus
from streamer.outputs.sink import Sink
from streamer.tracking.update import Update

LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Upper bounds in seconds. A file takes about 0.01, a microphone 0.02 to 0.1."""

_CACHE_S = 1.0
_WRITE_BUFFER_BYTES = 1 << 18  # per connection, for clients that read slowly

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
            "Time from capture of a window's newest sample to its estimate.",
            ["zone"],
            buckets=LATENCY_BUCKETS,
            registry=self._registry,
        )
        self._server = contextlib.AsyncExitStack()
        self._started = False
        self._text = b""
        self._generated = float("-inf")

    async def open(self) -> None:
        """Start the HTTP server.

        Raises
        ------
        StreamerError
            The address cannot be bound.
        """
        await self._server.enter_async_context(serve_http(self._listen, self.respond))
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

    def respond(self, path: str) -> "Response":
        """Return the response for a path."""
        if path not in ("/metrics", "/healthz"):
            return Response("404 Not Found", b"there are /metrics and /healthz\n")
        if not self._started:
            return Response("503 Service Unavailable", b"not started yet\n")
        if path == "/metrics":
            return Response(body=self._metrics_text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
        if stall := self._run.stall:
            return Response("503 Service Unavailable", f"{stall}\n".encode())
        return Response(body=b"ok\n")

    def _metrics_text(self) -> bytes:
        now = time.monotonic()
        if now - self._generated >= _CACHE_S:
            self._text = generate_latest(self._registry)
            self._generated = now
        return self._text


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: str = "200 OK"
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"

    def encode(self) -> bytes:
        """Return head and body as HTTP/1.0."""
        head = (
            f"HTTP/1.0 {self.status}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + self.body


@contextlib.asynccontextmanager
async def serve_http(
    listen: ListenAddress, respond: Callable[[str], Response]
) -> AsyncIterator[None]:
    """Serve HTTP/1.0 GET requests, one per connection, for the length of the context.

    Parameters
    ----------
    listen
        Address to bind.
    respond
        Called on the event loop with the path of each request.

    Raises
    ------
    StreamerError
        The address cannot be bound.
    """
    connections: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(connections) >= limits.METRICS_CONNECTIONS:
            writer.transport.abort()
            return
        connections.add(writer)
        try:
            async with asyncio.timeout(limits.METRICS_REQUEST_TIMEOUT_S):
                await _handle_request(reader, writer, respond)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # the client disconnected, is too slow, or sent too much
        finally:
            connections.discard(writer)
            writer.transport.abort()

    try:
        server = await asyncio.start_server(
            handle,
            listen.host,
            listen.port,
            limit=limits.METRICS_REQUEST_BYTES,
            backlog=limits.METRICS_CONNECTIONS,
        )
    except OSError as error:
        number = error.errno or 0
        reason = (os.strerror(number) if number > 0 else error.strerror or str(error)).lower()
        raise StreamerError(
            f"cannot serve metrics at {listen}: {reason}; free the address, or give another: "
            "--metrics HOST:PORT"
        ) from None
    try:
        yield
    finally:
        server.close()
        for writer in list(connections):
            writer.transport.abort()
        await server.wait_closed()


async def _handle_request(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    respond: Callable[[str], Response],
) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        response = Response("431 Request Header Fields Too Large")
    else:
        response = _response_to(head, respond)
    writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
    writer.write(response.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def _response_to(head: bytes, respond: Callable[[str], Response]) -> Response:
    request_line = head.partition(b"\r\n")[0].decode("ascii", errors="replace").split(" ")
    if len(request_line) != 3 or not request_line[2].startswith("HTTP/1."):
        return Response("400 Bad Request")
    method, target, _ = request_line
    if method != "GET":
        return Response("405 Method Not Allowed")
    try:
        return respond(target.partition("?")[0])
    except Exception:
        logger.exception("cannot respond to %s", target)
        return Response("500 Internal Server Error")
