"""A web server for one page or two, of which nobody can ask much.

HTTP/1.0, GET only, one answer a connection. Few connections are open at a time, none for long, and
none may say much; what is beyond that is closed.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from streamer.config.listen import ListenAddress
from streamer.errors import StreamerError

CONNECTIONS = 8
"""Open at a time."""

DEADLINE = 5.0
"""Seconds in which to ask and to take the answer."""

_HEAD = 8192  # bytes of a request
_BUFFER = 1 << 18  # bytes of answers that wait for a slow reader, for each connection

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to who asked."""

    status: str = "200 OK"
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"

    def wire(self) -> bytes:
        """Return it with its head."""
        head = (
            f"HTTP/1.0 {self.status}\r\nContent-Type: {self.kind}\r\n"
            f"Content-Length: {len(self.body)}\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + self.body


@contextlib.asynccontextmanager
async def serving(listen: ListenAddress, answer: Callable[[str], Answer]) -> AsyncIterator[None]:
    """Answer requests for the length of the context.

    Parameters
    ----------
    listen
        Where.
    answer
        Called in the event loop with the path that is asked for.

    Raises
    ------
    StreamerError
        Nothing can listen there.
    """
    talks: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(talks) >= CONNECTIONS:
            writer.transport.abort()
            return
        talks.add(writer)
        try:
            async with asyncio.timeout(DEADLINE):
                await _talk(reader, writer, answer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # whoever asked is gone, slow, or asks too much
        finally:
            talks.discard(writer)
            writer.transport.abort()

    try:
        server = await asyncio.start_server(
            talk, listen.host, listen.port, limit=_HEAD, backlog=CONNECTIONS
        )
    except OSError as error:
        number = error.errno or 0
        reason = (os.strerror(number) if number > 0 else error.strerror or str(error)).lower()
        raise StreamerError(
            f"metrics cannot be served at {listen} ({reason}); "
            "free the address or give another one: --metrics HOST:PORT"
        ) from None
    try:
        yield
    finally:
        server.close()
        for writer in list(talks):
            writer.transport.abort()
        await server.wait_closed()


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[str], Answer]
) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        said = Answer("431 Request Header Fields Too Large")
    else:
        said = _said(head, answer)
    writer.transport.set_write_buffer_limits(high=_BUFFER)
    writer.write(said.wire())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def _said(head: bytes, answer: Callable[[str], Answer]) -> Answer:
    line = head.partition(b"\r\n")[0].decode("ascii", errors="replace").split(" ")
    if len(line) != 3 or not line[2].startswith("HTTP/1."):
        return Answer("400 Bad Request")
    if line[0] != "GET":
        return Answer("405 Method Not Allowed")
    try:
        return answer(line[1].partition("?")[0])
    except Exception:
        logger.exception("a page cannot be written")
        return Answer("500 Internal Server Error")
