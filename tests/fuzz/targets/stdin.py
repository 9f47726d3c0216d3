"""Fuzz raw samples on standard input: arbitrary bytes in arbitrary pieces."""

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
from tests.fuzz.mutate import mutated, some_bytes
from tests.fuzz.targets.base import Target
from tests.fuzz.verdict import FuzzFailure, Input, check_error

_HEADS = (b"RIFF", b"fLaC", b"OggS", b"ID3\x04", b"\x7fELF", b"", b"\0\0\0\0", b"\xff\xfe")
_EXIT_TIMEOUT_S = 3.0  # timeout, s
_MAX_WRITE = 60_000  # bytes written to a pipe at once; its capacity is 64 KiB


class StdinTarget(Target):
    """Decode the bytes at once, in pieces, and through a pipe."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        time = np.arange(4000) / 8000
        audio = 0.4 * np.sin(2 * np.pi * 440 * time)
        self._good = [(audio * 32767).astype("<i2").tobytes(), audio.astype("<f4").tobytes()]

    def make(self, random: Random) -> Input:
        layout = {
            "format": random.choice(("s16le", "f32le")),
            "rate": random.choice((8000, 44100, 384000)),
            "channels": random.choice((1, 2, 3, 64)),
        }
        picked = random.choice(((), (), (1,), (1, 2), (64,), (3, 1)))
        cuts = [int(3000 ** random.random()) for _ in range(30)]
        data = random.choice(_HEADS) + some_bytes(random, 20_000)
        if random.random() < 0.7:
            data = mutated(random, random.choice(self._good), others=self._good)[:200_000]
        if random.random() < 0.1:
            extremes = np.array([np.nan, np.inf, -np.inf, 3.4e38, 1e-45, -0.0], "<f4")
            data = np.resize(extremes, random.randrange(1, 5000)).tobytes() + data
        settings = {
            "layout": layout, "channels": picked, "cuts": cuts, "pipe": random.random() < 0.05
        }  # fmt: skip
        return {"bytes": data, "how": json.dumps(settings).encode()}

    def check(self, given: Input) -> str:
        how, data = json.loads(given["how"]), given["bytes"]
        layout, channels = RawFormat(**how["layout"]), tuple(how["channels"])
        whole, kind = _decode(layout, channels, [data])
        pieces, at = [], 0
        while at < len(data):
            pieces.append(data[at : at + how["cuts"][len(pieces) % 30]])
            at += len(pieces[-1])
        audio_in_pieces, kind_in_pieces = _decode(layout, channels, pieces)
        if kind == kind_in_pieces == "samples" and not np.array_equal(whole, audio_in_pieces):
            raise FuzzFailure("cut otherwise, the bytes are other samples")
        if how["pipe"] and kind == "samples":
            _through_pipe(layout, channels, data[: layout.channels * layout.rate])
        return kind


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
        kind = "samples"
    except StreamerError as error:
        kind = check_error(error)
    audio = np.concatenate(found)
    if kind == "samples" and len(audio) != frames:
        raise FuzzFailure(f"{len(audio)} samples of {frames} frames")
    return audio, kind


def check_samples(samples: np.ndarray) -> None:
    """Raise unless samples are mono float32, finite and within full scale."""
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise FuzzFailure(f"{samples.dtype} {samples.shape}")
    if len(samples) and not (np.isfinite(samples).all() and np.abs(samples).max() <= 1.0):
        raise FuzzFailure("samples beyond full scale")


def _through_pipe(layout: RawFormat, channels: tuple[int, ...], data: bytes) -> None:
    reader, writer = os.pipe()
    ring = RingBuffer(1 << 20)
    feed = RawInput(layout, channels, descriptor=reader)
    os.write(writer, data[:_MAX_WRITE])
    os.close(writer)
    follower = threading.Thread(target=_follow, args=(feed, ring), daemon=True)
    follower.start()
    follower.join(_EXIT_TIMEOUT_S + 2 * _MAX_WRITE / (layout.rate * layout.channels))
    os.close(reader)
    if follower.is_alive():
        raise FuzzFailure("a pipe that has ended is not left")


def _follow(feed: RawInput, ring: RingBuffer) -> None:
    try:
        feed.run(ring, lambda: None, threading.Event())
    except StreamerError as error:
        check_error(error)
