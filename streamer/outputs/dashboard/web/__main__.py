"""The process: `python -m streamer.outputs.dashboard.web MEMORY FILES`."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import threading
from typing import Any, cast

import uvicorn

from streamer import limits
from streamer.child.process import guard
from streamer.outputs.dashboard.ipc import Setting
from streamer.outputs.dashboard.web.app import make_app
from streamer.outputs.dashboard.web.live_state import Board

_NICENESS = 10  # tracking goes before pictures of it
_BACKLOG = 64


class _Teller(logging.Handler):
    """Tells what is logged to `run`, which has the log."""

    def emit(self, record: logging.LogRecord) -> None:
        say({"log": [record.levelname.lower(), record.getMessage()[: limits.MAX_LOG_LINE_CHARS]]})


_speaking = threading.Lock()


def say(content: dict[str, Any]) -> None:
    """Tell `run` something; leave where it does not listen any more."""
    line = json.dumps(content).encode() + b"\n"
    try:
        with _speaking:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
    except OSError:
        os._exit(0)


def listen(loop: asyncio.AbstractEventLoop, board: Board) -> None:
    """Take in what `run` tells; leave at once when it is gone."""
    for line in sys.stdin.buffer:
        loop.call_soon_threadsafe(board.take, json.loads(line))
    os._exit(0)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise `OSError` where it cannot."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server((address[0], port), family=family, backlog=_BACKLOG)


async def serve(setting: Setting, listener: socket.socket) -> None:
    """Serve until the process ends."""
    board = Board(setting["zones"])
    config = uvicorn.Config(
        make_app(setting, board, say),
        http="h11",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=limits.MAX_COMMAND_BYTES,
        ws_per_message_deflate=False,  # it would take most of the time
        limit_concurrency=limits.MAX_DASHBOARD_CONNECTIONS,
        timeout_keep_alive=10,
    )
    reading = threading.Thread(target=listen, args=(asyncio.get_running_loop(), board))
    reading.daemon = True
    reading.start()
    await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    """Read how to serve, and serve."""
    guard(*map(int, sys.argv[1:]))
    with contextlib.suppress(AttributeError, OSError):  # Windows; a service that may not
        os.nice(_NICENESS)
    logging.basicConfig(level=logging.WARNING, handlers=[_Teller()])
    setting = cast("Setting", json.loads(sys.stdin.buffer.readline()))
    try:
        listener = bind(setting["host"], setting["port"])
    except OSError as error:
        number = error.errno or 0
        say({"failed": (os.strerror(number) if number > 0 else str(error)).lower()})
        return
    say({"ready": True})
    asyncio.run(serve(setting, listener))


if __name__ == "__main__":
    main()
    os._exit(0)  # not by Python's own end, which waits for the thread in its read
