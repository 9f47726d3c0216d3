"""A run as a service: sd_notify messages of a real process, and stall detection."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from streamer.app.health import StallDetector
from streamer.app.systemd import Notifier
from streamer.tracking.zone_status import ZoneStatus
from tests.support.ports import free_port

PROGRAM = str(Path(sys.executable).with_name("streamer"))


class Manager:
    """Service manager's end of the notification socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.messages = []

    def listen(self, seconds):
        """Return the messages received within `seconds`."""
        received, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                received.append(self.socket.recv(4096).decode().splitlines())
        self.messages += received
        return received

    def until(self, wanted, seconds=30.0):
        """Wait for a message with a line that starts with `wanted`; return its lines."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                message = self.socket.recv(4096).decode().splitlines()
                self.messages.append(message)
                if any(line.startswith(wanted) for line in message):
                    return message
        raise AssertionError(f"no {wanted} in {seconds} s, but {self.messages}")


@pytest.fixture
def manager(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


@pytest.fixture
def serve(away, manager):
    """Start `streamer run` as systemd would."""
    started = []

    def serve(*arguments, watchdog=2.0):
        with (away / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [PROGRAM, "run", "--no-view", *map(str, arguments)],
                cwd=away,
                stdin=subprocess.DEVNULL,
                stderr=log,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": manager.socket.getsockname(),
                    "WATCHDOG_USEC": str(round(watchdog * 1e6)),
                },
            )
        started.append(process)
        return process

    yield serve
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@pytest.mark.peer
@pytest.mark.long
def test_ready_watchdog_reloading_and_stopping_are_sent(serve, manager, away):
    (away / "config.toml").write_text(f"[mqtt]\nport = {free_port()}\n")
    process = serve("--input", "demo", "--broker", "embedded")
    ready = manager.until("READY=1")
    assert ready[1].startswith("STATUS=main: ")
    assert "; broker mqtt://127.0.0.1" in ready[1]

    received = manager.listen(4)
    assert 1 <= received.count(["WATCHDOG=1"]) <= 6
    assert any(message[0].startswith("STATUS=main: ") for message in manager.messages)

    process.send_signal(signal.SIGHUP)
    reloading = manager.until("RELOADING=1")
    sent = int(reloading[1].removeprefix("MONOTONIC_USEC="))
    assert abs(time.monotonic_ns() / 1000 - sent) < 60e6
    manager.until("READY=1")

    process.send_signal(signal.SIGSTOP)
    manager.listen(0.5)
    assert manager.listen(3) == []
    process.send_signal(signal.SIGCONT)
    manager.until("WATCHDOG=1")

    process.terminate()
    manager.until("STOPPING=1")
    assert process.wait(15) == 0
    assert not any("WATCHDOG=1" in message for message in manager.listen(0.5))


@pytest.mark.peer
@pytest.mark.long
def test_with_wait_a_run_is_ready_without_broker_and_microphone(serve, manager, launch):
    port = free_port()
    process = serve(
        "--wait",
        "--input",
        "mic",
        "--device",
        "none of that name",
        "--broker",
        f"mqtt://127.0.0.1:{port}",
    )
    ready = manager.until("READY=1")
    assert "main: restarting" in ready[1]
    assert ready[1].endswith(f"broker mqtt://127.0.0.1:{port}, away")
    assert manager.listen(3).count(["WATCHDOG=1"]) >= 1
    assert process.poll() is None
    process.terminate()
    manager.until("STOPPING=1")
    assert process.wait(15) == 0


@pytest.mark.peer
@pytest.mark.long
async def test_with_wait_publishing_starts_when_the_broker_does(
    serve, manager, launch, subscribe, away
):
    broker = launch()
    broker.kill()
    serve("--wait", "--input", "demo", "--node", "late", "--broker", broker.address)
    manager.until("READY=1")
    broker.start()
    async with subscribe(broker.address) as seen:
        await seen.until(lambda: seen.on("streamer/late/main/va"), 30)
    assert "waiting for it" in (away / "log.txt").read_text()


def test_without_wait_a_missing_broker_ends_the_run(program):
    answer = program("run", "--input", "demo", "--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert answer.code == 1
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("address", ["/notify", "@streamer-test-{}"])
def test_messages_are_sent_to_path_and_abstract_sockets(tmp_path, address):
    address = f"{tmp_path}{address}" if address[0] == "/" else address.format(os.getpid())
    manager = Manager(address)
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000", "HOME": "/"}
    notifier = Notifier.from_environment(environ)
    assert environ == {"HOME": "/"}  # our children are not the service
    assert notifier.watchdog == 3.0
    assert notifier.send("READY=1", "STATUS=well")
    assert manager.listen(0.1) == [["READY=1", "STATUS=well"]]
    notifier.close()
    assert not notifier.send("WATCHDOG=1")
    manager.socket.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "/nowhere/notify"},
        {"NOTIFY_SOCKET": "/" + 200 * "x"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_a_manager_nothing_is_sent(environ):
    notifier = Notifier.from_environment(environ)
    assert notifier.watchdog is None
    assert not notifier.send("READY=1")
    notifier.close()


def test_a_manager_that_does_not_read_never_blocks(manager):
    notifier = Notifier(manager.socket.getsockname())
    answers = [notifier.send("STATUS=" + 400 * "x") for _ in range(2000)]
    assert answers[0]
    assert not answers[-1]
    notifier.close()


def zone_with_audio(**changes):
    source = SimpleNamespace(current=changes.pop("source", object()))
    stream = changes.pop("window_stream", object())
    status = ZoneStatus(**{"last_audio": time.monotonic() - 0.05, **changes})
    return SimpleNamespace(source=source, window_stream=stream, status=status)


def test_a_zone_with_audio_but_no_estimates_is_stalled():
    zone = zone_with_audio(engine_error="it does not answer for 5 s")
    detector = StallDetector(
        {"main": zone, "bar": zone_with_audio(estimates=7)}, interval=5.0, timeout=15.0
    )
    assert [detector.check() for _ in range(2)] == ["", ""]
    stalled = "zone main has audio but no estimate for 15 s (it does not answer for 5 s)"
    assert detector.check().startswith(stalled)
    zone.status.estimates += 1
    assert stalled not in detector.check()


@pytest.mark.parametrize(
    "change",
    [
        {"last_error": "the microphone is gone"},
        {"last_audio": time.monotonic() - 60.0},
        {"ended": True},
        {"source": None},
        {"window_stream": None},
    ],
)
def test_a_zone_without_audio_is_not_stalled(change):
    detector = StallDetector({"main": zone_with_audio(**change)}, interval=5.0, timeout=15.0)
    assert not any(detector.check() for _ in range(20))
