"""Real microphones without hardware: a PulseAudio of our own, heard through ALSA by PortAudio.

Two kinds of device: `virtual_sink`, whose monitor records what is played to it, and microphones
whose sound a thread of ours writes at times that are known (`Performer`).
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48000
_STEP = 480  # samples of 10 ms

Compose = Callable[[int, int], NDArray[np.int16]]
"""Gives the samples from a number to another, (n,) or (n, channels)."""


class Pulse:
    """A PulseAudio daemon with a folder of its own; `environment` leads PortAudio to it."""

    def __init__(self, microphones: tuple[str, ...] = ("alpha", "beta")) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pulse-"))
        self.microphones = microphones
        self.environment = {
            "XDG_RUNTIME_DIR": str(self.folder),
            "HOME": str(self.folder),
            "PULSE_SERVER": f"unix:{self.folder}/native",
        }
        self._process: subprocess.Popen[bytes] | None = None
        for microphone in microphones:
            self._define(microphone, microphone, self.folder)
        self._define("virtual_sink", "virtual_sink.monitor", self.folder)

    def start(self) -> None:
        """Start the daemon."""
        self._process = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
                "--disallow-exit=0", "--realtime=no", "--high-priority=no", "-L",
                f"module-native-protocol-unix auth-anonymous=1 socket={self.folder}/native",
            ],
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.control("info")
                return
            if time.monotonic() > deadline:
                raise RuntimeError("PulseAudio does not start")
            time.sleep(0.05)

    def hang(self) -> None:
        """Let the daemon stand still."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the daemon."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the daemon, lead PortAudio in this process and its children to it, end it."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            self.start()
            yield
        finally:
            self.close()
            os.environ.clear()
            os.environ.update(before)

    def close(self) -> None:
        """End the daemon and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def control(self, *arguments: str) -> str:
        """Run pactl."""
        done = subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.environment},
            check=True,
            capture_output=True,
            text=True,
            timeout=10,
        )
        return done.stdout.strip()

    def pipe(self, microphone: str) -> Path:
        """Return where a microphone's sound is written to."""
        return self.folder / f"{microphone}.fifo"

    def plug_in(self, microphone: str, layout: str = "mono", rate: int = RATE) -> str:
        """Create a microphone's source, and make the first of all the default.

        Parameters
        ----------
        microphone
            One of those that the daemon was made for.
        layout
            Its channels, by PulseAudio's names: "front-left,front-right", "aux0,aux1,aux2".
        rate
            In Hz.

        Returns
        -------
        str
            The number of its module.
        """
        module = self.control(
            "load-module", "module-pipe-source", f"source_name={microphone}",
            f"file={self.pipe(microphone)}", "format=s16le", f"rate={rate}",
            f"channels={layout.count(',') + 1}", f"channel_map={layout}",
        )  # fmt: skip
        self.control("set-default-source", self.microphones[0])
        return module

    def add_sink(self) -> str:
        """Create the sink whose monitor is a device; return the module's number."""
        return self.control(
            "load-module", "module-null-sink", "sink_name=virtual_sink", "rate=44100",
            "channels=2", "format=s16le",
        )  # fmt: skip

    def unplug(self, module: str) -> None:
        """Remove a device by its module's number."""
        self.control("unload-module", module)

    def adopt(self, other: "Pulse") -> None:
        """Let PortAudio find the microphones of another daemon beside ours."""
        for microphone in other.microphones:
            self._define(microphone, microphone, other.folder)

    def shift_indices(self) -> None:
        """Put a device that gives silence before ours, so that PortAudio numbers those anew."""
        file = self.folder / ".asoundrc"
        silent = 'pcm.silent { type null hint { show on description "silent" } }\n'
        file.write_text(silent + file.read_text())

    def play(self, path: Path) -> "subprocess.Popen[bytes]":
        """Play a file to the sink."""
        return subprocess.Popen(
            ["paplay", "--device=virtual_sink", str(path)], env={**os.environ, **self.environment}
        )

    def _define(self, device: str, source: str, folder: Path) -> None:
        with (self.folder / ".asoundrc").open("a") as file:
            file.write(
                f'pcm.{device} {{ type pulse server "unix:{folder}/native" device "{source}" '
                f'hint {{ show on description "{device}" }} }}\n'
            )


class Performer:
    """Makes sound in real time, 16-bit mono at 48 kHz; what nobody records is lost.

    Parameters
    ----------
    pipe
        Where it goes: the `pipe` of a microphone, or any other named one.
    compose
        The sound.
    drift_ppm
        How much faster than nominal the microphone's clock runs.
    """

    def __init__(self, pipe: Path, compose: Compose, *, drift_ppm: float = 0.0) -> None:
        self._path = pipe
        self._compose = compose
        self._rate = RATE * (1 + drift_ppm * 1e-6)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._perform, daemon=True)
        self.begun = time.monotonic()
        self._thread.start()

    def time_of(self, sample: int) -> float:
        """Return the `time.monotonic()` at which a sample sounds."""
        return self.begun + sample / self._rate

    def __enter__(self) -> "Performer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()

    def _perform(self) -> None:
        sample, pipe = 0, -1
        while not self._stop.is_set():
            samples = self._compose(sample, sample + _STEP)
            sample += _STEP
            time.sleep(max(self.time_of(sample) - time.monotonic(), 0))
            try:
                if pipe < 0:
                    pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, samples.astype("<i2").tobytes())
            except BlockingIOError:  # nobody records
                continue
            except OSError:  # unplugged
                if pipe >= 0:
                    os.close(pipe)
                pipe = -1
        if pipe >= 0:
            os.close(pipe)


def noise(first: int, last: int) -> NDArray[np.int16]:
    """Quiet noise, the same at each call."""
    random = np.random.default_rng(first)
    return random.normal(0, 300, last - first).astype(np.int16)


def clicks(every: int) -> Compose:
    """Return noise with a click at each multiple of so many samples."""

    def compose(first: int, last: int) -> NDArray[np.int16]:
        sound = noise(first, last) // 10
        sound[[n - first for n in range(-(-first // every) * every, last, every)]] = 30000
        return sound

    return compose


def recording(sound: NDArray[np.float32]) -> Compose:
    """Return sound at 48 kHz, (n,), again and again."""
    whole = np.round(32767 * np.clip(sound, -1.0, 1.0)).astype(np.int16)

    def compose(first: int, last: int) -> NDArray[np.int16]:
        return whole[np.arange(first, last) % len(whole)]

    return compose
