"""Raw samples from a pipe: formats, pacing, backlog, errors."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio import Block, Source, open_source
from streamer.audio.cleaning import Cleaner
from streamer.audio.raw_input import (
    MAX_READ_AHEAD_S,
    MAX_READ_SPEED,
    MAX_STARTUP_BACKLOG_S,
    RawDecoder,
    RawInput,
)
from streamer.audio.ring_buffer import RingBuffer
from streamer.config.models import RawFormat, Zone
from streamer.errors import AudioError, UsageError

pytestmark = pytest.mark.long

# RawDecoder

STEREO = RawFormat(format="s16le", rate=44100, channels=2)
FLOATS = RawFormat(format="f32le", rate=48000, channels=3)
MUSIC = np.random.default_rng(2).normal(0, 0.1, (3000, 2)).clip(-0.9, 0.9)


def s16(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def f32(samples: np.ndarray) -> bytes:
    return samples.astype("<f4").tobytes()


@given(st.sampled_from([STEREO, FLOATS]), st.lists(st.integers(0, 700), max_size=40))
def test_chunk_boundaries_do_not_change_the_samples(layout: RawFormat, sizes: list[int]) -> None:
    data = (s16 if layout is STEREO else f32)(MUSIC)
    whole = RawDecoder(layout, (), Cleaner()).push(data)
    decoder = RawDecoder(layout, (), Cleaner())
    parts, at = [], 0
    for size in [*sizes, len(data)]:
        parts.append(decoder.push(data[at : at + size]))
        at += size
    decoder.finish()
    assert decoder.leftover_bytes == 0
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(whole) == len(data) // decoder.frame_bytes


def test_samples_are_scaled_and_mixed() -> None:
    data = np.array([[16384, -16384], [32767, 32767], [-32768, 0]], "<i2").tobytes()
    assert RawDecoder(STEREO, (2,), Cleaner()).push(data).tolist() == [-0.5, 32767 / 32768, 0]
    assert RawDecoder(STEREO, (), Cleaner()).push(data)[2] == -0.5
    cleaner = Cleaner()
    floats = np.array([[0.5, np.nan, 2.0]], "<f4").tobytes()
    assert RawDecoder(FLOATS, (), cleaner).push(floats).tolist() == [0.5]
    assert (cleaner.non_finite, cleaner.clipped) == (1, 1)


def test_an_incomplete_last_frame_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    decoder = RawDecoder(STEREO, (), Cleaner())
    assert len(decoder.push(s16(MUSIC) + b"abc")) == 3000
    decoder.finish()
    assert decoder.leftover_bytes == 3
    assert "dropped 3 of 4 bytes" in caplog.text


@pytest.mark.parametrize("data", [b"", b"a", b"abc"])
def test_an_empty_pipe_is_an_error(data: bytes) -> None:
    decoder = RawDecoder(STEREO, (), Cleaner())
    decoder.push(data)
    with pytest.raises(AudioError, match="without a single sample; pipe raw samples"):
        decoder.finish()


@pytest.mark.parametrize("layout", [STEREO, FLOATS])
@pytest.mark.parametrize(
    ("head", "container"),
    [(b"RIFF", "WAV"), (b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b"ID3\x04", "MP3")],
)
def test_a_container_file_in_the_pipe_is_named(
    layout: RawFormat, head: bytes, container: str
) -> None:
    decoder = RawDecoder(layout, (), Cleaner())
    decoder.push(head[:2])
    with pytest.raises(AudioError, match=f"it is an? {container} file, not raw.*decode it"):
        decoder.push(head[2:] + bytes(100))


@pytest.mark.parametrize("level", [0.001, 0.1, 1.0, 5.0])
def test_another_sample_format_is_detected_and_the_right_one_accepted(level: float) -> None:
    samples = (MUSIC * level).clip(-1, 1)
    for layout, right, wrong in (
        (STEREO, s16(samples), f32(samples)),
        (FLOATS, f32(samples), s16(samples)),
    ):
        RawDecoder(layout, (), Cleaner()).push(right)
        with pytest.raises(
            AudioError, match=f"standard input as {layout.format}: .*set the zone's raw format"
        ):
            RawDecoder(layout, (), Cleaner()).push(bytes(4000) + wrong)


def test_silence_fits_every_format() -> None:
    for layout in (STEREO, FLOATS):
        assert not RawDecoder(layout, (), Cleaner()).push(bytes(120_000)).any()


def test_a_channel_beyond_the_layout_is_refused() -> None:
    with pytest.raises(UsageError, match="raw input has 2 channels"):
        RawDecoder(STEREO, (3,), Cleaner())


# RawInput

MONO = RawFormat(format="f32le", rate=16000, channels=1)


async def all_blocks(source: Source) -> list[Block]:
    return [block async for block in source.blocks()]


def joined(blocks: list[Block]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks])


def gapless(blocks: list[Block]) -> bool:
    ends = [0, *(block.end_sample for block in blocks)]
    return all(block.start_sample == end for block, end in zip(blocks, ends, strict=False))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def capture_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("capture ")]


def write_paced(descriptor: int, samples: np.ndarray) -> None:
    """Write 50 ms every 50 ms, then close."""
    for chunk in np.split(samples, range(800, len(samples), 800)):
        os.write(descriptor, chunk.tobytes())
        time.sleep(0.05)
    os.close(descriptor)


NOISE = np.random.default_rng(3).normal(0, 0.1, 16000 * 4).clip(-0.9, 0.9).astype(np.float32)


class SimulatedPipe:
    """A pipe and its writer in virtual time.

    Parameters
    ----------
    time
        Virtual time.
    writes
        Seconds after the start, and the bytes written then.
    """

    CAPACITY = 65536  # bytes

    def __init__(self, time: Any, writes: list[tuple[float, bytes]]) -> None:
        self.started = time.now
        self.arrivals: list[tuple[int, float]] = []  # samples so far, seconds since the start
        self._time = time
        self._writes = [(time.now + after, data) for after, data in writes]
        self._written = b""

    def read_all(self, layout: RawFormat, monkeypatch: pytest.MonkeyPatch) -> RawInput:
        """Run an input to the end of the pipe; record the arrivals."""
        monkeypatch.setattr("streamer.audio.raw_input._readable", self._readable)
        monkeypatch.setattr(RawInput, "_read", lambda _, count: self._read(count))
        raw_input = RawInput(layout, (), descriptor=0)
        ring = RingBuffer(1 << 20)

        def wake() -> None:
            self.arrivals.append((ring.head, self._time.now - self.started))

        raw_input.run(ring, wake, self._time)
        return raw_input

    def _readable(self, _: int, timeout: float) -> bool:
        deadline = self._time.now + timeout
        while not self._available() and self._writes and self._writes[0][0] <= deadline:
            self._time.now = self._writes[0][0]
        if not self._available() and self._writes:
            self._time.now = deadline
            return False
        return True

    def _read(self, count: int) -> bytes:
        data = self._available()[:count]
        self._written = self._written[len(data) :]
        return data

    def _available(self) -> bytes:
        while self._writes and self._writes[0][0] <= self._time.now:
            self._written += self._writes.pop(0)[1]
        return self._written[: self.CAPACITY]


def paced(samples: np.ndarray, start: float = 0.0) -> list[tuple[float, bytes]]:
    """Return writes of 50 ms every 50 ms."""
    chunks = np.split(samples, range(800, len(samples), 800))
    return [(start + 0.05 * k, chunk.tobytes()) for k, chunk in enumerate(chunks)]


def test_a_live_pipe_is_read_as_it_is_written(
    virtual_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = SimulatedPipe(virtual_time, paced(NOISE[:24000]))
    raw_input = pipe.read_all(MONO, monkeypatch)
    assert [at for _, at in pipe.arrivals] == pytest.approx([0.05 * k for k in range(30)])
    times = [raw_input.clock.time_of(sample) - pipe.started for sample in (800, 12800, 24000)]
    assert times == pytest.approx([0.0, 0.75, 1.45], abs=0.01)


def test_a_fast_pipe_is_held_back_to_real_time(
    virtual_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = SimulatedPipe(virtual_time, [(0.0, np.resize(NOISE, 48000).tobytes())])
    pipe.read_all(MONO, monkeypatch)
    most = MAX_READ_AHEAD_S + MAX_STARTUP_BACKLOG_S
    assert pipe.arrivals[-1][1] > 3.0 / MAX_READ_SPEED - most - 0.02
    assert max(end / 16000 / MAX_READ_SPEED - at for end, at in pipe.arrivals) <= most + 0.001


def test_a_backlog_in_the_pipe_adds_no_delay(
    virtual_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = np.resize(NOISE, 24000)
    writes = [(0.0, samples[:12800].tobytes()), *paced(samples[12800:])]  # 0.8 s
    pipe = SimulatedPipe(virtual_time, writes)
    raw_input = pipe.read_all(MONO, monkeypatch)
    late = [at - (end - 12800) / 16000 for end, at in pipe.arrivals]
    assert max(late[len(late) * 2 // 3 :]) < 0.05
    assert raw_input.clock.time_of(24000) - pipe.started == pytest.approx(0.65, abs=0.05)


def test_a_backlog_beyond_the_pipe_capacity_adds_no_delay(
    virtual_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = RawFormat(format="s16le", rate=44100, channels=2)  # the pipe holds 0.37 s
    backlog, step = round(0.8 * 44100), 2205
    writes = [(0.0, bytes(4 * backlog))]
    writes += [(0.05 * (k + 1), bytes(4 * step)) for k in range(24)]
    pipe = SimulatedPipe(virtual_time, writes)
    virtual_time.now += 0.2  # before the pipe is read
    pipe.read_all(layout, monkeypatch)
    late = [at - (end / 44100 - 0.8) for end, at in pipe.arrivals if end > 1.5 * 44100]
    assert late
    assert max(late) < 0.15


def test_a_pause_of_the_writer_is_not_a_gap_and_allows_no_read_ahead(
    virtual_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = [(0.0, NOISE[:3200].tobytes()), (1.0, NOISE[3200:16000].tobytes())]
    pipe = SimulatedPipe(virtual_time, writes)
    pipe.read_all(MONO, monkeypatch)
    after = [(end, at) for end, at in pipe.arrivals if end > 3200]
    assert after[0][1] == pytest.approx(1.0)
    assert after[-1][0] == 16000
    assert after[-1][1] - after[0][1] > 0.8 - MAX_READ_AHEAD_S - 0.05


async def test_a_pipe_is_read_completely_and_without_gaps(pipe: tuple[int, int]) -> None:
    samples = NOISE[:16000]
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        assert (source.name, source.rate, source.live) == ("stdin", 16000, True)
        writer = threading.Thread(target=write_paced, args=(pipe[1], samples))
        writer.start()
        blocks = await all_blocks(source)
        assert source.gaps == 0
    writer.join()
    assert gapless(blocks)
    assert np.array_equal(joined(blocks), samples)


async def test_reading_an_idle_pipe_is_cancelled_at_once(pipe: tuple[int, int]) -> None:
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        task = asyncio.create_task(all_blocks(source))
        await asyncio.sleep(0.1)
        task.cancel()
    assert not capture_threads()  # none still blocked in a read


async def test_a_wrong_format_and_an_empty_pipe_are_errors(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"RIFF" + bytes(100))
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        with pytest.raises(AudioError, match="cannot decode standard input: it is a WAV file"):
            await all_blocks(source)
    os.close(pipe[1])
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        with pytest.raises(AudioError, match="without a single sample"):
            await all_blocks(source)


PROGRAM = """
import asyncio, sys
from streamer.audio import open_source
from streamer.audio.ring_buffer import RingBuffer
from streamer.config.models import RawFormat, Zone
from streamer.errors import StreamerError

async def main():
    zone = Zone(input="-", channels=(2,), raw=RawFormat(format="s16le", rate=8000, channels=2))
    async with open_source(zone) as source:
        count = 0
        async for block in source.blocks():
            count += len(block.samples)
        print(count, source.gaps, source.clipped)

try:
    asyncio.run(main())
except StreamerError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def run(data: bytes | None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_a_pipe_into_a_process_is_read_completely() -> None:
    samples = np.zeros((4000, 2), "<i2")
    samples[:10, 1] = 32767
    done = run(samples.tobytes() + b"x")
    assert done.returncode == 0
    assert done.stdout.split() == [b"4000", b"0", b"10"]
    assert b"Traceback" not in done.stderr


def test_empty_standard_input_is_a_one_line_error() -> None:
    done = run(None)
    assert done.returncode == 1
    assert done.stderr.startswith(
        b"AudioError: cannot decode standard input: it ended without a single sample"
    )
    assert done.stderr.count(b"\n") == 1


def test_a_process_ends_while_its_pipe_is_idle() -> None:
    program = PROGRAM.replace("asyncio.run(main())", "asyncio.run(asyncio.wait_for(main(), 0.5))")
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.wait(timeout=30) == 1
        assert process.stderr is not None
        assert b"TimeoutError" in process.stderr.read()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
async def test_a_terminal_or_closed_standard_input_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leader, follower = os.openpty()
    with os.fdopen(leader), os.fdopen(follower) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(UsageError, match="is a terminal; pipe raw samples"):
            async with open_source(Zone(input="-")):
                pass
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input: it is closed"):
        async with open_source(Zone(input="-")):
            pass
