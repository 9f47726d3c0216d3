import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio import Block, Source, open_source
from streamer.audio.cleaning import Cleaner
from streamer.audio.raw_input import (
    MAX_READ_AHEAD_S,
    MAX_READ_SPEED,
    MAX_STARTUP_BACKLOG_S,
    RawDecoder,
)
from streamer.config.models import RawFormat, Zone
from streamer.errors import AudioError, UsageError

# RawDecoder

STEREO = RawFormat(format="s16le", rate=44100, channels=2)
FLOATS = RawFormat(format="f32le", rate=48000, channels=3)
MUSIC = np.random.default_rng(2).normal(0, 0.1, (3000, 2)).clip(-0.9, 0.9)


def s16(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def f32(samples: np.ndarray) -> bytes:
    return samples.astype("<f4").tobytes()


@given(st.sampled_from([STEREO, FLOATS]), st.lists(st.integers(0, 700), max_size=40))
@settings(deadline=None)
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
    ("head", "what"), [(b"RIFF", "WAV"), (b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b"ID3\x04", "MP3")]
)
def test_a_container_file_in_the_pipe_is_named(layout: RawFormat, head: bytes, what: str) -> None:
    decoder = RawDecoder(layout, (), Cleaner())
    decoder.push(head[:2])
    with pytest.raises(AudioError, match=f"it is an? {what} file, not raw.*decode it"):
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


async def heard(source: Source) -> list[Block]:
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


def feed(descriptor: int, sound: np.ndarray, step: float, burst: int, rate: int = 16000) -> None:
    """Write `burst` samples every `step` seconds, then close."""
    begin = time.monotonic()
    try:
        for count, start in enumerate(range(0, len(sound), burst), 1):
            os.write(descriptor, sound[start : start + burst].astype("<f4").tobytes())
            time.sleep(max(begin + count * step - time.monotonic(), 0))
    except OSError:
        return
    os.close(descriptor)


NOISE = np.random.default_rng(3).normal(0, 0.1, 16000 * 4).clip(-0.9, 0.9).astype(np.float32)


async def test_a_live_pipe_is_read_as_it_is_written(pipe: tuple[int, int]) -> None:
    sound = NOISE[:24000]
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        assert (source.name, source.rate, source.live) == ("stdin", 16000, True)
        writer = threading.Thread(target=feed, args=(pipe[1], sound, 0.05, 800))
        begin = time.monotonic()
        writer.start()
        blocks = await heard(source)
        assert source.gaps == 0
    writer.join()
    assert gapless(blocks)
    assert np.array_equal(joined(blocks), sound)
    assert time.monotonic() - begin == pytest.approx(1.5, abs=0.4)
    first, last = blocks[0], blocks[-1]
    assert last.captured - first.captured == pytest.approx(last.start_sample / 16000, abs=0.1)


async def test_a_fast_pipe_is_held_back_to_real_time(pipe: tuple[int, int]) -> None:
    sound = np.resize(NOISE, 48000)
    writer = threading.Thread(target=feed, args=(pipe[1], sound, 0.0, 4000))
    writer.start()
    begin = time.monotonic()
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        ahead = [
            block.end_sample / 16000 / MAX_READ_SPEED - (time.monotonic() - begin)
            async for block in source.blocks()
        ]
    writer.join()
    most = MAX_READ_AHEAD_S + MAX_STARTUP_BACKLOG_S
    assert time.monotonic() - begin > 3.0 / MAX_READ_SPEED - most - 0.02
    assert max(ahead) <= most + 0.001


async def test_a_backlog_in_the_pipe_adds_no_delay(pipe: tuple[int, int]) -> None:
    sound = np.resize(NOISE, 24000)
    os.write(pipe[1], sound[:12800].tobytes())  # 0.8 s

    def go_on() -> None:
        feed(pipe[1], sound[12800:], 0.05, 800)

    writer = threading.Thread(target=go_on)
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        begin = time.monotonic()
        writer.start()
        arrived = [(block, time.monotonic()) async for block in source.blocks()]
    writer.join()
    late = [at - begin - (block.end_sample - 12800) / 16000 for block, at in arrived]
    assert np.median(late[len(late) * 2 // 3 :]) < 0.15
    assert arrived[-1][0].captured - begin == pytest.approx(0.7, abs=0.2)


async def test_a_backlog_beyond_the_pipe_capacity_adds_no_delay(
    pipe: tuple[int, int],
) -> None:
    layout = RawFormat(format="s16le", rate=44100, channels=2)  # the pipe holds 0.37 s
    sound = np.zeros((2 * 44100, 2), "<i2").tobytes()
    waits = round(0.8 * 44100) * 4

    def write() -> None:
        os.write(pipe[1], sound[:waits])  # as a program that records does once it can
        begun = time.monotonic()
        for k, at in enumerate(range(waits, len(sound), 4 * 2205)):
            time.sleep(max(begun + 0.05 * (k + 1) - time.monotonic(), 0))
            os.write(pipe[1], sound[at : at + 4 * 2205])
        os.close(pipe[1])

    writer = threading.Thread(target=write)
    writer.start()
    await asyncio.sleep(0.2)
    async with open_source(Zone(input="-", raw=layout), descriptor=pipe[0]) as source:
        begun = time.monotonic()
        arrived = [(block.end_sample, time.monotonic() - begun) async for block in source.blocks()]
    writer.join()
    late = [at - (end / 44100 - 0.8) for end, at in arrived if end > 1.5 * 44100]
    assert np.median(late) < 0.15


async def test_a_pause_of_the_writer_is_not_a_gap_and_allows_no_read_ahead(
    pipe: tuple[int, int],
) -> None:
    def write() -> None:
        os.write(pipe[1], NOISE[:3200].tobytes())
        time.sleep(1.0)
        feed(pipe[1], NOISE[3200:16000], 0.0, 12800)

    writer = threading.Thread(target=write)
    writer.start()
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        arrived = [(b.end_sample, b.captured, time.monotonic()) async for b in source.blocks()]
        assert source.gaps == 0
    writer.join()
    after = [a for a in arrived if a[0] > 3200]
    assert after[-1][0] == 16000
    assert after[-1][2] - after[0][2] > 0.8 - MAX_READ_AHEAD_S - 0.05
    before = [a for a in arrived if a[0] <= 3200]
    assert after[-1][1] - before[-1][1] > 1.0


async def test_reading_an_idle_pipe_is_cancelled_at_once(pipe: tuple[int, int]) -> None:
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        task = asyncio.create_task(heard(source))
        await asyncio.sleep(0.1)
        task.cancel()
        begin = time.monotonic()
    assert time.monotonic() - begin < 0.6
    assert not capture_threads()


async def test_a_wrong_format_and_an_empty_pipe_are_errors(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"RIFF" + bytes(100))
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        with pytest.raises(AudioError, match="cannot decode standard input: it is a WAV file"):
            await heard(source)
    os.close(pipe[1])
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        with pytest.raises(AudioError, match="without a single sample"):
            await heard(source)


PROGRAM = """
import asyncio, sys
from streamer.audio import open_source
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
    sound = np.zeros((4000, 2), "<i2")
    sound[:10, 1] = 32767
    done = run(sound.tobytes() + b"x")
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
