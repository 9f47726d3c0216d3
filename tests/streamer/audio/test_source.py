"""Sources: real-time playback, gaps, cancellation, errors."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.audio import Block, Source, open_audio_file, open_source
from streamer.audio.file_input import FileInput
from streamer.audio.ring_buffer import RingBuffer
from streamer.config.models import Zone
from streamer.errors import AudioError, UsageError

pytestmark = pytest.mark.long

MakeFile = Callable[..., Path]


async def all_blocks(source: Source) -> list[Block]:
    return [block async for block in source.blocks()]


async def first_blocks(source: Source, seconds: float) -> list[Block]:
    """Return the blocks of the first `seconds` of audio."""
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


def capture_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("capture ")]


# Files


async def test_a_file_is_played_in_real_time_and_completely(make_file: MakeFile) -> None:
    path = make_file("x.wav", seconds=1.5)
    async with open_source(Zone(input=str(path))) as source:
        assert (source.name, source.rate, source.live) == ("x.wav", 44100, False)
        begin = time.monotonic()
        blocks = await all_blocks(source)
        assert time.monotonic() - begin > 1.45
        assert (source.gaps, source.overruns, source.drift_ppm) == (0, 0, 0)
        assert (source.non_finite, source.clipped) == (0, 0)
    assert gapless(blocks)
    with open_audio_file(path) as file:
        assert np.array_equal(joined(blocks), joined(list(file.blocks())))


async def test_a_block_never_arrives_before_it_has_played(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav")))) as source:
        early = []
        first = None
        async for block in source.blocks():
            first = first or block
            early.append(block.captured + len(block.samples) / source.rate - time.monotonic())
            assert block.captured == pytest.approx(first.captured + block.start_sample / 44100)
    assert max(early) < 1e-4


def play(
    file_input: FileInput, time: Any, after_write: Callable[[RingBuffer], None] = lambda _: None
) -> tuple[RingBuffer, list[tuple[int, float]]]:
    """Play a file in virtual time; return the ring, and when its head reached each sample."""
    ring, played, started = RingBuffer(1 << 20, max_wait=11025), [], time.now

    def wake() -> None:
        played.append((ring.head, time.now - started))
        after_write(ring)

    file_input.run(ring, wake, time)
    file_input.close()
    return ring, played


def test_a_file_is_played_when_it_is_due(make_file: MakeFile, virtual_time: Any) -> None:
    ring, played = play(FileInput(make_file("x.wav"), (), loop=False), virtual_time)
    assert [at for _, at in played] == pytest.approx([n / 44100 for n, _ in played], abs=1e-3)
    assert np.diff([n for n, _ in played]).max() == 882
    assert played[-1][0] == ring.head == 44100


async def test_a_looped_file_is_one_continuous_stream(make_file: MakeFile) -> None:
    path = make_file("x.wav", seconds=0.21, rate=8000, channels=1)
    async with open_source(Zone(input=str(path), loop=True)) as source:
        blocks = await first_blocks(source, 0.8)
        assert source.gaps == 0
    with open_audio_file(path) as file:
        once = joined(list(file.blocks()))
    samples = joined(blocks)
    assert gapless(blocks)
    assert np.array_equal(samples, np.tile(once, 5)[: len(samples)])


async def test_the_demo_always_loops(make_file: MakeFile, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamer.demo

    monkeypatch.setattr(streamer.demo, "PIECE", make_file("demo.wav", seconds=0.1))
    async with open_source(Zone(input="demo", loop=False)) as source:
        assert source.name == "demo"
        assert gapless(await first_blocks(source, 0.3))


async def test_leaving_the_context_stops_the_capture_at_once(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav", seconds=30)))) as source:
        await first_blocks(source, 0.1)
        assert capture_threads()
    assert not capture_threads()


async def test_an_unread_source_leaves_no_thread_behind(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav")))):
        pass
    assert not capture_threads()
    gc.collect()


async def test_cancelling_the_reader_stops_the_capture(make_file: MakeFile) -> None:
    async def listen() -> None:
        async with open_source(Zone(input=str(make_file("x.wav", seconds=30)))) as source:
            await all_blocks(source)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not capture_threads()


async def test_a_late_reader_sees_one_gap_and_continues(make_file: MakeFile) -> None:
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


def test_after_a_stall_playback_continues_without_racing(
    make_file: MakeFile, virtual_time: Any, caplog: pytest.LogCaptureFixture
) -> None:
    file_input = FileInput(make_file("x.wav", rate=8000, channels=1), (), loop=False)

    def stall(ring: RingBuffer) -> None:
        if ring.head == 3200:
            virtual_time.now += 5.0

    ring, played = play(file_input, virtual_time, stall)
    steps = np.diff([at for _, at in played])
    assert np.count_nonzero(steps > 1) == 1
    assert steps.max() == pytest.approx(5, abs=0.2)
    assert played[-1] == (8000, pytest.approx(6.0, abs=0.1))
    assert len(ring.read(8000)[1]) == 8000  # no gap
    assert "stalled for 5.0 s" in caplog.text


async def test_damage_in_a_file_is_a_gap(make_file: MakeFile) -> None:
    path = make_file("x.m4a", codec="aac")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(4).bytes(2000)
    path.write_bytes(content)
    async with open_source(Zone(input=str(path))) as source:
        blocks = await all_blocks(source)
        assert source.gaps > 0
        assert source.overruns == 0
    assert not gapless(blocks)


async def test_an_error_during_playback_is_raised_after_the_captured_blocks(
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


async def test_an_invalid_url_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(
        UsageError, match="gopher streams are not supported; give a URL that begins"
    ):
        async with open_source(Zone(input="gopher://x/y.mp3")):
            pass


async def test_a_missing_file_and_a_missing_channel_are_refused_on_opening(
    make_file: MakeFile,
) -> None:
    with pytest.raises(AudioError, match="does not exist"):
        async with open_source(Zone(input="nowhere.wav")):
            pass
    with pytest.raises(UsageError, match="has 2 channels"):
        async with open_source(Zone(input=str(make_file("x.wav")), channels=(3,))):
            pass


async def test_the_event_loop_is_not_blocked(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav", seconds=1.0)))) as source:
        task = asyncio.create_task(all_blocks(source))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.005)
            turns += 1
        await task
    assert turns > 20  # of some 200 in one second of audio


async def test_a_reader_is_not_woken_before_its_sample(make_file: MakeFile) -> None:
    async with open_source(Zone(input=str(make_file("x.wav", seconds=1.5)))) as source:
        source.wake_at = 1001
        blocks = []
        async for block in source.blocks():
            blocks.append(block)
            assert block.end_sample >= min(source.wake_at, 66150)
            source.wake_at = block.end_sample // 5000 * 5000 + 5000 + 1001
    assert gapless(blocks)


def test_a_file_is_written_up_to_the_sample_at_which_the_reader_is_woken(
    make_file: MakeFile, virtual_time: Any
) -> None:
    def read(ring: RingBuffer) -> None:
        ring.read(1 << 20)
        ring.wake_at = ring.head // 5000 * 5000 + 5000 + 1001

    file_input = FileInput(make_file("x.wav", seconds=1.5), (), loop=False)
    _, played = play(file_input, virtual_time, read)
    heads = [head for head, _ in played]
    assert heads[1:-1] == [6001 + 5000 * k for k in range(13)]


async def test_a_block_is_delayed_by_at_most_a_quarter_of_a_second(
    make_file: MakeFile,
) -> None:
    async with open_source(Zone(input=str(make_file("x.wav", seconds=1.1)))) as source:
        source.wake_at = 10**9
        blocks = await all_blocks(source)
    assert gapless(blocks)
    assert max(len(block.samples) for block in blocks) == 11025
    assert len(blocks) <= 10
