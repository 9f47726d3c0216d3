"""Run `streamer run --dashboard` on the demo, with a broker, lights and two zones."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port

PROGRAM = str(Path(sys.executable).with_name("streamer"))
CONFIGURATION = """
[[zones]]
id = "main"
[[zones]]
id = "bar"
[mqtt]
broker = "{broker}"
node = "hall"
health_interval = 1
[tracking]
calibration = "calibration.json"
[dashboard]
serve = true
listen = "127.0.0.1:{port}"
{dashboard}
[lights]
show = "show.toml"
"""
SHOW = """
[show]
zone = "main"
[[outputs]]
name = "desk"
protocol = "osc"
host = "127.0.0.1"
port = {port}
messages = [{{ address = "/arousal", value = "arousal" }}]
"""


class WatchedRun:
    """A run and its dashboard."""

    def __init__(self, process, port, broker, log):
        self.process, self.port, self.broker, self.log = process, port, broker, log
        self.address = f"http://127.0.0.1:{port}"

    def viewer(self, zone="main", **options):
        """Connect as a browser does."""
        url = f"ws://127.0.0.1:{self.port}/live/{zone}"
        return connect(url, origin=self.address, max_size=None, **options)

    def dashboard_pid(self):
        """Return the id of the dashboard process."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for number in " ".join(each.read_text() for each in children).split():
            if b"dashboard.web" in Path(f"/proc/{number}/cmdline").read_bytes():
                return int(number)
        return None


def until(condition, seconds=10.0):
    """Wait until a condition is true and return its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not true within {seconds} s")


def serves(address):
    return status(f"{address}/signin") == 200


def status(url):
    """Return the HTTP status of a page; None if the connection fails."""
    try:
        return httpx2.get(url, timeout=2).status_code
    except httpx2.TransportError:
        return None


def received(viewer, seconds=15.0):
    """Yield the messages that a viewer receives; fail after a timeout."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield json.loads(viewer.recv(timeout=seconds))
    raise AssertionError(f"not received within {seconds} s")


def news(viewer, key):
    """Return the next value that a viewer receives under this key."""
    return next(content[key] for content in received(viewer) if key in content)


def lateness(viewer, zone="main"):
    """Return the age of the next estimate when a viewer receives it, in seconds."""
    rows = next(
        content["points"][zone] for content in received(viewer) if zone in content.get("points", ())
    )
    return time.time() - rows[-1][0] / 1e3


@contextlib.contextmanager
def watched_run(folder, dashboard=""):
    broker = Mosquitto(folder)
    broker.start()
    port = free_port()
    (folder / "show.toml").write_text(SHOW.format(port=free_port()))
    (folder / "config.toml").write_text(
        CONFIGURATION.format(broker=broker.address, port=port, dashboard=dashboard)
    )
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [PROGRAM, "run", "--config", "config.toml", "--no-view", "--log", "json"],
            cwd=folder,
            stderr=errors,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
    run = WatchedRun(process, port, broker, log)
    try:
        until(lambda: serves(run.address) or process.poll() is not None, 120)
        assert process.poll() is None, log.read_text()
        yield run
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()
            broker.kill()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with watched_run(tmp_path_factory.mktemp("run")) as run:
        yield run
