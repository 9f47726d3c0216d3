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

from streamer.audio import Block, Source, open_source
from streamer.audio.raw_input import MAX_READ_AHEAD_S, MAX_READ_SPEED, MAX_STARTUP_BACKLOG_S
from streamer.config.models import RawFormat, Zone
from streamer.errors import AudioError, UsageError

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


async def test_a_live_pipe_is_heard_as_it_comes(pipe: tuple[int, int]) -> None:
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


async def test_what_waited_in_the_pipe_makes_nothing_late(pipe: tuple[int, int]) -> None:
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


async def test_what_the_pipe_could_not_hold_makes_nothing_late_either(
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


async def test_a_pause_of_the_writer_is_no_gap_and_gives_no_credit(pipe: tuple[int, int]) -> None:
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


async def test_a_silent_pipe_can_be_left_at_once(pipe: tuple[int, int]) -> None:
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        task = asyncio.create_task(heard(source))
        await asyncio.sleep(0.1)
        task.cancel()
        begin = time.monotonic()
    assert time.monotonic() - begin < 0.6
    assert not capture_threads()


async def test_a_wrong_format_and_no_data_are_errors(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"RIFF" + bytes(100))
    async with open_source(Zone(input="-", raw=MONO), descriptor=pipe[0]) as source:
        with pytest.raises(AudioError, match="carries a WAV file"):
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


def test_a_real_pipe_into_a_real_process() -> None:
    sound = np.zeros((4000, 2), "<i2")
    sound[:10, 1] = 32767
    done = run(sound.tobytes() + b"x")
    assert done.returncode == 0
    assert done.stdout.split() == [b"4000", b"0", b"10"]
    assert b"Traceback" not in done.stderr


def test_nothing_on_standard_input_is_one_line() -> None:
    done = run(None)
    assert done.returncode == 1
    assert done.stderr.startswith(b"AudioError: standard input ended without a single sample")
    assert done.stderr.count(b"\n") == 1


def test_a_process_ends_though_its_pipe_stays_silent() -> None:
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
async def test_a_terminal_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    with os.fdopen(leader), os.fdopen(follower) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(UsageError, match="is a terminal; pipe raw samples"):
            async with open_source(Zone(input="-")):
                pass
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input is closed"):
        async with open_source(Zone(input="-")):
            pass
