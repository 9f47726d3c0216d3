"""Run the commands of a documentation page in an isolated network.

`python -m tests.docs.walk docs/start.md [HEADING]` runs every `sh` block of the page, or of the
section under a heading, in order in one shell, in a copy of the checkout. A block whose paragraph
says to leave it running stays in the background until a paragraph says to stop it. Requires root:
the network namespace has a microphone that plays the demo piece, a receiver for sACN universe 1,
and a broker at `homeassistant.local`.
"""

import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pexpect
from numpy.typing import NDArray

from streamer.demo import PIECE
from tests.support.mosquitto import Mosquitto
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer, recording
from training.sound.render import decode

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 300.0
STARTUP_S = 8.0
"""Seconds until a command that keeps running counts as started."""
RETRY_S = 60.0
"""Seconds after a start in which a failing command is repeated, as a reader would."""

SACN = 5568

_LEVELS = 126  # offset of the levels in an E1.31 packet
_LEFT_OUT = {".git", ".cache", "runs", "site", "build", "dist"}
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLIPS = ("one", "two", "three", "four", "five")


@dataclass(frozen=True)
class Step:
    """Block of commands; whether it keeps running, and whether running blocks are stopped first."""

    commands: str
    keeps_running: bool
    stops: bool


def steps_of(page: str, heading: str | None = None) -> list[Step]:
    """Return the steps of a page, or of the section under a heading."""
    if heading is not None:
        level, rest = re.split(rf"^(#+) {re.escape(heading)}$", page, flags=re.MULTILINE)[1:3]
        page = re.split(rf"^#{{1,{len(level)}}} ", rest, flags=re.MULTILINE)[0]
    found, end = [], 0
    for block in _BLOCK.finditer(page):
        paragraph = " ".join(page[end : block.start()].lower().split())
        keeps_running = re.search(r"leave (it|this|both) running", paragraph) is not None
        stops = re.search(r"\bstop (it|both|`streamer)", paragraph) is not None
        found.append(Step(block.group(1), keeps_running, stops))
        end = block.end()
    return found


class RunningCommand:
    """Terminal with a command that keeps running."""

    def __init__(self, script: str) -> None:
        self._child = pexpect.spawn("bash", ["-c", script], dimensions=(40, 120), timeout=None)
        self._output = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """Output so far."""
        return self._output.decode(errors="replace")

    @property
    def runs(self) -> bool:
        """Whether the command still runs."""
        return bool(self._child.isalive())

    def interrupt(self) -> None:
        """Send Ctrl-C, and wait for the exit."""
        if self.runs:
            self._child.sendintr()
        self._reader.join(20)
        self._child.close(force=True)

    def _read(self) -> None:
        with contextlib.suppress(pexpect.EOF):
            while True:
                self._output += self._child.read_nonblocking(4096)


class Terminals:
    """Shells in one folder; every command that keeps running has its own."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / ".state"
        self._state.write_text(f"cd {folder}\n")
        self._running: list[RunningCommand] = []
        self._retry_until = 0.0

    def run_step(self, step: Step) -> None:
        """Run a step.

        Raises
        ------
        AssertionError
            A command fails, or exits too early.
        """
        if step.stops:
            self.stop()
        print(f"$ {step.commands}", end="", flush=True)
        if step.keeps_running:
            terminal = RunningCommand(f". {self._state}\n{step.commands}")
            self._running.append(terminal)
            self._retry_until = time.monotonic() + RETRY_S
            time.sleep(STARTUP_S)
            assert terminal.runs, f"it has ended: {terminal.output}"
        else:
            keep = f'{{ export -p; echo "cd $(pwd)"; }} > {self._state}'
            script = f"set -e\n. {self._state}\n{step.commands}\n{keep}"
            while code := subprocess.run(
                ["bash", "-c", script], timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
            ).returncode:
                assert time.monotonic() < self._retry_until, f"it ends with {code}"
                time.sleep(2)

    def stop(self) -> None:
        """Send Ctrl-C to every terminal; assert that each still ran, without errors."""
        ran = [terminal.runs for terminal in self._running]
        for terminal in reversed(self._running):
            terminal.interrupt()
        output = [terminal.output for terminal in self._running]
        self._running.clear()
        for alive, text in zip(ran, output, strict=True):
            assert alive, f"it has ended: {text}"
            assert "Traceback" not in text
            assert not re.search(r"^\S+ error ", text, re.MULTILINE), text


def walk(page: Path, heading: str | None, folder: Path) -> None:
    """Run the commands of a page."""
    for each in ROOT.iterdir():
        if each.name not in _LEFT_OUT:
            (folder / each.name).symlink_to(each)
    steps = steps_of(page.read_text(), heading)
    assert steps, "there is nothing to do"
    terminals = Terminals(folder)
    try:
        for step in steps:
            terminals.run_step(step)
    finally:
        terminals.stop()


@contextlib.contextmanager
def venue(folder: Path, *, at_home: bool) -> Iterator[None]:
    """Set up the network with a microphone that plays music and, at home, a broker."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "route", "add", "default", "dev", "lo"], check=True)
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost homeassistant.local\n")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
    music = decode(PIECE, RATE)
    pulse = PulseServer(("alpha",))
    with contextlib.ExitStack() as stack:
        if at_home:
            broker = Mosquitto(folder, port=1883)
            broker.start()
            stack.callback(broker.kill)
        stack.enter_context(pulse.running())
        pulse.plug_in("alpha")
        stack.enter_context(MicrophonePlayer(pulse.pipe("alpha"), recording(music)))
        cut_clips(music, folder / "checkout" / "my-clips")
        yield


@contextlib.contextmanager
def light(universe: int) -> Iterator[None]:
    """Receive an sACN universe; finally print the number of packets and of different levels."""
    levels: list[bytes] = []
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    receiver.bind(("", SACN))
    group = socket.inet_aton(f"239.255.{universe >> 8}.{universe & 255}")
    receiver.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + socket.inet_aton("127.0.0.1")
    )
    receiver.settimeout(0.5)
    finished = threading.Event()

    def receive() -> None:
        while not finished.is_set():
            with contextlib.suppress(TimeoutError):
                levels.append(receiver.recv(1024)[_LEVELS:])

    thread = threading.Thread(target=receive)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
        receiver.close()
        print(f"universe {universe}: {len(levels)} packets, {len(set(levels))} different")


def cut_clips(music: NDArray[np.float32], folder: Path) -> None:
    """Write five clips of 15 s."""
    folder.mkdir()
    for name, second in zip(CLIPS, (2, 22, 45, 66, 8), strict=True):
        part = music[second * RATE : (second + 15) * RATE]
        with wave.open(str(folder / f"{name}.wav"), "wb") as clip:
            clip.setparams((1, 2, RATE, 0, "NONE", ""))
            clip.writeframes((32767 * part.clip(-1, 1)).astype("<i2").tobytes())


def main() -> int:
    """Run a page in its own network namespace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("heading", nargs="?")
    options = parser.parse_args()
    if "WALK_INSIDE" not in os.environ:
        own = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        again = ["unshare", *own, sys.executable, "-m", "tests.docs.walk"]
        inside = {**os.environ, "WALK_INSIDE": "1"}
        return subprocess.run([*again, *sys.argv[1:]], env=inside, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="walk-") as name:
        folder = Path(name)
        (folder / "checkout").mkdir()
        at_home = "homeassistant.local" in options.page.read_text()
        with venue(folder, at_home=at_home), light(universe=1):
            walk(options.page, options.heading, folder / "checkout")
    return 0


if __name__ == "__main__":
    sys.exit(main())
