"""A ring of samples between one thread that captures and one that reads.

The writer owns the memory; the reader gets copies. No lock: the writer announces what it is about
to overwrite before it does so (`_claim`), and what is complete after (`_written`); the reader
copies, then looks at the announcement again. These count what was captured; `head` and `tail` count
the gaps too, which take no room.
"""

from collections import deque

import numpy as np

from streamer.audio.block import Samples


class RingBuffer:
    """Mono samples by their absolute number; full, it overwrites the oldest.

    Parameters
    ----------
    capacity
        Samples held, at least 2.
    max_wait
        Samples that the reader lets wait at most.

    Attributes
    ----------
    wake_at
        Number of the sample up to which the reader needs all before it can do anything: to wake it
        for every few milliseconds costs more than to hear them. Set by the reader only.
    head
        Absolute number of the sample to be written next. Moved by the writer only.
    tail
        Absolute number of the sample to be read next. Moved by the reader only.
    overruns
        How often the reader found its samples overwritten.
    lost
        Samples that it never saw because of that.
    """

    def __init__(self, capacity: int, *, max_wait: int = 0) -> None:
        if capacity < 2:
            raise ValueError("a ring holds at least 2 samples")
        self.wake_at = 0
        self.head = 0
        self.tail = 0
        self.overruns = 0
        self.lost = 0
        self._claim = 0
        self._written = 0
        self._taken = 0
        self._max_wait = max_wait
        self._store: Samples = np.zeros(capacity, np.float32)
        self._gaps: deque[tuple[int, int]] = deque()

    @property
    def capacity(self) -> int:
        """Samples held."""
        return len(self._store)

    def should_wake(self, head: int) -> bool:
        """Whether the reader is to be woken once all before `head` is there. For the writer."""
        return head >= self.wake_at or head - self.tail >= self._max_wait

    def write(self, samples: Samples) -> None:
        """Append samples; never waits. For the writer.

        Parameters
        ----------
        samples
            float32, shape (n,), any n. Of more than `capacity` only the last ones are kept.
        """
        capacity = self.capacity
        end = self._written + len(samples)
        self._claim = end
        kept = samples[-capacity:]
        first = (end - len(kept)) % capacity
        until_edge = min(len(kept), capacity - first)
        self._store[first : first + until_edge] = kept[:until_edge]
        self._store[: len(kept) - until_edge] = kept[until_edge:]
        self._written = end
        self.head += len(samples)

    def skip(self, count: int) -> None:
        """Leave out samples that were never captured: a gap. For the writer.

        Parameters
        ----------
        count
            Samples missing, at least 0. The reader's numbers jump by as many.
        """
        if count > 0:
            self._gaps.append((self._written, count))
            self.head += count

    def read(self, max_samples: int) -> tuple[int, Samples]:
        """Take the oldest samples. For the reader.

        Overrun, it goes on half a ring behind the writer: one large gap in place of many small.

        Parameters
        ----------
        max_samples
            The most to take, at least 1.

        Returns
        -------
        start_sample : int
            Absolute number of the first one. Not the last read's end: there is a gap between.
        samples : Samples
            A copy, float32, shape (n,), 0 <= n <= max_samples, gapless.
        """
        while True:
            claim = self._claim
            if claim - self.capacity > self._taken:
                self._jump(claim)
            written = self._written  # before the gaps: what follows one is written after it is told
            self._cross_gaps()
            start = self._taken
            end = min(start + max_samples, self._gaps[0][0] if self._gaps else written, written)
            samples = self._copy(start, max(end - start, 0))
            if self._claim - self.capacity <= start:
                self._taken += len(samples)
                self.tail += len(samples)
                return self.tail - len(samples), samples

    def _cross_gaps(self) -> None:
        while self._gaps and self._gaps[0][0] <= self._taken:
            self.tail += self._gaps.popleft()[1]

    def _jump(self, claim: int) -> None:
        target = min(claim - self.capacity // 2, self._written)
        target = max(target, claim - self.capacity)
        missed = target - self._taken
        self.overruns += 1
        self.lost += missed
        self._taken += missed
        self.tail += missed

    def _copy(self, start: int, count: int) -> Samples:
        samples = np.empty(count, np.float32)
        first = start % self.capacity
        until_edge = min(count, self.capacity - first)
        samples[:until_edge] = self._store[first : first + until_edge]
        samples[until_edge:] = self._store[: count - until_edge]
        return samples
