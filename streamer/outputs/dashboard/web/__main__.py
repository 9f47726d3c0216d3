"""The dashboard process: `python -m streamer.outputs.dashboard.web MEMORY_BYTES OPEN_FILES`."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import threading
from typing import Any, cast

import uvicorn

from streamer import limits
from streamer.child.entry import claim_stdout, read_until_parent_exits, restrict_process
from streamer.child.framing import read_message, write_json
from streamer.outputs.dashboard.ipc import ServerConfig
from streamer.outputs.dashboard.web.live_state import LiveState
from streamer.outputs.dashboard.web.starlette_app import create_app
from streamer.outputs.dashboard.web.viewers import Send

_NICENESS = 10  # below the tracker
_LISTEN_BACKLOG = 64


def create_sender() -> Send:
    """Take over standard output, and return a function that sends a message to the main process.

    Any thread may call it; it exits the process once the main process is gone.
    """
    pipe = claim_stdout()
    lock = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        try:
            with lock:
                write_json(pipe, message)
                pipe.flush()
        except OSError:
            os._exit(0)

    return send


class ParentLogHandler(logging.Handler):
    """Send log records to the main process, which has the log."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send the level and the message, cut."""
        message = record.getMessage()[: limits.MAX_LOG_LINE_CHARS]
        self._send({"log": [record.levelname.lower(), message]})


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise `OSError` if the address cannot be bound."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server((address[0], port), family=family, backlog=_LISTEN_BACKLOG)


async def serve(config: ServerConfig, listener: socket.socket, send: Send) -> None:
    """Serve until the process ends."""
    state = LiveState(config["zones"])
    server = uvicorn.Config(
        create_app(config, state, send),
        http="h11",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=limits.MAX_COMMAND_BYTES,
        ws_per_message_deflate=False,  # compression would take most of the time
        limit_concurrency=limits.MAX_DASHBOARD_CONNECTIONS,
        timeout_keep_alive=10,
    )
    loop = asyncio.get_running_loop()

    def update(message: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(state.update, message)

    threading.Thread(target=read_until_parent_exits, args=(update,), daemon=True).start()
    await uvicorn.Server(server).serve(sockets=[listener])


def main() -> None:
    """Read how to serve, bind the address, serve."""
    restrict_process(*map(int, sys.argv[1:]))
    with contextlib.suppress(AttributeError, OSError):  # Windows; a service that may not
        os.nice(_NICENESS)
    send = create_sender()
    logging.basicConfig(level=logging.WARNING, handlers=[ParentLogHandler(send)])
    config = cast("ServerConfig", read_message(sys.stdin.buffer, trusted=True))
    try:
        listener = bind(config["host"], config["port"])
    except OSError as error:
        code = error.errno or 0
        send({"failed": (os.strerror(code) if code > 0 else str(error)).lower()})
        return
    send({"ready": True})
    asyncio.run(serve(config, listener, send))


if __name__ == "__main__":
    main()
    os._exit(0)  # do not wait for the reading thread
