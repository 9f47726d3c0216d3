"""Ports of this machine."""

import contextlib
import socket
import subprocess
import time


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.socket(type=kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a server that was started answers on its port.

    Raises
    ------
    RuntimeError
        It has ended, or does not listen after 10 s.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"{server.args!r} did not start")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{server.args!r} does not listen")
