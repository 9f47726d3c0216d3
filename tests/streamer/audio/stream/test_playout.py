"""Play audio that arrives in bursts: buffer, clock, playback rate, player."""

import threading
from typing import Any

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


class ScheduledBuffer(PlayoutBuffer):
    """A buffer whose chunks arrive at given times, in virtual time; the audio ends after them."""

    def __init__(self, time: Any, arrivals: list[tuple[float, np.ndarray | int]]) -> None:
        super().__init__(10 * RATE)
        self._time = time
        self._arrivals = [(time.now + after, chunk) for after, chunk in arrivals]

    def wait(self, count: int, timeout: float) -> bool:
        deadline = self._time.now + max(timeout, 0.0)
        while True:
            while self._arrivals and self._arrivals[0][0] <= self._time.now:
                self.put(self._arrivals.pop(0)[1])
                if not self._arrivals:
                    self.finish()
            if self._time.now >= deadline or super().wait(count, 0):
                return super().wait(count, 0)
            pending = self._arrivals[0][0] if self._arrivals else deadline
            self._time.now = min(pending, deadline)


class Playback:
    """Everything that a player played: the ring, and when its head reached each sample."""

    def __init__(
        self, time: Any, *arrivals: tuple[float, np.ndarray | int], prebuffer: float = 0.1
    ) -> None:
        self.started = time.now
        self.ring = RingBuffer(20 * RATE)
        self.player = Player(ScheduledBuffer(time, [*arrivals]), RATE, prebuffer, "radio")
        self.played: list[tuple[int, float]] = []
        self.player.run(self.ring, lambda: self.played.append((self.ring.head, time.now)), time)

    def played_at(self, samples: int) -> float:
        """Return after how many seconds so many samples had been played."""
        return next(at for head, at in self.played if head >= samples) - self.started


def test_a_burst_is_played_in_real_time(virtual_time: Any) -> None:
    playback = Playback(virtual_time, (0, count_from(0, 2 * RATE)))
    assert playback.played_at(RATE) == pytest.approx(1.0, abs=1e-4)
    clock = playback.player.clock
    assert [at for _, at in playback.played] == pytest.approx(
        [clock.time_of(head) for head, _ in playback.played], abs=1e-4
    )
    assert np.array_equal(playback.ring.read(2 * RATE)[1], count_from(0, 2 * RATE))


def test_playback_starts_once_the_prebuffer_is_full(virtual_time: Any) -> None:
    playback = Playback(
        virtual_time, (0, count_from(0, RATE // 10 - 1)), (0.25, count_from(RATE // 10 - 1, 1))
    )
    assert playback.played[0][1] - playback.started == pytest.approx(0.25 + 0.02, abs=1e-4)
    assert np.array_equal(playback.ring.read(RATE)[1], count_from(0, RATE // 10))


def test_an_underrun_delays_audio_and_drops_none(virtual_time: Any) -> None:
    first, second = count_from(0, RATE // 5), count_from(RATE // 5, RATE // 5)
    playback = Playback(virtual_time, (0, first), (0.5, second))
    clock = playback.player.clock
    assert clock.time_of(RATE // 5) - playback.started == pytest.approx(0.5, abs=1e-4)
    assert np.array_equal(playback.ring.read(RATE)[1], count_from(0, 2 * RATE // 5))


def test_lost_samples_take_their_time(virtual_time: Any) -> None:
    quarter = count_from(0, RATE // 4)
    playback = Playback(virtual_time, (0, quarter), (0, RATE // 2), (0, quarter))
    assert playback.played_at(RATE) == pytest.approx(1.0, abs=1e-4)
    reads = []
    while len((read := playback.ring.read(RATE))[1]):
        reads.append((read[0], len(read[1])))
    assert reads == [(0, RATE // 4), (3 * RATE // 4, RATE // 4)]


def test_after_a_stall_playback_continues_without_racing(
    virtual_time: Any, caplog: pytest.LogCaptureFixture
) -> None:
    waits = 0
    wait = virtual_time.wait

    def stall(timeout: float) -> bool:
        nonlocal waits
        waits += 1
        virtual_time.now += 5.0 if waits == 10 else 0.0
        return wait(timeout)

    virtual_time.wait = stall
    playback = Playback(virtual_time, (0, count_from(0, RATE)))
    assert playback.played_at(RATE) == pytest.approx(6.0, abs=0.05)
    assert "stalled for 5.0 s" in caplog.text


def test_buffered_audio_is_played_before_the_end(virtual_time: Any) -> None:
    samples = count_from(0, RATE // 5)
    playback = Playback(virtual_time, (0, samples), prebuffer=1.0)
    assert np.array_equal(playback.ring.read(RATE)[1], samples)


def test_a_stopped_player_returns_while_it_waits_for_audio() -> None:
    player = Player(PlayoutBuffer(RATE), RATE, 1.0, "radio")
    stop = threading.Event()
    thread = threading.Thread(target=player.run, args=(RingBuffer(RATE), lambda: None, stop))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
