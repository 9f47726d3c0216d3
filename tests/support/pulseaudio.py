"""Microphones without hardware: a private PulseAudio server that PortAudio reaches through ALSA.

It has two kinds of input device: the monitor of `virtual_sink`, which records what is played to
that sink, and microphones, whose samples a `MicrophonePlayer` writes at known times.
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

Generate = Callable[[int, int], NDArray[np.int16]]
"""Returns the samples from one number up to another, int16, (n,) or (n, channels)."""


class PulseServer:
    """PulseAudio daemon with a private folder; `environment` makes PortAudio use it."""

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
                raise RuntimeError("cannot start PulseAudio: it does not answer")
            time.sleep(0.05)

    def hang(self) -> None:
        """Suspend the daemon (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the daemon (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop the daemon."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the daemon, and make PortAudio in this process and its children use it."""
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
        """Stop the daemon and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def control(self, *arguments: str) -> str:
        """Run pactl and return its output."""
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
        """Return the named pipe of a microphone."""
        return self.folder / f"{microphone}.fifo"

    def plug_in(self, microphone: str, layout: str = "mono", rate: int = RATE) -> str:
        """Create a microphone, and make the first microphone of all the default.

        Parameters
        ----------
        microphone
            One of the names given to the constructor.
        layout
            PulseAudio's names of its channels: "front-left,front-right", "aux0,aux1,aux2".
        rate
            Sample rate in Hz.

        Returns
        -------
        str
            Number of its module.
        """
        module = self.control(
            "load-module", "module-pipe-source", f"source_name={microphone}",
            f"file={self.pipe(microphone)}", "format=s16le", f"rate={rate}",
            f"channels={layout.count(',') + 1}", f"channel_map={layout}",
        )  # fmt: skip
        self.control("set-default-source", self.microphones[0])
        return module

    def add_sink(self) -> str:
        """Create `virtual_sink`; return the number of its module."""
        return self.control(
            "load-module", "module-null-sink", "sink_name=virtual_sink", "rate=44100",
            "channels=2", "format=s16le",
        )  # fmt: skip

    def unplug(self, module: str) -> None:
        """Remove a device by the number of its module."""
        self.control("unload-module", module)

    def add_devices_of(self, other: "PulseServer") -> None:
        """Make PortAudio list the microphones of another daemon, too."""
        for microphone in other.microphones:
            self._define(microphone, microphone, other.folder)

    def shift_indices(self) -> None:
        """Insert a silent device before the others, so that their indices change."""
        file = self.folder / ".asoundrc"
        silent = 'pcm.silent { type null hint { show on description "silent" } }\n'
        file.write_text(silent + file.read_text())

    def play(self, path: Path) -> "subprocess.Popen[bytes]":
        """Play a file to `virtual_sink`."""
        return subprocess.Popen(
            ["paplay", "--device=virtual_sink", str(path)], env={**os.environ, **self.environment}
        )

    def _define(self, device: str, source: str, folder: Path) -> None:
        with (self.folder / ".asoundrc").open("a") as file:
            file.write(
                f'pcm.{device} {{ type pulse server "unix:{folder}/native" device "{source}" '
                f'hint {{ show on description "{device}" }} }}\n'
            )


class MicrophonePlayer:
    """Writes 16-bit samples at 48 kHz to a microphone in real time; unread samples are lost.

    Parameters
    ----------
    pipe
        Named pipe, such as `PulseServer.pipe` of a microphone.
    generate
        Its samples.
    drift_ppm
        How much faster than nominal the microphone's clock runs.
    """

    def __init__(self, pipe: Path, generate: Generate, *, drift_ppm: float = 0.0) -> None:
        self._path = pipe
        self._generate = generate
        self._rate = RATE * (1 + drift_ppm * 1e-6)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self.started = time.monotonic()
        self._thread.start()

    def time_of(self, sample: int) -> float:
        """Return the `time.monotonic()` at which a sample is played."""
        return self.started + sample / self._rate

    def __enter__(self) -> "MicrophonePlayer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop playing."""
        self._stop.set()
        self._thread.join()

    def _play(self) -> None:
        sample, pipe = 0, -1
        while not self._stop.is_set():
            samples = self._generate(sample, sample + _STEP)
            sample += _STEP
            time.sleep(max(self.time_of(sample) - time.monotonic(), 0))
            try:
                if pipe < 0:
                    pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, samples.astype("<i2").tobytes())
            except BlockingIOError:  # not recording
                continue
            except OSError:  # unplugged
                if pipe >= 0:
                    os.close(pipe)
                pipe = -1
        if pipe >= 0:
            os.close(pipe)


def noise(first: int, last: int) -> NDArray[np.int16]:
    """Generate quiet noise, the same for the same numbers."""
    random = np.random.default_rng(first)
    return random.normal(0, 300, last - first).astype(np.int16)


def clicks(every: int) -> Generate:
    """Return a generator of noise with a click every so many samples."""

    def generate(first: int, last: int) -> NDArray[np.int16]:
        samples = noise(first, last) // 10
        samples[[n - first for n in range(-(-first // every) * every, last, every)]] = 30000
        return samples

    return generate


def recording(samples: NDArray[np.float32]) -> Generate:
    """Return a generator that repeats samples at 48 kHz, shape (n,)."""
    whole = np.round(32767 * np.clip(samples, -1.0, 1.0)).astype(np.int16)

    def generate(first: int, last: int) -> NDArray[np.int16]:
        return whole[np.arange(first, last) % len(whole)]

    return generate
