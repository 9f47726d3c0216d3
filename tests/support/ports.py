"""Find free ports and wait for servers to listen."""

import contextlib
import secrets
import socket
import subprocess
import time

_PORTS = range(20_000, 30_000)  # of no system's ephemeral range, nor of Ray's workers


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that is not in use, and that no client gets by chance later."""
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.socket(type=kind) as sock:
            sock.bind(("127.0.0.1", port))
            return port


def wait_until_listening(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a started server accepts connections on its port.

    Raises
    ------
    RuntimeError
        It exited, or does not listen within 10 s.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"cannot start {server.args!r}: it exited with {server.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise RuntimeError(f"cannot connect to {server.args!r}: it does not listen on port {port}")
