import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.capture_clock import PlaybackClock
from streamer.audio.ring_buffer import RingBuffer
from streamer.audio.stream.playout import (
    MAX_RATE_CHANGE,
    RATE_PERIOD_S,
    PlaybackRateController,
    Player,
    PlayoutBuffer,
)

RATE = 8000


def count_from(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)


# The buffer


@given(
    sizes=st.lists(st.integers(-300, 300), max_size=20),
    limits=st.lists(st.integers(1, 200), min_size=1),
)
def test_chunks_keep_their_order_and_gaps_stay_gaps(sizes: list[int], limits: list[int]) -> None:
    buffer = PlayoutBuffer(10_000)
    whole: list[float] = []
    for size in sizes:
        chunk = -size if size < 0 else count_from(len(whole), size)
        assert buffer.put(chunk)
        whole += [-1.0] * chunk if isinstance(chunk, int) else chunk.tolist()
    buffer.finish()
    assert buffer.level == len(whole)
    taken: list[float] = []
    while not buffer.exhausted:
        limit = limits[len(taken) % len(limits)]
        chunk = buffer.get(limit)
        part = [-1.0] * chunk if isinstance(chunk, int) else chunk.tolist()
        assert 0 < len(part) <= limit
        taken += part
    assert taken == whole


def test_a_full_buffer_blocks_the_receiver_until_samples_are_taken() -> None:
    buffer = PlayoutBuffer(100)
    buffer.put(count_from(0, 100))
    put = threading.Event()
    thread = threading.Thread(target=lambda: (buffer.put(count_from(100, 1)), put.set()))
    thread.start()
    assert not put.wait(0.1)
    buffer.get(50)
    assert put.wait(2)
    thread.join()
    assert buffer.pop_was_full()
    assert not buffer.pop_was_full()


def test_closing_the_buffer_releases_a_waiting_receiver() -> None:
    buffer = PlayoutBuffer(1)
    buffer.put(count_from(0, 1))
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(buffer.put(count_from(1, 1))))
    thread.start()
    buffer.close()
    thread.join(2)
    assert results == [False]


def test_waiting_ends_with_enough_samples_or_at_the_end() -> None:
    buffer = PlayoutBuffer(100)
    assert not buffer.wait(1, 0.01)
    buffer.put(count_from(0, 10))
    assert buffer.wait(10, 0)
    assert not buffer.wait(11, 0.01)
    buffer.finish()
    assert buffer.wait(11, 0)
    buffer.get(10)
    assert not buffer.wait(1, 0)
    assert buffer.exhausted


# The clock


def test_the_clock_is_a_line_through_its_anchor() -> None:
    clock = PlaybackClock(RATE)
    clock.anchor(0, 100.0)
    assert clock.time_of(0) == 100.0
    assert clock.time_of(RATE) == pytest.approx(101.0)
    clock.anchor(RATE, clock.time_of(RATE), 1.0001)
    assert clock.time_of(RATE / 2) == pytest.approx(100.5)
    assert clock.time_of(3 * RATE) == pytest.approx(101 + 2 / 1.0001)


# The playback rate


def follow(
    ppm: float, minutes: float, *, jitter: float = 0.0
) -> tuple[PlaybackRateController, list[float]]:
    """Play a buffer that a server fills `ppm` too fast; return its level at every second."""
    controller, random = PlaybackRateController(0.4), np.random.default_rng(0)
    level, levels = 3.0, []
    for _ in range(round(minutes * 60)):
        level += (1 + ppm * 1e-6) - controller.speed
        levels.append(level)
        controller.observe(level + jitter * random.standard_normal(), 1.0)
    return controller, levels


@pytest.mark.parametrize("ppm", [-150, -20, 0, 60, 150])
def test_the_controller_estimates_drift_and_holds_the_level(ppm: float) -> None:
    controller, levels = follow(ppm, 120, jitter=0.05)
    assert controller.drift_ppm == pytest.approx(ppm, abs=10)
    assert np.ptp(levels) < 0.3
    assert abs(controller.speed - 1) <= MAX_RATE_CHANGE


def test_drift_is_not_reported_before_it_is_known() -> None:
    controller, _ = follow(100, 15)
    assert controller.drift_ppm == 0
    controller, _ = follow(100, 30)
    assert controller.drift_ppm == pytest.approx(100, abs=40)


def test_a_burst_is_not_drift() -> None:
    controller, _ = follow(0, 20)
    before = controller.speed
    for _ in range(round(3 * RATE_PERIOD_S)):
        controller.observe(6.0, 1.0)
    assert controller.speed == pytest.approx(before, abs=2e-5)


def test_a_reset_drops_the_drift_estimate() -> None:
    controller, _ = follow(200, 30)
    controller.reset()
    assert (controller.speed, controller.drift_ppm) == (1.0, 0.0)


# The player


class Playing:
    """A player in a thread, and when each sample came out."""

    def __init__(self, prebuffer: float = 0.1) -> None:
        self.buffer = PlayoutBuffer(10 * RATE)
        self.ring = RingBuffer(20 * RATE)
        self.player = Player(self.buffer, RATE, prebuffer, "radio")
        self.stop = threading.Event()
        self.out: list[tuple[int, float]] = []
        self._thread = threading.Thread(
            target=self.player.run,
            args=(
                self.ring,
                lambda: self.out.append((self.ring.head, time.monotonic())),
                self.stop,
            ),
        )

    def __enter__(self) -> "Playing":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.buffer.close()
        self._thread.join(2)
        assert not self._thread.is_alive()

    def until(self, samples: int, seconds: float = 5.0) -> float:
        """Wait for so many samples; return when the last of them came out."""
        deadline = time.monotonic() + seconds
        while self.ring.head < samples:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return next(at for head, at in self.out if head >= samples)


@pytest.fixture
def playing() -> Iterator[Playing]:
    with Playing() as playing:
        yield playing


def test_a_burst_is_played_in_real_time(playing: Playing) -> None:
    begin = time.monotonic()
    playing.buffer.put(count_from(0, 2 * RATE))
    assert playing.until(RATE) - begin == pytest.approx(1.0, abs=0.1)
    clock = playing.player.clock
    late = [at - clock.time_of(head) for head, at in playing.out]
    assert min(late) >= -0.001
    assert np.median(late) < 0.01
    assert np.array_equal(playing.ring.read(RATE)[1], count_from(0, RATE))


def test_playback_starts_once_the_prebuffer_is_full(playing: Playing) -> None:
    playing.buffer.put(count_from(0, RATE // 10 - 1))
    time.sleep(0.25)
    assert playing.ring.head == 0
    playing.buffer.put(count_from(0, 1))
    playing.until(RATE // 10)


def test_an_underrun_delays_audio_and_drops_none(playing: Playing) -> None:
    playing.buffer.put(count_from(0, RATE // 5))
    playing.until(RATE // 5)
    time.sleep(0.3)
    again = time.monotonic()
    playing.buffer.put(count_from(RATE // 5, RATE // 5))
    playing.until(2 * RATE // 5)
    assert playing.player.clock.time_of(RATE // 5) == pytest.approx(again, abs=0.05)
    assert np.array_equal(playing.ring.read(RATE)[1], count_from(0, 2 * RATE // 5))


def test_lost_samples_take_their_time(playing: Playing) -> None:
    begin = time.monotonic()
    for chunk in (count_from(0, RATE // 4), RATE // 2, count_from(0, RATE // 4)):
        playing.buffer.put(chunk)
    playing.buffer.finish()
    assert playing.until(RATE) - begin == pytest.approx(1.0, abs=0.1)
    starts = []
    while len((read := playing.ring.read(RATE))[1]):
        starts.append((read[0], len(read[1])))
    assert starts == [(0, RATE // 4), (3 * RATE // 4, RATE // 4)]


def test_buffered_audio_is_played_before_the_end() -> None:
    with Playing(prebuffer=1.0) as playing:
        playing.buffer.put(count_from(0, RATE // 5))
        playing.buffer.finish()
        playing.until(RATE // 5)
