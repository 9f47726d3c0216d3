"""TCP proxy between the process and its broker that can cut, slow or stall connections."""

import asyncio
import contextlib

from tests.support.ports import free_port


class Proxy:
    """Forwards TCP connections.

    Attributes
    ----------
    port
        Listen port.
    bytes_per_second
        Limit in either direction; None: unlimited, 0: stalled.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.bytes_per_second: float | None = None
        self._target = target
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        """Cut all connections and stop listening."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Cut every connection."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            try:
                there, back = await asyncio.open_connection("127.0.0.1", self._target)
                with contextlib.closing(back):
                    directions = (self._pass(reader, back), self._pass(there, writer))
                    await asyncio.gather(*directions)
            finally:
                writer.transport.abort()
                self._connections.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            while self.bytes_per_second == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            if self.bytes_per_second is not None:
                await asyncio.sleep(len(data) / self.bytes_per_second)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # ends the other direction too
