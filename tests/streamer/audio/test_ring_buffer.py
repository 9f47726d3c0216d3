"""Ring buffer between the capture thread and a reader: gaps, overruns, wake-ups."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.ring_buffer import RingBuffer

STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "write", "read", "skip"]), st.integers(1, 40)), max_size=60
)


def numbered(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)


@given(st.integers(2, 50), STEPS)
def test_every_sample_is_read_under_its_own_number(
    capacity: int, steps: list[tuple[str, int]]
) -> None:
    ring = RingBuffer(capacity)
    written: set[int] = set()
    read_to = 0
    for step, count in steps:
        if step == "write":
            written.update(range(ring.head, ring.head + count))
            ring.write(numbered(ring.head, count))
        elif step == "skip":
            ring.skip(count)
        else:
            start, samples = ring.read(count)
            numbers = range(start, start + len(samples))
            assert start >= read_to
            assert samples.tolist() == list(numbers)
            assert written.issuperset(numbers)
            read_to = start + len(samples)


@given(st.integers(2, 50), st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50))))
def test_a_reader_in_time_loses_nothing(capacity: int, pairs: list[tuple[int, int]]) -> None:
    ring = RingBuffer(capacity)
    received: list[float] = []
    for write, read in pairs:
        ring.write(numbered(ring.head, min(write, capacity - (ring.head - ring.tail))))
        received += ring.read(read)[1].tolist()
    while len(rest := ring.read(7)[1]):
        received += rest.tolist()
    assert received == list(range(ring.head))
    assert (ring.overruns, ring.lost) == (0, 0)


def test_a_late_reader_continues_half_a_ring_behind_and_counts_its_loss() -> None:
    ring = RingBuffer(100)
    ring.write(numbered(0, 30))
    assert ring.read(10)[0] == 0
    ring.write(numbered(30, 90))
    start, samples = ring.read(1000)
    assert (start, samples.tolist()) == (70, list(range(70, 120)))
    assert (ring.overruns, ring.lost) == (1, 60)


def test_a_write_longer_than_the_ring_keeps_its_end() -> None:
    ring = RingBuffer(10)
    ring.write(numbered(0, 25))
    start, samples = ring.read(100)
    assert samples.tolist() == list(range(start, 25))


def test_a_gap_splits_reads_and_is_not_an_overrun() -> None:
    ring = RingBuffer(100)
    ring.write(numbered(0, 5))
    ring.skip(7)
    ring.write(numbered(12, 5))
    assert ring.read(100)[1].tolist() == [0, 1, 2, 3, 4]
    start, samples = ring.read(100)
    assert (start, samples.tolist()) == (12, [12, 13, 14, 15, 16])
    assert ring.overruns == 0


def test_a_gap_longer_than_the_ring_is_not_an_overrun_for_a_reader_in_time() -> None:
    ring = RingBuffer(10)
    ring.write(numbered(0, 5))
    ring.read(5)
    ring.skip(1000)
    ring.write(numbered(1005, 5))
    start, samples = ring.read(10)
    assert (start, len(samples), ring.overruns) == (1005, 5, 0)


def test_samples_overwritten_during_the_copy_are_not_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ring = RingBuffer(100)
    ring.write(numbered(0, 100))
    copy = RingBuffer._copy
    interrupted = []

    def interrupt(ring: RingBuffer, start: int, count: int) -> np.ndarray:
        if not interrupted:
            interrupted.append(True)
            ring.write(numbered(100, 40))
        return copy(ring, start, count)

    monkeypatch.setattr(RingBuffer, "_copy", interrupt)
    start, samples = ring.read(50)
    assert samples.tolist() == list(range(start, start + 50))
    assert ring.overruns == 1


def test_a_gap_longer_than_the_ring_keeps_the_unread_samples_before_it() -> None:
    ring = RingBuffer(1000, max_wait=62)
    ring.write(numbered(0, 50))
    ring.skip(5000)
    ring.write(numbered(5050, 20))
    assert [(start, len(samples)) for start, samples in (ring.read(100), ring.read(100))] == [
        (0, 50),
        (5050, 20),
    ]
    assert (ring.overruns, ring.lost, ring.head, ring.tail) == (0, 0, 5070, 5070)


def test_an_overrun_across_a_gap_keeps_sample_numbers() -> None:
    ring = RingBuffer(100)
    ring.write(numbered(0, 80))
    ring.skip(500)
    ring.write(numbered(580, 90))
    start, samples = ring.read(1000)
    assert np.array_equal(samples, numbered(start, len(samples)))
    assert ring.overruns == 1
    assert start + len(samples) == ring.head == 670


def test_a_reader_is_woken_at_its_sample_or_after_the_longest_wait() -> None:
    ring = RingBuffer(1000, max_wait=200)
    assert ring.should_wake(0)
    ring.wake_at = 150
    assert not ring.should_wake(149)
    assert ring.should_wake(150)
    ring.wake_at = 10**6
    ring.write(numbered(0, 200))
    assert ring.should_wake(ring.head)
    ring.read(100)
    assert not ring.should_wake(ring.head)


def test_one_thread_writes_while_another_reads() -> None:
    ring = RingBuffer(4096)
    total = 1_000_000
    done = threading.Event()

    def write() -> None:
        generator = np.random.default_rng(1)
        while ring.head < total:
            ring.write(numbered(ring.head, int(generator.integers(1, 3000))))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    received, wrong, last = 0, 0, 0
    while True:
        finished = done.is_set()
        start, samples = ring.read(1000)
        wrong += start < last or not np.array_equal(samples, numbered(start, len(samples)))
        received += len(samples)
        last = start + len(samples)
        if finished and not len(samples):
            break
    writer.join()
    assert wrong == 0
    assert received + ring.lost == ring.head
