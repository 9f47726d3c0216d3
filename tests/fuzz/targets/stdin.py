"""Raw samples on standard input: any bytes, cut anywhere."""

import json
import os
import threading
from pathlib import Path
from random import Random

import numpy as np

from streamer.audio.cleaning import Cleaner
from streamer.audio.raw_input import RawDecoder, RawInput
from streamer.audio.ring_buffer import RingBuffer
from streamer.config.models import RawFormat
from streamer.errors import StreamerError
from tests.fuzz.judging import Finding, Input, judged
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.targets.base import Target

_HEADS = (b"RIFF", b"fLaC", b"OggS", b"ID3\x04", b"\x7fELF", b"", b"\0\0\0\0", b"\xff\xfe")
_SOON = 3.0  # seconds
_PIECE = 60_000  # bytes of a pipe at once, which holds 64 KiB


class StdinTarget(Target):
    """Decodes the bytes whole, in pieces, and through a pipe."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        time = np.arange(4000) / 8000
        sound = 0.4 * np.sin(2 * np.pi * 440 * time)
        self._good = [(sound * 32767).astype("<i2").tobytes(), sound.astype("<f4").tobytes()]

    def make(self, chance: Random) -> Input:
        layout = {
            "format": chance.choice(("s16le", "f32le")),
            "rate": chance.choice((8000, 44100, 384000)),
            "channels": chance.choice((1, 2, 3, 64)),
        }
        picked = chance.choice(((), (), (1,), (1, 2), (64,), (3, 1)))
        cuts = [int(3000 ** chance.random()) for _ in range(30)]
        data = chance.choice(_HEADS) + some_bytes(chance, 20_000)
        if chance.random() < 0.7:
            data = mutated(chance, chance.choice(self._good), others=self._good)[:200_000]
        if chance.random() < 0.1:
            extremes = np.array([np.nan, np.inf, -np.inf, 3.4e38, 1e-45, -0.0], "<f4")
            data = np.resize(extremes, chance.randrange(1, 5000)).tobytes() + data
        told = {
            "layout": layout, "channels": picked, "cuts": cuts, "pipe": chance.random() < 0.05
        }  # fmt: skip
        return {"bytes": data, "how": json.dumps(told).encode()}

    def judge(self, given: Input) -> str:
        how, data = json.loads(given["how"]), given["bytes"]
        layout, channels = RawFormat(**how["layout"]), tuple(how["channels"])
        whole, said = _decode(layout, channels, [data])
        pieces, at = [], 0
        while at < len(data):
            pieces.append(data[at : at + how["cuts"][len(pieces) % 30]])
            at += len(pieces[-1])
        again, said_again = _decode(layout, channels, pieces)
        if said == said_again == "samples" and not np.array_equal(whole, again):
            raise Finding("cut otherwise, the bytes are other samples")
        if how["pipe"] and said == "samples":
            _through_pipe(layout, channels, data[: layout.channels * layout.rate])
        return said


def _decode(
    layout: RawFormat, channels: tuple[int, ...], pieces: list[bytes]
) -> tuple[np.ndarray, str]:
    found = [np.zeros(0, np.float32)]
    frames = 0
    try:
        decoder = RawDecoder(layout, channels, Cleaner())
        for piece in pieces:
            found.append(decoder.push(piece))
            check_samples(found[-1])
        decoder.finish()
        frames = sum(map(len, pieces)) // decoder.frame_bytes
        said = "samples"
    except StreamerError as error:
        said = judged(error)
    sound = np.concatenate(found)
    if said == "samples" and len(sound) != frames:
        raise Finding(f"{len(sound)} samples of {frames} frames")
    return sound, said


def check_samples(samples: np.ndarray) -> None:
    """Raise where they are no sound."""
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise Finding(f"{samples.dtype} {samples.shape}")
    if len(samples) and not (np.isfinite(samples).all() and np.abs(samples).max() <= 1.0):
        raise Finding("samples beyond full scale")


def _through_pipe(layout: RawFormat, channels: tuple[int, ...], data: bytes) -> None:
    reader, writer = os.pipe()
    ring = RingBuffer(1 << 20)
    feed = RawInput(layout, channels, descriptor=reader)
    os.write(writer, data[:_PIECE])
    os.close(writer)
    ended = threading.Thread(target=_follow, args=(feed, ring), daemon=True)
    ended.start()
    ended.join(_SOON + 2 * _PIECE / (layout.rate * layout.channels))
    os.close(reader)
    if ended.is_alive():
        raise Finding("a pipe that has ended is not left")


def _follow(feed: RawInput, ring: RingBuffer) -> None:
    try:
        feed.run(ring, lambda: None, threading.Event())
    except StreamerError as error:
        judged(error)
