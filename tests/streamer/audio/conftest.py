from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

Sound = NDArray[np.float32]
Tone = Callable[..., Sound]
MakeFile = Callable[..., Path]

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1"}


def _tone(rate: int, channels: int = 1, seconds: float = 1.0) -> Sound:
    time = np.arange(round(rate * seconds)) / rate
    levels = 0.5 * 0.5 ** np.arange(channels)
    return (levels[:, None] * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.fixture
def tone() -> Tone:
    """A sine of 440 Hz, (channels, n): the first channel peaks at 0.5, each next at half of it."""
    return _tone


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Encode a sound, or a tone of `seconds`, into a file whose name says the container."""

    def make(
        name: str,
        *,
        rate: int = 44100,
        channels: int = 2,
        seconds: float = 1.0,
        codec: str = "pcm_s16le",
        form: str | None = None,
        sound: Sound | None = None,
    ) -> Path:
        sound = _tone(rate, channels, seconds) if sound is None else sound
        path = tmp_path / name
        layout = LAYOUTS[len(sound)]
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            if form:
                stream.codec_context.format = form
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", layout)
            frame.sample_rate = rate
            frame.pts = 0
            length = stream.codec_context.frame_size or 1024
            cutter = av.AudioResampler(stream.codec_context.format, layout, rate, length)
            for part in (*cutter.resample(frame), *cutter.resample(None)):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return path

    return make


class VirtualTime:
    """A clock that only advances when an input waits, and the `stop` event on which it waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        self.now += timeout + 1e-6  # no wait is shorter than asked for by a rounding error
        return False


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Let file, pipe and stream inputs run in virtual time."""
    virtual = VirtualTime()
    for module in ("capture_clock", "file_input", "raw_input", "stream.playout"):
        monkeypatch.setattr(f"streamer.audio.{module}.monotonic", virtual.monotonic)
    return virtual
