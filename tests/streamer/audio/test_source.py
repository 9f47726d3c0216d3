import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from streamer.audio import Block, Source, open_sound_file, open_source
from streamer.audio.pipe import BACKLOG, HASTE, LEAD
from streamer.config.models import RawFormat, Zone
from streamer.errors import AudioError, UsageError

MakeFile = Callable[..., Path]
MONO = RawFormat(format="f32le", rate=16000, channels=1)


async def heard(source: Source) -> list[Block]:
    return [block async for block in source.blocks()]


async def some(source: Source, seconds: float) -> list[Block]:
    """Give the blocks of the first `seconds` of sound."""
    blocks: list[Block] = []
    iterator = source.blocks()
    async for block in iterator:
        blocks.append(block)
        if block.end_sample >= seconds * source.rate:
            break
    await iterator.aclose()
    return blocks


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


# Files


async def test_a_file_takes_as_long_as_it_lasts_and_is_heard_whole(make_file: MakeFile) -> None:
    path = make_file("x.wav", seconds=1.5)
    async with open_source(Zone(input=str(path))) as source:
        assert (source.name, source.rate, source.live) == ("x.wav", 44100, False)
        begin = time.monotonic()
        blocks = await heard(source)
        assert time.monotonic() - begin == pytest.approx(1.5, abs=0.15)
        assert (source.gaps, source.overruns, source.drift_ppm) == (0, 0, 0)
        assert (source.non_finite, source.clipped) == (0, 0)
    assert gapless(blocks)
    assert max(len(block.samples) for block in blocks) <= 882
    with open_sound_file(path) as sound:
        assert np.array_equal(joined(blocks), joined(list(sound.blocks())))


async def test_a_block_is_there_once_it_was_played_and_never_before(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav")))) as source:
        late = []
        first = None
        async for block in source.blocks():
            first = first or block
            late.append(time.monotonic() - (block.captured + len(block.samples) / source.rate))
            assert block.captured == pytest.approx(first.captured + block.start_sample / 44100)
    assert min(late) > -1e-4
    assert np.median(late) < 0.02


async def test_a_looping_file_is_one_stream(make_file: MakeFile) -> None:
    path = make_file("x.wav", seconds=0.21, rate=8000, channels=1)
    async with open_source(Zone(input=str(path), loop=True)) as source:
        blocks = await some(source, 0.8)
        assert source.gaps == 0
    with open_sound_file(path) as sound:
        once = joined(list(sound.blocks()))
    samples = joined(blocks)
    assert gapless(blocks)
    assert np.array_equal(samples, np.tile(once, 5)[: len(samples)])


async def test_the_demo_loops_whatever_the_zone_says(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    import streamer.demo

    monkeypatch.setattr(streamer.demo, "PIECE", make_file("demo.wav", seconds=0.1))
    async with open_source(Zone(input="demo", loop=False)) as source:
        assert source.name == "demo"
        assert gapless(await some(source, 0.3))


async def test_leaving_ends_the_capture_at_once(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav", seconds=30)))) as source:
        await some(source, 0.1)
        assert capture_threads()
        begin = time.monotonic()
    assert time.monotonic() - begin < 0.5
    assert not capture_threads()


async def test_a_source_that_nobody_listens_to_leaves_nothing_behind(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav")))):
        pass
    assert not capture_threads()
    gc.collect()


async def test_a_cancelled_listener_ends_the_capture(make_file: MakeFile) -> None:
    async def listen() -> None:
        async with open_source(Zone(input=str(make_file("x.wav", seconds=30)))) as source:
            await heard(source)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not capture_threads()


async def test_a_late_reader_finds_one_gap_and_goes_on(make_file: MakeFile) -> None:
    path = make_file("x.wav", seconds=2.5, rate=8000, channels=1)
    async with open_source(Zone(input=str(path))) as source:
        source._ring = type(source._ring)(8000)
        blocks = source.blocks()
        await anext(blocks)
        time.sleep(1.3)  # noqa: ASYNC251 - the event loop itself is stuck
        rest = [block async for block in blocks]
        assert (source.gaps, source.overruns) == (1, 1)
    assert rest[0].start_sample > 2000
    assert rest[-1].end_sample == 20000


async def test_after_a_stall_a_file_goes_on_and_does_not_race(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock leaps 5 s ahead while nothing was played, as after a frozen process."""
    leap = 0.0
    real = time.monotonic
    leaping = SimpleNamespace(monotonic=lambda: real() + leap)
    monkeypatch.setattr("streamer.audio.playback.time", leaping)
    path = make_file("x.wav", seconds=1.0, rate=8000, channels=1)
    async with open_source(Zone(input=str(path))) as source:
        captured, begin = [], real()
        async for block in source.blocks():
            captured.append(block.captured)
            if block.start_sample == 3200:
                leap = 5.0
        assert real() - begin > 0.9
        assert source.gaps == 0
    steps = np.diff(captured)
    assert np.count_nonzero(steps > 1) == 1
    assert steps.max() == pytest.approx(5, abs=0.2)
    assert "stalled" in caplog.text


async def test_damage_in_a_file_is_a_gap(make_file: MakeFile) -> None:
    path = make_file("x.m4a", codec="aac")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(4).bytes(2000)
    path.write_bytes(content)
    async with open_source(Zone(input=str(path))) as source:
        blocks = await heard(source)
        assert source.gaps > 0
        assert source.overruns == 0
    assert not gapless(blocks)


async def test_an_error_while_it_plays_is_raised_after_what_was_heard(
    make_file: MakeFile,
) -> None:
    path = make_file("x.wav", seconds=0.1)
    async with open_source(Zone(input=str(path), loop=True)) as source:
        path.unlink()
        blocks = source.blocks()
        first = [await anext(blocks) for _ in range(5)]
        with pytest.raises(AudioError, match="does not exist"):
            await anext(blocks)
    assert len(joined(first)) == 4410


async def test_a_url_that_cannot_be_meant_is_told_before_anything_is_opened() -> None:
    with pytest.raises(UsageError, match="gopher streams cannot be heard; give a URL that begins"):
        async with open_source(Zone(input="gopher://x/y.mp3")):
            pass


async def test_a_missing_file_and_a_missing_channel_are_told_at_once(make_file: MakeFile) -> None:
    with pytest.raises(AudioError, match="does not exist"):
        async with open_source(Zone(input="nowhere.wav")):
            pass
    with pytest.raises(UsageError, match="has 2 channels"):
        async with open_source(Zone(input=str(make_file("x.wav")), channels=(3,))):
            pass


async def test_the_event_loop_stays_free(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav", seconds=1.0)))) as source:
        task = asyncio.create_task(heard(source))
        waits = []
        while not task.done():
            begin = time.monotonic()
            await asyncio.sleep(0.005)
            waits.append(time.monotonic() - begin)
        await task
    assert np.median(waits) < 0.02


# Standard input


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
            block.end_sample / 16000 / HASTE - (time.monotonic() - begin)
            async for block in source.blocks()
        ]
    writer.join()
    assert time.monotonic() - begin > 3.0 / HASTE - LEAD - BACKLOG - 0.02
    assert max(ahead) <= LEAD + BACKLOG + 0.001


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
    assert after[-1][2] - after[0][2] > 0.8 - LEAD - 0.05
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
