import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.capture_clock import PlaybackClock
from streamer.audio.ring_buffer import RingBuffer
from streamer.audio.stream.playback_rate import LIMIT, PERIOD, Steering
from streamer.audio.stream.playout import Player, PlayoutBuffer

RATE = 8000


def count_from(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)


# The buffer


@given(
    sizes=st.lists(st.integers(-300, 300), max_size=20),
    most=st.lists(st.integers(1, 200), min_size=1),
)
def test_what_is_put_is_taken_in_order_and_gaps_stay_gaps(
    sizes: list[int], most: list[int]
) -> None:
    buffer = PlayoutBuffer(10_000)
    whole: list[float] = []
    for size in sizes:
        piece = -size if size < 0 else count_from(len(whole), size)
        assert buffer.put(piece)
        whole += [-1.0] * piece if isinstance(piece, int) else piece.tolist()
    buffer.end()
    assert buffer.level == len(whole)
    taken: list[float] = []
    while not buffer.ended:
        limit = most[len(taken) % len(most)]
        piece = buffer.take(limit)
        part = [-1.0] * piece if isinstance(piece, int) else piece.tolist()
        assert 0 < len(part) <= limit
        taken += part
    assert taken == whole


def test_a_full_buffer_lets_the_receiver_wait_until_some_is_taken() -> None:
    buffer = PlayoutBuffer(100)
    buffer.put(count_from(0, 100))
    put = threading.Event()
    thread = threading.Thread(target=lambda: (buffer.put(count_from(100, 1)), put.set()))
    thread.start()
    assert not put.wait(0.1)
    buffer.take(50)
    assert put.wait(2)
    thread.join()
    assert buffer.was_full()
    assert not buffer.was_full()


def test_a_receiver_that_waits_is_told_that_nobody_plays_any_more() -> None:
    buffer = PlayoutBuffer(1)
    buffer.put(count_from(0, 1))
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(buffer.put(count_from(1, 1))))
    thread.start()
    buffer.leave()
    thread.join(2)
    assert told == [False]


def test_waiting_ends_when_enough_is_there_or_nothing_follows() -> None:
    buffer = PlayoutBuffer(100)
    assert not buffer.wait(1, 0.01)
    buffer.put(count_from(0, 10))
    assert buffer.wait(10, 0)
    assert not buffer.wait(11, 0.01)
    buffer.end()
    assert buffer.wait(11, 0)
    buffer.take(10)
    assert not buffer.wait(1, 0)
    assert buffer.ended


# The clock


def test_a_clock_is_a_line_through_its_anchor() -> None:
    clock = PlaybackClock(RATE)
    clock.anchor(0, 100.0)
    assert clock.time_of(0) == 100.0
    assert clock.time_of(RATE) == pytest.approx(101.0)
    clock.anchor(RATE, clock.time_of(RATE), 1.0001)
    assert clock.time_of(RATE / 2) == pytest.approx(100.5)
    assert clock.time_of(3 * RATE) == pytest.approx(101 + 2 / 1.0001)


# Steering


def follow(ppm: float, minutes: float, *, jitter: float = 0.0) -> tuple[Steering, list[float]]:
    """Empty a buffer that a server fills `ppm` too fast; give its level every second."""
    steering, random = Steering(0.4), np.random.default_rng(0)
    level, levels = 3.0, []
    for _ in range(round(minutes * 60)):
        level += (1 + ppm * 1e-6) - steering.ratio
        levels.append(level)
        steering.observe(level + jitter * random.standard_normal(), 1.0)
    return steering, levels


@pytest.mark.parametrize("ppm", [-150, -20, 0, 60, 150])
def test_it_finds_the_servers_clock_and_holds_the_level(ppm: float) -> None:
    steering, levels = follow(ppm, 120, jitter=0.05)
    assert steering.drift_ppm == pytest.approx(ppm, abs=10)
    assert np.ptp(levels) < 0.3
    assert abs(steering.ratio - 1) <= LIMIT


def test_drift_is_not_told_before_it_is_known() -> None:
    steering, _ = follow(100, 15)
    assert steering.drift_ppm == 0
    steering, _ = follow(100, 30)
    assert steering.drift_ppm == pytest.approx(100, abs=40)


def test_a_burst_is_no_drift() -> None:
    steering, _ = follow(0, 20)
    before = steering.ratio
    for _ in range(round(3 * PERIOD)):
        steering.observe(6.0, 1.0)
    assert steering.ratio == pytest.approx(before, abs=2e-5)


def test_a_server_that_sends_as_fast_as_it_may_has_no_clock() -> None:
    steering, _ = follow(200, 30)
    steering.let_go()
    assert (steering.ratio, steering.drift_ppm) == (1.0, 0.0)


# The player


class Playing:
    """A player in a thread; it knows when each sample came out."""

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
        self.buffer.leave()
        self._thread.join(2)
        assert not self._thread.is_alive()

    def until(self, samples: int, seconds: float = 5.0) -> float:
        """Wait for so many samples; give when the last of them came out."""
        deadline = time.monotonic() + seconds
        while self.ring.head < samples:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return next(at for head, at in self.out if head >= samples)


@pytest.fixture
def playing() -> Iterator[Playing]:
    with Playing() as playing:
        yield playing


def test_a_burst_is_played_at_the_pace_at_which_it_sounds(playing: Playing) -> None:
    begin = time.monotonic()
    playing.buffer.put(count_from(0, 2 * RATE))
    assert playing.until(RATE) - begin == pytest.approx(1.0, abs=0.1)
    clock = playing.player.clock
    late = [at - clock.time_of(head) for head, at in playing.out]
    assert min(late) >= -0.001
    assert np.median(late) < 0.01
    assert np.array_equal(playing.ring.read(RATE)[1], count_from(0, RATE))


def test_it_begins_once_enough_is_there(playing: Playing) -> None:
    playing.buffer.put(count_from(0, RATE // 10 - 1))
    time.sleep(0.25)
    assert playing.ring.head == 0
    playing.buffer.put(count_from(0, 1))
    playing.until(RATE // 10)


def test_where_it_runs_dry_sound_is_delayed_and_none_is_left_out(playing: Playing) -> None:
    playing.buffer.put(count_from(0, RATE // 5))
    playing.until(RATE // 5)
    time.sleep(0.3)
    again = time.monotonic()
    playing.buffer.put(count_from(RATE // 5, RATE // 5))
    playing.until(2 * RATE // 5)
    assert playing.player.clock.time_of(RATE // 5) == pytest.approx(again, abs=0.05)
    assert np.array_equal(playing.ring.read(RATE)[1], count_from(0, 2 * RATE // 5))


def test_what_is_lost_takes_its_time(playing: Playing) -> None:
    begin = time.monotonic()
    for piece in (count_from(0, RATE // 4), RATE // 2, count_from(0, RATE // 4)):
        playing.buffer.put(piece)
    playing.buffer.end()
    assert playing.until(RATE) - begin == pytest.approx(1.0, abs=0.1)
    starts = []
    while len((read := playing.ring.read(RATE))[1]):
        starts.append((read[0], len(read[1])))
    assert starts == [(0, RATE // 4), (3 * RATE // 4, RATE // 4)]


def test_what_has_arrived_is_played_before_it_ends() -> None:
    with Playing(prebuffer=1.0) as playing:
        playing.buffer.put(count_from(0, RATE // 5))
        playing.buffer.end()
        playing.until(RATE // 5)
