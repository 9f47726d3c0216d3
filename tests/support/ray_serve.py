"""`python -m deploy serve` as a process, to be asked and to be killed."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.support.ports import free_port


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Serve the engine; give its address and its process."""
    port = free_port()
    with tempfile.NamedTemporaryFile() as said:
        command = [sys.executable, "-m", "deploy", "serve", "--port", str(port), *options]
        server = subprocess.Popen(command, stderr=said, stdout=said)
        try:
            _wait_until_it_serves(server, Path(said.name))
            scheme = "https" if "--cert-file" in options else "http"
            yield f"{scheme}://localhost:{port}", server
        finally:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(30)
            kill(server)


def _wait_until_it_serves(server: "subprocess.Popen[bytes]", said: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        words = said.read_text(encoding="utf-8")
        if "Ctrl-C stops" in words:
            return
        if server.poll() is not None:
            raise RuntimeError(words.strip())
        time.sleep(0.1)
    raise RuntimeError("the server does not start")


def kill(server: "subprocess.Popen[Any]") -> None:
    """Kill a process, and all of Ray that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(server.pid)
        for process in (leader, *leader.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    server.wait()
