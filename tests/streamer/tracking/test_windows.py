import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damer.views import FrontEndSpec
from streamer.audio import Block
from streamer.tracking.windows import WindowStream

SPEC = FrontEndSpec(window_frames=44)
RATE = SPEC.sample_rate


@pytest.fixture(scope="module")
def sound(music):
    """Three seconds at 44.1 kHz, the last one silent."""
    sound = music(3, 44100)
    sound[2 * 44100 :] = 0
    return sound


def cut(sound, sizes, *, rate=44100, start=0, captured=100.0):
    """Cut audio into blocks of the given sizes, repeated, captured without jitter."""
    begin = 0
    for size in itertools.cycle(sizes):
        if begin >= len(sound):
            return
        first = start + begin
        yield Block(sound[begin : begin + size], first, captured + first / rate)
        begin += size


def windows_of(blocks, *, source_rate=44100, rate=10.0):
    stream = WindowStream(source_rate, SPEC, rate)
    return [window for block in blocks for window in stream.push(block)]


def bits(window):
    return (
        window.tick,
        window.end_sample,
        window.mel.tobytes(),
        window.cochleagram.tobytes(),
        window.warm,
        window.level,
        window.silence,
    )


def views(window):
    return window.mel.tobytes(), window.cochleagram.tobytes()


class TestBlocks:
    @settings(max_examples=25)
    @given(
        sizes=st.lists(st.integers(1, 88200), min_size=1, max_size=20).filter(
            lambda sizes: sum(sizes) > 50 * len(sizes)
        )
    )
    def test_block_sizes_do_not_change_a_bit_of_the_windows(self, sound, sizes):
        whole = windows_of(cut(sound, [len(sound)]))
        parts = windows_of(cut(sound, sizes))
        assert list(map(bits, parts)) == list(map(bits, whole))
        for part, window in zip(parts, whole, strict=True):
            assert part.captured == pytest.approx(window.captured, abs=1e-6)

    @pytest.mark.long
    def test_blocks_of_single_samples_do_not_change_a_bit(self, sound):
        sound = sound[:50000]
        assert list(map(bits, windows_of(cut(sound, [1])))) == list(
            map(bits, windows_of(cut(sound, [50000])))
        )

    def test_an_empty_block_changes_nothing(self, sound):
        blocks = [sound[:30000], sound[30000:30000], sound[30000:]]
        starts = [0, 30000, 30000]
        parts = windows_of(
            Block(part, at, at / 44100) for part, at in zip(blocks, starts, strict=True)
        )
        assert list(map(bits, parts)) == list(map(bits, windows_of(cut(sound, [len(sound)]))))


class TestPrefix:
    @settings(max_examples=15)
    @given(end=st.integers(RATE, 3 * RATE), seed=st.integers(0, 99))
    def test_a_window_does_not_change_when_later_samples_do(self, music, end, seed):
        sound = music(3, RATE)
        other = sound.copy()
        other[end:] = music(3, RATE, seed=seed)[end:] * 2
        ticks_within = math.floor(end * 10 / RATE) - 9
        first = windows_of(cut(sound, [len(sound)], rate=RATE), source_rate=RATE)[:ticks_within]
        second = windows_of(cut(other, [1000], rate=RATE), source_rate=RATE)[:ticks_within]
        assert len(first) == ticks_within
        assert list(map(bits, first)) == list(map(bits, second))

    def test_a_window_is_made_at_its_tick_without_later_audio(self, sound):
        until = 2 * 44100
        windows = windows_of(cut(sound[:until], [441]))
        assert [window.tick for window in windows] == list(range(10, 21))
        complete = windows_of(cut(sound, [441]))
        assert list(map(bits, windows)) == list(map(bits, complete))[: len(windows)]

    @pytest.mark.parametrize("source_rate", [44100, 48000, 96000])
    def test_a_window_ends_a_frame_and_the_resampler_before_its_tick(self, music, source_rate):
        blocks = cut(music(3, source_rate), [960], rate=source_rate)
        for window in windows_of(blocks, source_rate=source_rate):
            assert 0 <= window.tick / 10 - window.end_sample / RATE < SPEC.hop / RATE + 0.0039

    def test_windows_are_copies(self, sound):
        stream = WindowStream(44100, SPEC, 10.0)
        [first, *_] = [w for block in cut(sound[:60000], [441]) for w in stream.push(block)]
        before = bits(first)
        for block in cut(sound[60000:], [441], start=60000):
            stream.push(block)
        assert bits(first) == before


class TestTicks:
    @pytest.mark.parametrize("rate", [0.7, 3.0, 9.99, 20.0])
    def test_a_window_is_made_as_soon_as_its_last_frame_is_complete(self, music, rate):
        sound = music(5, RATE)
        stream = WindowStream(RATE, SPEC, rate)
        tick, position = math.ceil(rate), 0
        while (at := math.floor(tick * RATE / rate)) <= len(sound):
            end = at // SPEC.hop * SPEC.hop
            before = Block(sound[position : end - 1], position, position / RATE)
            last = Block(sound[end - 1 : end], end - 1, (end - 1) / RATE)
            assert stream.push(before) == []
            [window] = stream.push(last)
            assert window.tick == tick
            assert window.end_sample == end
            tick, position = tick + 1, end
        assert tick - math.ceil(rate) == math.floor(5 * rate) - math.ceil(rate) + 1

    @pytest.mark.parametrize("source_rate", [8000, 16000, 44099, 44100, 48000, 192000])
    def test_resampling_delays_windows_by_half_the_filter(self, music, source_rate):
        stream = WindowStream(source_rate, SPEC, 10.0)
        half = 83.6 / min(source_rate, RATE)
        size = source_rate // 2000
        for block in cut(music(3, source_rate), [size], rate=source_rate):
            for window in stream.push(block):
                late = block.end_sample / source_rate - window.end_sample / RATE
                assert half - 1e-4 < late < half + (size + 4) / source_rate

    @pytest.mark.parametrize("rate", [0.7, 3.0, 9.99, 10.0, 20.0])
    @pytest.mark.parametrize("source_rate", [44100, 48000, 8000])
    def test_the_first_estimate_comes_after_one_second(self, music, rate, source_rate):
        windows = windows_of(
            cut(music(4, source_rate), [441], rate=source_rate), source_rate=source_rate, rate=rate
        )
        ends = [math.floor(window.tick * RATE / rate) for window in windows]
        assert RATE <= ends[0] < RATE + RATE / rate
        assert [window.tick for window in windows] == [
            windows[0].tick + k for k in range(len(windows))
        ]

    def test_a_window_has_the_last_complete_frames(self, sound):
        from damer.views import FrontEnd

        windows = windows_of(cut(sound[::2], [4410], rate=RATE), source_rate=RATE)
        frames = FrontEnd(SPEC).push(sound[::2])
        for window in windows:
            last = window.end_sample // SPEC.hop
            np.testing.assert_array_equal(window.mel.T, frames.mel[last - 44 : last])
            np.testing.assert_array_equal(
                window.cochleagram.T, frames.cochleagram[last - 44 : last]
            )

    def test_another_rate_applies_from_the_next_tick(self, sound):
        stream = WindowStream(44100, SPEC, 3.0)
        blocks = list(cut(sound, [441]))
        for block in blocks[:170]:
            stream.push(block)
        stream.set_rate(20.0)
        given = [window for block in blocks[170:] for window in stream.push(block)]
        ticks = [window.tick for window in given]
        assert ticks == list(range(ticks[0], 61))
        assert 0 <= ticks[0] - 1.7 * 20 <= 1.5

    def test_a_tick_stride_keeps_the_numbers_and_windows_of_the_other_ticks(self, sound):
        whole = {window.tick: bits(window) for window in windows_of(cut(sound, [441]))}
        stream = WindowStream(44100, SPEC, 10.0)
        given = []
        for number, block in enumerate(cut(sound, [441])):
            if number in (130, 200):
                stream.set_tick_stride({130: 4, 200: 1}[number])
            given += stream.push(block)
        assert [window.tick for window in given] == [*range(10, 15), 18, *range(21, 31)]
        assert all(bits(window) == whole[window.tick] for window in given)

    def test_the_next_tick_sample_is_where_the_next_window_is_made(self, sound):
        stream = WindowStream(44100, SPEC, 10.0, origin=12345)
        rest = sound
        position = 0
        while (until := stream.next_tick_sample - position) <= len(rest):
            assert stream.push(Block(rest[: until - 1], position, 0.0)) == []
            [window] = stream.push(Block(rest[until - 1 : until], position + until - 1, 0.0))
            assert 0 <= window.tick * 2205 - window.end_sample < SPEC.hop + 90
            rest, position = rest[until:], position + until
        assert position > 2.8 * 44100


class TestWarmUp:
    def test_missing_frames_are_those_of_digital_silence(self, sound):
        spec = FrontEndSpec(window_frames=258)
        stream = WindowStream(44100, spec, 10.0)
        window = stream.push(Block(sound, 0, 0.0))[0]
        missing = 258 - window.end_sample // spec.hop
        assert np.all(window.mel[:, :missing] == np.float32(math.log(spec.mel_floor)))
        assert np.all(window.cochleagram[:, :missing] == 0)
        assert np.any(window.cochleagram[:, missing:] != 0)

    def test_warm_rises_to_one_as_the_window_fills(self, music):
        spec = FrontEndSpec(window_frames=200)
        stream = WindowStream(RATE, spec, 10.0)
        windows = stream.push(Block(music(4, RATE), 0, 0.0))
        for window in windows:
            assert window.warm == pytest.approx(min(1, window.end_sample / (200 * spec.hop)))
        assert windows[0].warm < 0.5
        assert windows[-1].warm == 1.0


class TestGaps:
    def after_gap(self, sound, start, *, rate=10.0):
        """Windows after a gap, and those of a stream that begins there."""
        stream = WindowStream(44100, SPEC, rate)
        for block in cut(sound[: 44100 * 3 // 2], [441]):
            stream.push(block)
        rest = list(cut(sound, [882], start=start))
        after = [window for block in rest for window in stream.push(block)]
        assert stream.gaps == 1
        return after, windows_of(rest, rate=rate)

    @pytest.mark.parametrize("start", [66151, 100000, 44100 * 3600 + 17])
    @pytest.mark.parametrize("rate", [3.0, 10.0])
    def test_after_a_gap_everything_starts_again(self, sound, start, rate):
        after, fresh = self.after_gap(sound, start, rate=rate)
        assert after
        assert list(map(bits, after)) == list(map(bits, fresh))

    def test_zone_time_advances_by_the_gap_and_ticks_stay_on_the_grid(self, sound):
        start = 44100 * 60 + 1001
        after, _ = self.after_gap(sound, start)
        origin = start * RATE // 44100
        assert after[0].tick == math.ceil((origin + RATE) * 10 / RATE)
        for window in after:
            late = window.tick / 10 - window.end_sample / RATE
            assert 0 <= late < SPEC.hop / RATE + 0.0039
            assert (window.end_sample - origin) % SPEC.hop == 0
            assert window.captured == pytest.approx(100 + window.end_sample / RATE, abs=1e-4)

    def test_warm_starts_again_after_a_gap(self, sound):
        spec = FrontEndSpec(window_frames=100)
        stream = WindowStream(44100, spec, 10.0)
        before = [w for block in cut(sound, [441]) for w in stream.push(block)]
        after = [w for block in cut(sound, [441], start=10**6) for w in stream.push(block)]
        assert before[-1].warm == after[-1].warm == 1.0
        assert 0.85 < after[0].warm < 1

    def test_a_first_block_in_the_middle_of_its_source_is_no_gap(self, sound):
        stream = WindowStream(44100, SPEC, 10.0)
        stream.push(Block(sound, 12345, 0.0))
        assert stream.gaps == 0

    def test_silence_lasts_over_a_gap_until_there_is_sound(self, sound):
        stream = WindowStream(44100, SPEC, 10.0)
        silence = np.zeros(2 * 44100, np.float32)
        assert stream.push(Block(silence, 0, 0.0))[-1].silence
        assert stream.push(Block(silence, 200000, 4.5))[0].silence
        assert not stream.push(Block(sound, 500000, 11.3))[0].silence


class TestCaptureTime:
    @pytest.mark.parametrize("source_rate", [22050, 44100, 48000])
    def test_it_is_that_of_the_end_of_the_window(self, music, source_rate):
        windows = windows_of(
            cut(music(3, source_rate), [960], rate=source_rate, captured=500.0),
            source_rate=source_rate,
        )
        for window in windows:
            assert window.captured == pytest.approx(500 + window.end_sample / RATE, abs=5e-5)

    @pytest.mark.parametrize("source_rate", [44100, 48000])
    def test_it_follows_the_clock_of_the_blocks(self, music, source_rate):
        slow = 1.0005
        blocks = [
            Block(block.samples, block.start_sample, 7 + block.start_sample / source_rate * slow)
            for block in cut(music(3, source_rate), [960], rate=source_rate)
        ]
        for window in windows_of(blocks, source_rate=source_rate):
            expected = 7 + window.end_sample / RATE * slow
            assert window.captured == pytest.approx(expected, abs=5e-5)


def test_recent_frames_are_those_of_the_window(sound):
    stream = WindowStream(44100, SPEC, 10.0)
    windows = [window for block in cut(sound, [4410, 441, 7000]) for window in stream.push(block)]
    late = stream.frame_count - windows[-1].end_sample // SPEC.hop  # after the last tick
    recent = stream.recent_frames(20 + late)
    assert recent.mel.shape == (20 + late, SPEC.mel_bands)
    for frames, view in zip(recent, (windows[-1].mel, windows[-1].cochleagram), strict=True):
        np.testing.assert_array_equal(frames[:20].T, view[:, -20:])
    assert len(stream.recent_frames(10_000).mel) == SPEC.window_frames
