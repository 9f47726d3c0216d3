"""`streamer run`, killed at random moments and started again: `python -m tests.faults.killing`.

    --times 200    how many kills; every second one hits a program that was started after a kill
    --seed N       which moments

What must hold (Linux): after each kill the program starts with the same folders and publishes
within 10 s; every recording can be read, with all that was published a moment before; calibrations
and the configuration are as they were; nothing that the program started is left.
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

WITHIN = 10.0
"""Seconds from a start to the first estimate."""

COMPILING = 60.0
"""The same where nothing is compiled yet."""

_FAMILY = "KILLED_FAMILY"
_ROOT = Path(__file__).parents[2]
_STREAMER = [sys.executable, "-m", "streamer"]
_DOOMED = [sys.executable, "-m", "tests.faults.killing_program"]
_HALL = Zone(id="hall", input="mic")
_LAG = 10  # estimates that may be published and not yet be written
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


class Listener:
    """Counts estimates, wherever the broker is at the moment."""

    def __init__(self, port: int) -> None:
        self.heard = 0
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)

    def _listen(self) -> None:
        while not self._over.is_set():
            client = paho.Client(paho.CallbackAPIVersion.VERSION2)
            client.on_connect = lambda each, *_: each.subscribe("streamer/killed/main/va")
            client.on_message = self._count
            with contextlib.suppress(OSError):
                client.connect("127.0.0.1", self._port)
                while not self._over.is_set() and client.loop(0.1) == paho.MQTT_ERR_SUCCESS:
                    pass
            self._over.wait(0.05)

    def _count(self, *_: object) -> None:
        self.heard += 1


class Scene:
    """A folder with all that a program keeps, and the program.

    Parameters
    ----------
    folder
        Empty.
    broker
        Of another process; None lets the program start its own.
    """

    def __init__(self, folder: Path, broker: Mosquitto | None, tally: Tally) -> None:
        self.folder = folder
        self.tally = tally
        self.recordings = folder / "recordings"
        self.port = free_port() if broker is None else broker.port
        address = "embedded" if broker is None else f"mqtt://127.0.0.1:{broker.port}"
        sound = "demo" if broker is None else str(_ROOT / "streamer" / "demo" / "piece.opus")
        self._config = folder / "config.toml"
        self._config.write_text(_CONFIG.format(input=sound, broker=address, port=self.port))
        self._text = self._config.read_text()
        self._store = CalibrationStore(folder / "calibration.json")
        self._hall = Calibration.of(_HALL, gain_db=3.0, level_dbfs=-20.0)
        self._store.put("hall", self._hall)
        self._store.put("main", Calibration.of(Zone(input=sound), gain_db=1.0, level_dbfs=-20.0))
        self.listener = Listener(self.port)
        self.environment: dict[str, str] = {}
        self._errors = folder / "errors.txt"
        self._seen: set[Path] = set()

    def start(
        self, command: list[str], *arguments: str, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start the program, or another command of it."""
        self.listener.heard = 0
        with self._errors.open("wb") as errors:
            return subprocess.Popen(
                [*command, *(arguments or ("run",)), "--config", str(self._config)],
                cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env={**os.environ, **self.environment, _FAMILY: str(self.folder), **environment},
                start_new_session=True,
            )  # fmt: skip

    def kill(self, process: "subprocess.Popen[bytes]", kind: str, moment: float) -> None:
        """Kill it, and look at what is left."""
        published = self.listener.heard
        process.kill()
        process.wait()
        self.killed(kind, moment, published)

    def killed(self, kind: str, moment: float, published: int = 0) -> None:
        """Look at what a kill has left."""
        self.tally.kills += 1
        self.tally.kinds[kind] += 1
        label = kind if kind.startswith("while") else f"{moment // 0.5 / 2:4.1f} s after the start"
        self.tally.moments[label] += 1
        self._expect_no_orphans()
        self._expect_kept()
        rows = [self._read(path) for path in self.recordings.glob("*.journal")]
        self.tally.unfinished += len(rows)
        if published > sum(rows) + _LAG and kind == "running":
            self._complain(f"{published} published, {sum(rows)} in the journal")

    def expect_start(self, process: "subprocess.Popen[bytes]", within: float) -> float | None:
        """Wait for the first estimate of a program that was started just now; tell how long."""
        begun = time.monotonic()
        while not self.listener.heard and time.monotonic() - begun < COMPILING:
            if process.poll() is not None:
                break
            time.sleep(0.02)
        took = time.monotonic() - begun
        if not self.listener.heard:
            said = self._errors.read_text(errors="replace")[-1500:]
            self._complain(f"no estimate, status {process.poll()}: {said}")
            return None
        if took > within:
            self._complain(f"the first estimate came after {took:.1f} s")
        (self.tally.starts if within == WITHIN else self.tally.compiled).append(took)
        used = psutil.Process(process.pid).cpu_times()
        self.tally.processor.append(used.user + used.system)
        self._expect_no_traceback()
        self._read_finished()
        return took

    def plot(self) -> None:
        """Draw the newest recording as people do."""
        for path in sorted(self.recordings.glob("*.parquet"))[-1:]:
            done = subprocess.run(
                [*_STREAMER, "plot", str(path)], cwd=_ROOT, capture_output=True, check=False
            )
            self.tally.replayed += 1
            if done.returncode:
                self._complain(f"plot {path.name}: {done.stderr.decode()}")

    def close(self) -> None:
        self.listener.close()
        for each in _family(self.folder):
            with contextlib.suppress(psutil.Error):
                each.kill()

    def _complain(self, trouble: str) -> None:
        self.tally.troubles.append(f"(kill {self.tally.kills}) {trouble}")

    def _expect_no_orphans(self) -> None:
        limit = time.monotonic() + 3.0
        while left := _family(self.folder):
            if time.monotonic() > limit:
                self._complain(f"left: {left}")
                for each in left:
                    with contextlib.suppress(psutil.Error):
                        each.kill()
                return
            time.sleep(0.02)

    def _expect_kept(self) -> None:
        if self._config.read_text() != self._text:
            self._complain("the configuration has changed")
        try:
            if self._store.find(_HALL) != self._hall:
                self._complain("a calibration is gone")
        except StreamerError as error:
            self._complain(str(error))

    def _expect_no_traceback(self) -> None:
        for line in self._errors.read_text(errors="replace").splitlines():
            said = json.loads(line) if line.startswith("{") else {"exception": line}
            if "exception" in said or said.get("level") == "error":
                self._complain(f"said at a start: {line[:1000]}")

    def _read_finished(self) -> None:
        for path in sorted(set(self.recordings.glob("*")) - self._seen):
            if path.suffix == ".parquet":
                self.tally.recordings += 1
                self.tally.rows += self._read(path)
            elif path.suffix == ".flac":
                self.tally.sounds += 1
                self._hear(path)
            else:
                continue
            self._seen.add(path)

    def _read(self, path: Path) -> int:
        """Return the rows of a recording; one that was just begun has none."""
        try:
            return len(read_recording(path))
        except StreamerError as error:
            if path.suffix != ".journal" or "holds no estimate yet" not in str(error):
                self._complain(str(error))
            return 0

    def _hear(self, path: Path) -> None:
        if path.stat().st_size < 5000:  # what FFmpeg had not written yet
            return
        try:
            with open_audio_file(path) as sound:
                for _ in sound.blocks():
                    pass
        except StreamerError as error:
            self._complain(str(error))


def _family(folder: Path) -> list[psutil.Process]:
    """Return the processes that a program of this folder started, and their children."""
    wanted = f"{_FAMILY}={folder}".encode()
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):
            if wanted in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                found.append(process)
    return found


def run(times: int, seed: int, folder: Path, tally: Tally) -> None:
    """Kill and start again, with the program's own broker and with another in turns."""
    chance = random.Random(seed)
    with _scenes(folder, tally) as scenes:
        number = 0
        while tally.kills < times:
            scene = scenes[number % 2]
            within = _kill_once(scene, chance, number)
            process = scene.start(_STREAMER)
            if (took := scene.expect_start(process, within)) is not None:
                if number % 10 == 5:
                    scene.plot()
                moment = chance.uniform(0, 3.5)
                time.sleep(moment)
                scene.kill(process, "running", took + moment)
            else:
                process.kill()
                process.wait()
            number += 1
            _tell(tally)


def _kill_once(scene: Scene, chance: random.Random, number: int) -> float:
    """Kill one program; return how long the next may take to start."""
    which = chance.random()
    if which < 0.7:
        process = scene.start(_STREAMER)
        moment = chance.uniform(0, 2.5)
        time.sleep(moment)
        scene.kill(process, "starting", moment)
        return WITHIN
    if which < 0.84:
        where = f"{chance.randint(2, 40)}:{scene.recordings}"
        process = scene.start(_DOOMED, KILL_WRITING=where, KILL_ROTATING="0.4")
        return _await_death(scene, process, "while recordings rotate")
    if which < 0.94:
        where = f"{chance.randint(1, 3)}:{scene.folder}"
        process = scene.start(
            _DOOMED, "calibrate", "--forget", "--zone", "main", KILL_WRITING=where
        )
        return _await_death(scene, process, "while a calibration is kept")
    cache = scene.folder / f"numba-{number}"
    where = f"{chance.randint(1, 12)}:{cache}"
    scene.environment["NUMBA_CACHE_DIR"] = str(cache)  # of the next starts, too
    _await_death(scene, scene.start(_DOOMED, KILL_WRITING=where), "while compiled code is kept")
    return COMPILING


def _await_death(scene: Scene, process: "subprocess.Popen[bytes]", kind: str) -> float:
    """Wait until a program has killed itself; one that had too little to write is killed."""
    begun = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(COMPILING)
    if process.poll() == 0:
        return WITHIN
    process.kill()
    process.wait()
    scene.killed(kind, time.monotonic() - begun)
    return WITHIN


@contextlib.contextmanager
def _scenes(folder: Path, tally: Tally) -> Iterator[list[Scene]]:
    with contextlib.ExitStack() as stack:
        places = [folder / name for name in ("embedded", "mosquitto")]
        for place in places:
            place.mkdir()
        broker = Mosquitto(places[1])
        broker.start()
        stack.callback(broker.kill)
        scenes = [Scene(places[0], None, tally), Scene(places[1], broker, tally)]
        for scene in scenes:
            stack.callback(scene.close)
        yield scenes


def _tell(tally: Tally) -> None:
    took = (tally.starts or [0.0])[-1]
    sys.stdout.write(
        f"{tally.kills} kills, last start {took:.1f} s, {tally.rows} rows, "
        f"{len(tally.troubles)} troubles\n"
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
    return 1 if tally.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
