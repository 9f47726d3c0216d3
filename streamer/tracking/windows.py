"""Compute the network's input windows from audio blocks, one per tick; detect stale windows."""

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from damer.views import Frames, FrontEnd, FrontEndSpec
from streamer.audio.block import Block
from streamer.audio.resampler import Resampler, zone_sample
from streamer.tracking.gain import Gain
from streamer.tracking.silence_gate import SilenceGate
from streamer.tracking.update import MAX_ESTIMATE_AGE_S

FIRST_ESTIMATE_S = 1.0
"""Seconds of audio before the first window after a start or gap."""


@dataclass(frozen=True, slots=True)
class Window:
    """Input of the network at one tick.

    Attributes
    ----------
    tick
        Number of the tick.
    end_sample
        Zone sample after the window's last one.
    captured
        `time.monotonic()` at which that sample was captured.
    mel, cochleagram
        float32, (mel_bands, T) and (gammatone_channels, T). Copies.
    warm
        Share of the window filled with audio since the last start or gap, 0..1.
    level
        RMS in dBFS at the window's end.
    silence
        Whether the zone was silent then.
    """

    tick: int
    end_sample: int
    captured: float
    mel: NDArray[np.float32]
    cochleagram: NDArray[np.float32]
    warm: float
    level: float
    silence: bool

    @property
    def is_stale(self) -> bool:
        """Whether an estimate of this window would be too old to be published."""
        return time.monotonic() - self.captured > MAX_ESTIMATE_AGE_S


class _FrameHistory:
    """Last frames of both views since the last reset, in preallocated arrays."""

    def __init__(self, spec: FrontEndSpec) -> None:
        self._length = spec.window_frames
        self._views = [
            np.zeros((4 * self._length, bands), dtype=np.float32)
            for bands in (spec.mel_bands, spec.gammatone_channels)
        ]
        self._silence = (np.float32(math.log(spec.mel_floor)), np.float32(0.0))
        self.reset()

    def reset(self) -> None:
        """Replace the past by digital silence."""
        for view, silence in zip(self._views, self._silence, strict=True):
            view[: self._length] = silence
        self._fill = self._length

    def append(self, frames: Frames) -> None:
        """Append at most 2 * T frames."""
        count = len(frames.mel)
        if self._fill + count > len(self._views[0]):
            for view in self._views:
                view[: self._length] = view[self._fill - self._length : self._fill]
            self._fill = self._length
        for view, new in zip(self._views, frames, strict=True):
            view[self._fill : self._fill + count] = new
        self._fill += count

    def recent(self, count: int) -> Frames:
        """Copy the last `count` frames of each view, at most T, (count, bands)."""
        first = self._fill - min(count, self._length)
        return Frames(*(view[first : self._fill].copy() for view in self._views))

    def window(self) -> list[NDArray[np.float32]]:
        """Copy the last T frames of each view, (bands, T)."""
        return [
            np.ascontiguousarray(view[self._fill - self._length : self._fill].T)
            for view in self._views
        ]


class WindowStream:
    """Resampler, gain, views, level and silence gate of one stream; makes a window at each tick.

    Ticks follow samples: the window of tick k is the last T frames that are complete once the
    source has delivered all samples before zone sample floor(k * 22050 / rate). It is made as soon
    as they are. A block that does not follow the last one is a gap: zone time advances, and
    everything else starts again from digital silence.

    Parameters
    ----------
    source_rate
        Sample rate of the blocks in Hz.
    spec
        Views and window length that the network expects.
    rate
        Ticks per second.
    origin
        Zone sample of the source's sample 0.
    gain
        Applied to the audio first. Default: 0 dB.

    Attributes
    ----------
    gaps
        Gaps so far.
    """

    def __init__(
        self,
        source_rate: int,
        spec: FrontEndSpec,
        rate: float,
        *,
        origin: int = 0,
        gain: Gain | None = None,
    ) -> None:
        self.spec = spec
        self.origin = origin
        self.gaps = 0
        self._gain = Gain(spec.sample_rate) if gain is None else gain
        self._source_rate = source_rate
        self._rate = rate
        self._tick_stride = 1
        self._resampler = Resampler(source_rate)
        self._front_end = FrontEnd(spec)
        self._history = _FrameHistory(spec)
        self._gate = SilenceGate(spec.sample_rate, spec.hop)
        self._position: int | None = None
        self._restart(0)

    @property
    def resampler_delay(self) -> float:
        """Seconds by which the resampler lags behind its input."""
        return self._resampler.delay

    @property
    def next_tick_sample(self) -> int:
        """Source sample at which the frames of the next tick are complete."""
        spec, lookahead = self.spec, self._resampler.lookahead
        tick = math.floor(self._tick * spec.sample_rate / self._rate) - self._start
        delivered = tick - math.ceil(lookahead * spec.sample_rate / self._source_rate)
        end = self._start - self.origin + delivered // spec.hop * spec.hop
        return -(-end * self._source_rate // spec.sample_rate) + lookahead

    @property
    def frame_count(self) -> int:
        """Frames of each view since the last start or gap."""
        return self._frame_count

    def recent_frames(self, count: int) -> Frames:
        """Copy the last `count` frames of both views, at most T, (count, bands)."""
        return self._history.recent(count)

    def push(self, block: Block) -> list[Window]:
        """Process the next block; return the windows of the ticks in it."""
        if block.start_sample != self._position:
            self.gaps += self._position is not None
            self._restart(block.start_sample)
        position, samples = block.start_sample, block.samples
        windows = []
        while len(samples):
            until_tick = self.next_tick_sample - position
            part, samples = samples[:until_tick], samples[until_tick:]
            self._append(self._resampler.push(part))
            position += len(part)
            if len(part) == until_tick:
                windows.append(self._window(block))
                self._tick += self._tick_stride
        self._position = block.end_sample
        return windows

    def set_rate(self, rate: float) -> None:
        """Make so many windows per second from now on."""
        self._rate = rate
        self._tick = self._first_tick()
        self._skip_past_ticks()

    def set_tick_stride(self, stride: int) -> None:
        """Make a window at every `stride`-th tick only, starting with the next."""
        self._tick_stride = stride
        self._skip_past_ticks()

    def _skip_past_ticks(self) -> None:
        """Continue with the first tick that is still to come."""
        if self._position is not None:
            end = self.origin + zone_sample(self._position, self._source_rate)
            due = math.floor(end * self._rate / self.spec.sample_rate)
            self._tick = max(self._first_tick(), due)
            while self.next_tick_sample <= self._position:
                self._tick += 1

    def _restart(self, source_sample: int) -> None:
        self._resampler.reset()
        self._gain.reset()
        self._front_end.reset()
        self._history.reset()
        self._gate.reset()
        self._start = self.origin + zone_sample(source_sample, self._source_rate)
        self._frame_count = 0
        self._tick = self._first_tick()

    def _first_tick(self) -> int:
        first = self._start + FIRST_ESTIMATE_S * self.spec.sample_rate
        return math.ceil(first * self._rate / self.spec.sample_rate)

    def _append(self, samples: NDArray[np.float32]) -> None:
        samples = self._gain.push(samples)
        self._gate.push(samples)
        limit = 2 * self.spec.window_frames * self.spec.hop
        for start in range(0, len(samples), limit):
            frames = self._front_end.push(samples[start : start + limit])
            self._history.append(frames)
            self._frame_count += len(frames.mel)

    def _window(self, block: Block) -> Window:
        spec = self.spec
        end = self._start + self._frame_count * spec.hop
        source_end = (end - self.origin) / spec.sample_rate
        source_time = source_end - block.start_sample / self._source_rate
        mel, cochleagram = self._history.window()
        return Window(
            tick=self._tick,
            end_sample=end,
            captured=block.captured + source_time,
            mel=mel,
            cochleagram=cochleagram,
            warm=min(1.0, self._frame_count / spec.window_frames),
            level=self._gate.level,
            silence=self._gate.silent,
        )
