"""Crash test: kill `streamer run` at random times and restart it: `python -m tests.faults.killing`.

    --times 200    number of kills; every second one hits a process started after a kill
    --seed N       seed of the times

Required (Linux): after each kill the process restarts with the same folders and publishes within
10 s; every recording is readable, with all that was published a moment before; calibrations and the
configuration are unchanged; no child process is left.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import psutil

from streamer.audio import open_audio_file
from streamer.config import Zone
from streamer.errors import StreamerError
from streamer.outputs.recording import read_recording
from streamer.tracking.calibration import Calibration, CalibrationStore
from tests.faults.killing_tally import Tally
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port

START_LIMIT = 10.0
"""Maximum time from a start to the first estimate, s."""

COMPILE_LIMIT = 60.0
"""The same without cached compiled code, s."""

_FAMILY = "KILLED_FAMILY"
_ROOT = Path(__file__).parents[2]
_STREAMER = [sys.executable, "-m", "streamer"]
_SELF_KILLING = [sys.executable, "-m", "tests.faults.killing_program"]
_HALL = Zone(id="hall", input="mic")
_LAG = 10  # maximum number of published estimates not yet in the journal
_CONFIG = """
[[zones]]
id = "main"
input = "{input}"
[tracking]
rate = 20
calibration = "calibration.json"
[mqtt]
broker = "{broker}"
port = {port}
node = "killed"
[record]
folder = "recordings"
audio = true
minutes = 1
free_gb = 0
[log]
format = "json"
"""


class EstimateCounter:
    """Counts estimates; reconnects to the broker after every kill."""

    def __init__(self, port: int) -> None:
        self.received = 0
        self._port = port
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._count_messages, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(5)

    def _count_messages(self) -> None:
        while not self._closed.is_set():
            client = paho.Client(paho.CallbackAPIVersion.VERSION2)
            client.on_connect = lambda each, *_: each.subscribe("streamer/killed/main/va")
            client.on_message = self._count
            with contextlib.suppress(OSError):
                client.connect("127.0.0.1", self._port)
                while not self._closed.is_set() and client.loop(0.1) == paho.MQTT_ERR_SUCCESS:
                    pass
            self._closed.wait(0.05)

    def _count(self, *_: object) -> None:
        self.received += 1


class Scene:
    """A folder with all files of a process, and the checks on them.

    Parameters
    ----------
    folder
        Empty folder.
    broker
        External broker; None: the embedded one.
    """

    def __init__(self, folder: Path, broker: Mosquitto | None, tally: Tally) -> None:
        self.folder = folder
        self.tally = tally
        self.recordings = folder / "recordings"
        self.port = free_port() if broker is None else broker.port
        address = "embedded" if broker is None else f"mqtt://127.0.0.1:{broker.port}"
        audio = "demo" if broker is None else str(_ROOT / "streamer" / "demo" / "piece.opus")
        self._config = folder / "config.toml"
        self._config.write_text(_CONFIG.format(input=audio, broker=address, port=self.port))
        self._text = self._config.read_text()
        self._store = CalibrationStore(folder / "calibration.json")
        self._hall = Calibration.of(_HALL, gain_db=3.0, level_dbfs=-20.0)
        self._store.put("hall", self._hall)
        self._store.put("main", Calibration.of(Zone(input=audio), gain_db=1.0, level_dbfs=-20.0))
        self.counter = EstimateCounter(self.port)
        self.environment: dict[str, str] = {}
        self._errors = folder / "errors.txt"
        self._seen: set[Path] = set()

    def start(
        self, command: list[str], *arguments: str, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start `streamer run`, or another command."""
        self.counter.received = 0
        with self._errors.open("wb") as errors:
            return subprocess.Popen(
                [*command, *(arguments or ("run",)), "--config", str(self._config)],
                cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env={**os.environ, **self.environment, _FAMILY: str(self.folder), **environment},
                start_new_session=True,
            )  # fmt: skip

    def kill(self, process: "subprocess.Popen[bytes]", kind: str, moment: float) -> None:
        """Kill a process and check what is left."""
        published = self.counter.received
        process.kill()
        process.wait()
        self.check_after_kill(kind, moment, published)

    def check_after_kill(self, kind: str, moment: float, published: int = 0) -> None:
        """Check processes and files after a kill."""
        self.tally.kills += 1
        self.tally.kinds[kind] += 1
        label = kind if kind.startswith("while") else f"{moment // 0.5 / 2:4.1f} s after the start"
        self.tally.moments[label] += 1
        self._expect_no_orphans()
        self._expect_files_unchanged()
        rows = [self._read(path) for path in self.recordings.glob("*.journal")]
        self.tally.unfinished += len(rows)
        if published > sum(rows) + _LAG and kind == "running":
            self._report_problem(f"{published} published, {sum(rows)} in the journal")

    def expect_start(self, process: "subprocess.Popen[bytes]", within: float) -> float | None:
        """Wait for the first estimate after a start; return the seconds, or None if it failed."""
        started = time.monotonic()
        while not self.counter.received and time.monotonic() - started < COMPILE_LIMIT:
            if process.poll() is not None:
                break
            time.sleep(0.02)
        duration = time.monotonic() - started
        if not self.counter.received:
            errors = self._errors.read_text(errors="replace")[-1500:]
            self._report_problem(f"no estimate, status {process.poll()}: {errors}")
            return None
        if duration > within:
            self._report_problem(f"the first estimate came after {duration:.1f} s")
        (self.tally.starts if within == START_LIMIT else self.tally.compiled).append(duration)
        used = psutil.Process(process.pid).cpu_times()
        self.tally.processor.append(used.user + used.system)
        self._expect_no_traceback()
        self._read_finished()
        return duration

    def plot(self) -> None:
        """Plot the newest recording with `streamer plot`."""
        for path in sorted(self.recordings.glob("*.parquet"))[-1:]:
            done = subprocess.run(
                [*_STREAMER, "plot", str(path)], cwd=_ROOT, capture_output=True, check=False
            )
            self.tally.replayed += 1
            if done.returncode:
                self._report_problem(f"plot {path.name}: {done.stderr.decode()}")

    def close(self) -> None:
        self.counter.close()
        for each in _processes_of(self.folder):
            with contextlib.suppress(psutil.Error):
                each.kill()

    def _report_problem(self, problem: str) -> None:
        self.tally.problems.append(f"(kill {self.tally.kills}) {problem}")

    def _expect_no_orphans(self) -> None:
        limit = time.monotonic() + 3.0
        while left := _processes_of(self.folder):
            if time.monotonic() > limit:
                self._report_problem(f"left: {left}")
                for each in left:
                    with contextlib.suppress(psutil.Error):
                        each.kill()
                return
            time.sleep(0.02)

    def _expect_files_unchanged(self) -> None:
        if self._config.read_text() != self._text:
            self._report_problem("the configuration has changed")
        try:
            if self._store.get(_HALL) != self._hall:
                self._report_problem("a calibration is gone")
        except StreamerError as error:
            self._report_problem(str(error))

    def _expect_no_traceback(self) -> None:
        for line in self._errors.read_text(errors="replace").splitlines():
            entry = json.loads(line) if line.startswith("{") else {"exception": line}
            if "exception" in entry or entry.get("level") == "error":
                self._report_problem(f"logged at a start: {line[:1000]}")

    def _read_finished(self) -> None:
        for path in sorted(set(self.recordings.glob("*")) - self._seen):
            if path.suffix == ".parquet":
                self.tally.recordings += 1
                self.tally.rows += self._read(path)
            elif path.suffix == ".flac":
                self.tally.sounds += 1
                self._decode_audio(path)
            else:
                continue
            self._seen.add(path)

    def _read(self, path: Path) -> int:
        """Return the number of rows of a recording; a new one has none."""
        try:
            return len(read_recording(path))
        except StreamerError as error:
            if path.suffix != ".journal" or "holds no estimate yet" not in str(error):
                self._report_problem(str(error))
            return 0

    def _decode_audio(self, path: Path) -> None:
        if path.stat().st_size < 5000:  # FFmpeg had not flushed yet
            return
        try:
            with open_audio_file(path) as audio:
                for _ in audio.blocks():
                    pass
        except StreamerError as error:
            self._report_problem(str(error))


def _processes_of(folder: Path) -> list[psutil.Process]:
    """Return all processes started from this folder, by an environment variable."""
    marker = f"{_FAMILY}={folder}".encode()
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):
            if marker in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                found.append(process)
    return found


def run(times: int, seed: int, folder: Path, tally: Tally) -> None:
    """Kill and restart, with the embedded and an external broker in turn."""
    rng = random.Random(seed)
    with _scenes(folder, tally) as scenes:
        number = 0
        while tally.kills < times:
            scene = scenes[number % 2]
            within = _kill_once(scene, rng, number)
            process = scene.start(_STREAMER)
            if (duration := scene.expect_start(process, within)) is not None:
                if number % 10 == 5:
                    scene.plot()
                moment = rng.uniform(0, 3.5)
                time.sleep(moment)
                scene.kill(process, "running", duration + moment)
            else:
                process.kill()
                process.wait()
            number += 1
            _print_progress(tally)


def _kill_once(scene: Scene, rng: random.Random, number: int) -> float:
    """Kill one process; return the longest time that the next start may take, s."""
    choice = rng.random()
    if choice < 0.7:
        process = scene.start(_STREAMER)
        moment = rng.uniform(0, 2.5)
        time.sleep(moment)
        scene.kill(process, "starting", moment)
        return START_LIMIT
    if choice < 0.84:
        where = f"{rng.randint(2, 40)}:{scene.recordings}"
        process = scene.start(_SELF_KILLING, KILL_WRITING=where, KILL_ROTATING="0.4")
        return _wait_for_death(scene, process, "while recordings rotate")
    if choice < 0.94:
        where = f"{rng.randint(1, 3)}:{scene.folder}"
        process = scene.start(
            _SELF_KILLING, "calibrate", "--forget", "--zone", "main", KILL_WRITING=where
        )
        return _wait_for_death(scene, process, "while a calibration is kept")
    cache = scene.folder / f"numba-{number}"
    where = f"{rng.randint(1, 12)}:{cache}"
    scene.environment["NUMBA_CACHE_DIR"] = str(cache)  # for the next starts as well
    _wait_for_death(
        scene, scene.start(_SELF_KILLING, KILL_WRITING=where), "while compiled code is kept"
    )
    return COMPILE_LIMIT


def _wait_for_death(scene: Scene, process: "subprocess.Popen[bytes]", kind: str) -> float:
    """Wait until a process has killed itself; kill it if it had too little to write."""
    started = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(COMPILE_LIMIT)
    if process.poll() == 0:
        return START_LIMIT
    process.kill()
    process.wait()
    scene.check_after_kill(kind, time.monotonic() - started)
    return START_LIMIT


@contextlib.contextmanager
def _scenes(folder: Path, tally: Tally) -> Iterator[list[Scene]]:
    with contextlib.ExitStack() as stack:
        subfolders = [folder / name for name in ("embedded", "mosquitto")]
        for subfolder in subfolders:
            subfolder.mkdir()
        broker = Mosquitto(subfolders[1])
        broker.start()
        stack.callback(broker.kill)
        scenes = [Scene(subfolders[0], None, tally), Scene(subfolders[1], broker, tally)]
        for scene in scenes:
            stack.callback(scene.close)
        yield scenes


def _print_progress(tally: Tally) -> None:
    duration = (tally.starts or [0.0])[-1]
    sys.stdout.write(
        f"{tally.kills} kills, last start {duration:.1f} s, {tally.rows} rows, "
        f"{len(tally.problems)} problems\n"
    )
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="killing-") as folder:
        run(options.times, options.seed, Path(folder), tally)
    sys.stdout.write("\n" + tally.table() + "\n")
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
