"""Ring buffer of samples between one capture thread and one reader.

The writer owns the memory; the reader gets copies. There is no lock. Before the writer overwrites
samples it announces how far (`_claimed`), and afterwards how far it got (`_written`). The reader
copies, then checks the claim again. `_claimed`, `_written` and `_read` count captured samples;
`head` and `tail` also count gaps, which take no memory.
"""

from collections import deque

import numpy as np

from streamer.audio.block import Samples


class RingBuffer:
    """Mono samples by absolute number. When full, it overwrites the oldest.

    Parameters
    ----------
    capacity
        Samples of memory, at least 2.
    max_wait
        Most unread samples before the reader is woken, whatever `wake_at` says. Default: 0, wake at
        every write.

    Attributes
    ----------
    wake_at
        Sample number the reader waits for: wake it once all samples before it are written. A wake
        every few milliseconds costs more than processing the samples. Set by the reader only.
    head
        Absolute number of the next sample to write. Changed by the writer only.
    tail
        Absolute number of the next sample to read. Changed by the reader only.
    overruns
        How often the reader found its samples overwritten.
    lost
        Samples that were overwritten before they were read.
    """

    def __init__(self, capacity: int, *, max_wait: int = 0) -> None:
        if capacity < 2:
            raise ValueError("a ring buffer needs a capacity of at least 2 samples")
        self.wake_at = 0
        self.head = 0
        self.tail = 0
        self.overruns = 0
        self.lost = 0
        self._claimed = 0
        self._written = 0
        self._read = 0
        self._max_wait = max_wait
        self._memory: Samples = np.zeros(capacity, np.float32)
        self._gaps: deque[tuple[int, int]] = deque()  # samples written before, samples missing

    @property
    def capacity(self) -> int:
        """Samples of memory."""
        return len(self._memory)

    def should_wake(self, head: int) -> bool:
        """Return whether to wake the reader once all samples before `head` are written."""
        return head >= self.wake_at or head - self.tail >= self._max_wait

    def write(self, samples: Samples) -> None:
        """Append samples without ever waiting. For the writer.

        Parameters
        ----------
        samples
            float32, shape (n,), any n. If n exceeds `capacity`, only the last ones are kept.
        """
        capacity = self.capacity
        end = self._written + len(samples)
        self._claimed = end
        kept = samples[-capacity:]
        first = (end - len(kept)) % capacity
        until_edge = min(len(kept), capacity - first)
        self._memory[first : first + until_edge] = kept[:until_edge]
        self._memory[: len(kept) - until_edge] = kept[until_edge:]
        self._written = end
        self.head += len(samples)

    def skip(self, count: int) -> None:
        """Advance `head` by samples that were never captured: a gap. For the writer.

        Parameters
        ----------
        count
            Missing samples; ignored unless positive.
        """
        if count > 0:
            self._gaps.append((self._written, count))
            self.head += count

    def read(self, max_samples: int) -> tuple[int, Samples]:
        """Remove and return the oldest samples, never across a gap. For the reader.

        After an overrun, reading continues half a ring behind the writer: one long gap instead of
        many short ones.

        Parameters
        ----------
        max_samples
            At least 1.

        Returns
        -------
        start_sample : int
            Absolute number of the first one. If it is not the end of the last read, there is a gap.
        samples : Samples
            A copy, float32, shape (n,), 0 <= n <= max_samples.
        """
        while True:
            claimed = self._claimed
            if claimed - self.capacity > self._read:
                self._skip_overwritten(claimed)
            written = self._written  # read before the gaps: a gap is added before what follows it
            self._skip_gaps()
            start = self._read
            end = min(start + max_samples, self._gaps[0][0] if self._gaps else written, written)
            samples = self._copy(start, max(end - start, 0))
            if self._claimed - self.capacity <= start:  # not overwritten during the copy
                self._read += len(samples)
                self.tail += len(samples)
                return self.tail - len(samples), samples

    def _skip_gaps(self) -> None:
        while self._gaps and self._gaps[0][0] <= self._read:
            self.tail += self._gaps.popleft()[1]

    def _skip_overwritten(self, claimed: int) -> None:
        target = min(claimed - self.capacity // 2, self._written)
        target = max(target, claimed - self.capacity)
        missed = target - self._read
        self.overruns += 1
        self.lost += missed
        self._read += missed
        self.tail += missed

    def _copy(self, start: int, count: int) -> Samples:
        samples = np.empty(count, np.float32)
        first = start % self.capacity
        until_edge = min(count, self.capacity - first)
        samples[:until_edge] = self._memory[first : first + until_edge]
        samples[until_edge:] = self._memory[: count - until_edge]
        return samples
