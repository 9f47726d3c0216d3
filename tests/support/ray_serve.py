"""Start and kill `python -m deploy serve` as a process."""

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
def running_server(*options: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run an inference server for the length of the context; yield its URL and process."""
    port = free_port()
    with tempfile.NamedTemporaryFile() as log:
        command = [sys.executable, "-m", "deploy", "serve", "--port", str(port), *options]
        server = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            _wait_until_ready(server, Path(log.name))
            scheme = "https" if "--cert-file" in options else "http"
            yield f"{scheme}://localhost:{port}", server
        finally:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(30)
            kill_tree(server)


def _wait_until_ready(server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        text = log.read_text(encoding="utf-8")
        if "Ctrl-C stops" in text:
            return
        if server.poll() is not None:
            raise RuntimeError(text.strip())
        time.sleep(0.1)
    raise RuntimeError("the server has not started within 120 s")


def kill_tree(server: "subprocess.Popen[Any]") -> None:
    """Kill a process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(server.pid)
        for process in (leader, *leader.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    server.wait()
