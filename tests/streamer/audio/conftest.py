"""Synthetic audio, audio files, decoder processes and a virtual clock for the audio tests."""

import gc
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.audio import AudioFile

Samples = NDArray[np.float32]
Tone = Callable[..., Samples]
MakeFile = Callable[..., Path]

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1"}


def _tone(rate: int, channels: int = 1, seconds: float = 1.0) -> Samples:
    time = np.arange(round(rate * seconds)) / rate
    levels = 0.5 * 0.5 ** np.arange(channels)
    return (levels[:, None] * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.fixture
def tone() -> Tone:
    """A sine of 440 Hz, (channels, n): the first channel peaks at 0.5, each next at half of it."""
    return _tone


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Encode samples, or a tone of `seconds`, into a file; its suffix selects the container."""

    def make(
        name: str,
        *,
        rate: int = 44100,
        channels: int = 2,
        seconds: float = 1.0,
        codec: str = "pcm_s16le",
        form: str | None = None,
        samples: Samples | None = None,
    ) -> Path:
        samples = _tone(rate, channels, seconds) if samples is None else samples
        path = tmp_path / name
        layout = LAYOUTS[len(samples)]
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            if form:
                stream.codec_context.format = form
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
            frame.sample_rate = rate
            frame.pts = 0
            length = stream.codec_context.frame_size or 1024
            cutter = av.AudioResampler(stream.codec_context.format, layout, rate, length)
            for part in (*cutter.resample(frame), *cutter.resample(None)):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def long_file(make_file: MakeFile) -> Path:
    """A file whose audio exceeds the capacity of the pipe from the decoder."""
    return make_file("x.wav", seconds=10)


def process_of(audio: AudioFile) -> "subprocess.Popen[bytes]":
    """Return the decoder process of an open file."""
    process = audio._decoder.process
    assert process is not None
    return process


def read_samples(audio: AudioFile) -> np.ndarray:
    """Return all samples of an open file, (n,)."""
    return np.concatenate([block.samples for block in audio.blocks()])


def child_processes() -> set[int]:
    """Return the ids of all child processes, including zombies."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def open_resources() -> tuple[set[int], int, set[str]]:
    """Return child processes, number of file descriptors and names of threads."""
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return child_processes(), descriptors, {thread.name for thread in threading.enumerate()}


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail if the test leaves a child process, a file descriptor or a thread."""
    before = open_resources()
    yield
    assert open_resources() == before


class VirtualTime:
    """A clock that only advances when an input waits, and the `stop` event on which it waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        self.now += timeout + 1e-6  # rounding must not shorten a wait
        return False


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Let file, pipe and stream inputs run in virtual time."""
    virtual = VirtualTime()
    for module in ("capture_clock", "file_input", "raw_input", "stream.playout"):
        monkeypatch.setattr(f"streamer.audio.{module}.monotonic", virtual.monotonic)
    return virtual
