"""Resample audio from the source's rate to the zone's."""

import math
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from streamer.audio.block import Samples

ZONE_RATE = 22050
"""Sample rate after resampling, in Hz: the one that the views expect."""

_FILTER_SIZE, _CUTOFF = 160, 0.957
_FILTER = f"filter_size={_FILTER_SIZE}:cutoff={_CUTOFF}:kaiser_beta=10"
"""Flat to 0.91 of the Nyquist frequency, more than 100 dB down above it."""


def zone_sample(sample: int, rate: int) -> int:
    """Convert a sample number at `rate` Hz to zone samples (22,050 Hz), rounded down."""
    return sample * ZONE_RATE // rate


class Resampler:
    """Streaming resampler (FFmpeg's) whose output is bit-identical for any block sizes.

    Output sample m lies at input time m / target_rate. Before its first sample the input is
    extended by reflection. Half the filter's length is held back: 3.8 ms for sources of 22,050 Hz
    or more.

    Parameters
    ----------
    source_rate
        Sample rate of the input, in Hz.
    target_rate
        Sample rate of the output, in Hz. At equal rates, samples are passed through unchanged.
    """

    def __init__(self, source_rate: int, target_rate: int = ZONE_RATE) -> None:
        self.source_rate = source_rate
        self.target_rate = target_rate
        self._start()

    @property
    def lookahead(self) -> int:
        """Source samples needed beyond the time of an output sample, once running.

        Half the filter's length, which grows with source_rate / target_rate.
        """
        if self.source_rate == self.target_rate:
            return 0
        stretch = max(1.0, self.source_rate / self.target_rate)
        return math.ceil(_FILTER_SIZE / 2 / _CUTOFF * stretch) + 2

    @property
    def delay(self) -> float:
        """Input held back at present, in seconds, at least 0."""
        held_back = self._samples_in / self.source_rate - self._samples_out / self.target_rate
        return max(held_back, 0.0)

    def push(self, samples: Samples) -> Samples:
        """Resample the next samples.

        Parameters
        ----------
        samples
            float32, shape (n,), any n.

        Returns
        -------
        Samples
            float32, shape (m,): every output sample that is complete, possibly none.
        """
        if self.source_rate == self.target_rate:
            return samples
        if not len(samples):
            return np.zeros(0, np.float32)
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = self.source_rate
        frame.pts = self._samples_in
        self._graph.push(frame)
        self._samples_in += len(samples)
        resampled = self._pull()
        self._samples_out += len(resampled)
        return resampled

    def flush(self) -> Samples:
        """Return the samples held back, as if silence followed, and reset.

        Returns
        -------
        Samples
            float32, shape (m,).
        """
        length = -(-self._samples_in * self.target_rate // self.source_rate)
        missing = length - self._samples_out
        silence = np.zeros(3 * self.lookahead, np.float32)
        rest = self.push(silence)[:missing] if missing > 0 else silence[:0]
        self.reset()
        return rest

    def reset(self) -> None:
        """Drop all state: the next sample follows a gap."""
        if self._samples_in:
            self._start()

    def _start(self) -> None:
        self._samples_in = 0
        self._samples_out = 0
        if self.source_rate != self.target_rate:
            self._graph = _resampling_graph(self.source_rate, self.target_rate)

    def _pull(self) -> Samples:
        """Return every sample that the graph has completed."""
        parts = [np.zeros(0, np.float32)]
        while True:
            try:
                parts.append(self._graph.pull().to_ndarray()[0])
            except av.BlockingIOError:
                return np.concatenate(parts)


def _resampling_graph(source_rate: int, target_rate: int) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_abuffer(
        sample_rate=source_rate, format="flt", layout="mono", time_base=Fraction(1, source_rate)
    )
    graph.link_nodes(
        source, graph.add("aresample", f"{target_rate}:{_FILTER}"), graph.add("abuffersink")
    ).configure()
    return graph
