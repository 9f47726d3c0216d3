"""From the source's rate to the zone's."""

import math
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from streamer.audio.block import Samples

ZONE_RATE = 22050
"""Samples per second behind the resampler: those that the views hear."""

_SIZE, _CUTOFF = 160, 0.957
_FILTER = f"filter_size={_SIZE}:cutoff={_CUTOFF}:kaiser_beta=10"
"""Flat to 0.91 of the Nyquist frequency, more than 100 dB down above it."""


def zone_sample(sample: int, rate: int) -> int:
    """Return the zone sample at which a source sample lies, rounded down.

    Parameters
    ----------
    sample
        Absolute number at the source.
    rate
        The source's rate in Hz.
    """
    return sample * ZONE_RATE // rate


class Resampler:
    """Streaming resampler of FFmpeg: however the sound is cut, the same samples to the last bit.

    Its output is aligned with its input: sample m of the output lies at input time m / target rate.
    Before its first sample it takes the sound to be mirrored there.
    It holds back half its filter, 3.8 ms of what comes at 22,050 Hz or more.

    Parameters
    ----------
    source_rate
        In Hz.
    target_rate
        In Hz. At equal rates samples walk through untouched.
    """

    def __init__(self, source_rate: int, target_rate: int = ZONE_RATE) -> None:
        self.source_rate = source_rate
        self.target_rate = target_rate
        self._begin()

    @property
    def lookahead(self) -> int:
        """Source samples that it needs beyond the time of an output sample, once it is under way.

        Half its filter, which is as long as the lower of both rates asks for.
        """
        if self.source_rate == self.target_rate:
            return 0
        return math.ceil(_SIZE / 2 / _CUTOFF * max(1.0, self.source_rate / self.target_rate)) + 2

    @property
    def delay(self) -> float:
        """Seconds of input held back right now, at least 0."""
        held = self._taken / self.source_rate - self._given / self.target_rate
        return max(held, 0.0)

    def push(self, samples: Samples) -> Samples:
        """Resample what follows.

        Parameters
        ----------
        samples
            float32, shape (n,), any n.

        Returns
        -------
        Samples
            float32, shape (m,): all that is complete, perhaps nothing.
        """
        if self.source_rate == self.target_rate:
            return samples
        if not len(samples):
            return np.zeros(0, np.float32)
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = self.source_rate
        frame.pts = self._taken
        self._graph.push(frame)
        self._taken += len(samples)
        resampled = _joined(self._resampled())
        self._given += len(resampled)
        return resampled

    def flush(self) -> Samples:
        """Return what was held back, as if silence followed, and reset.

        Returns
        -------
        Samples
            float32, shape (m,).
        """
        length = -(-self._taken * self.target_rate // self.source_rate)
        missing = length - self._given
        silence = np.zeros(3 * self.lookahead, np.float32)
        rest = self.push(silence)[:missing] if missing > 0 else silence[:0]
        self.reset()
        return rest

    def reset(self) -> None:
        """Forget the sound before: what comes next follows a gap."""
        if self._taken:
            self._begin()

    def _begin(self) -> None:
        self._taken = 0
        self._given = 0
        if self.source_rate != self.target_rate:
            self._graph = _graph(self.source_rate, self.target_rate)

    def _resampled(self) -> Iterator[Samples]:
        while True:
            try:
                frame = self._graph.pull()
            except av.BlockingIOError:
                return
            yield frame.to_ndarray()[0]


def _graph(source_rate: int, target_rate: int) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_abuffer(
        sample_rate=source_rate, format="flt", layout="mono", time_base=Fraction(1, source_rate)
    )
    graph.link_nodes(
        source, graph.add("aresample", f"{target_rate}:{_FILTER}"), graph.add("abuffersink")
    ).configure()
    return graph


def _joined(parts: Iterator[Samples]) -> Samples:
    return np.concatenate([np.zeros(0, np.float32), *parts])
