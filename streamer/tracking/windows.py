"""From blocks of sound to the windows that the network sees."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from damer.views import Frames, FrontEnd, FrontEndSpec
from streamer.audio.block import Block
from streamer.audio.resampler import Resampler, zone_sample
from streamer.tracking.gain import Gain
from streamer.tracking.silence_gate import Gate

FIRST_ESTIMATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """What the network sees at one tick.

    Attributes
    ----------
    tick
        Number of the tick.
    end_sample
        Zone sample after the window's last one.
    captured
        `time.monotonic()` at which that end was captured.
    mel, cochleagram
        float32, (mel_bands, T) and (gammatone_channels, T); the receiver's own.
    warm
        Share of the window heard since the last start or gap, 0..1.
    level
        RMS in dBFS at the window's end.
    silence
        Whether the gate was closed then.
    """

    tick: int
    end_sample: int
    captured: float
    mel: NDArray[np.float32]
    cochleagram: NDArray[np.float32]
    warm: float
    level: float
    silence: bool


class _History:
    """The last frames of both views since the last restart, preallocated."""

    def __init__(self, spec: FrontEndSpec) -> None:
        self._length = spec.window_frames
        self._views = [
            np.zeros((4 * self._length, bands), dtype=np.float32)
            for bands in (spec.mel_bands, spec.gammatone_channels)
        ]
        self._silence = (np.float32(math.log(spec.mel_floor)), np.float32(0.0))
        self.restart()

    def restart(self) -> None:
        """Digital silence takes the place of the past."""
        for view, silence in zip(self._views, self._silence, strict=True):
            view[: self._length] = silence
        self._fill = self._length

    def append(self, frames: Frames) -> None:
        """Add at most 2 * T frames."""
        count = len(frames.mel)
        if self._fill + count > len(self._views[0]):
            for view in self._views:
                view[: self._length] = view[self._fill - self._length : self._fill]
            self._fill = self._length
        for view, new in zip(self._views, frames, strict=True):
            view[self._fill : self._fill + count] = new
        self._fill += count

    def recent(self, count: int) -> Frames:
        """Copy the last `count` frames of each view, at most T."""
        first = self._fill - min(count, self._length)
        return Frames(*(view[first : self._fill].copy() for view in self._views))

    def window(self) -> list[NDArray[np.float32]]:
        """Copy the last T frames of each view, (bands, T)."""
        return [
            np.ascontiguousarray(view[self._fill - self._length : self._fill].T)
            for view in self._views
        ]


class Listener:
    """Hears one stream: resampler, both views, level and gate; gives a window at each tick.

    Ticks follow samples: the window of tick k is the last T frames that are complete once the
    source has given all before zone sample floor(k * 22050 / rate); it is given as soon as they
    are. A block that does not follow the last one is a gap: everything begins anew from digital
    silence and zone time advances.

    Parameters
    ----------
    source_rate
        Rate of the blocks in Hz.
    spec
        What the network wants.
    rate
        Ticks a second.
    origin
        Zone sample at which the source's sample 0 lies.
    gain
        What the sound passes first, level and gate too; none by default.
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
        self._gain = Gain(spec.sample_rate) if gain is None else gain
        self.gaps = 0
        self._source_rate = source_rate
        self._rate = rate
        self._every = 1
        self._resampler = Resampler(source_rate)
        self._front_end = FrontEnd(spec)
        self._history = _History(spec)
        self._gate = Gate(spec.sample_rate, spec.hop)
        self._position: int | None = None
        self._restart(0)

    @property
    def resampler_delay(self) -> float:
        """Seconds by which the resampler lags behind its input."""
        return self._resampler.delay

    @property
    def next_tick(self) -> int:
        """The source's sample at which the next tick's frames are complete."""
        spec, lookahead = self.spec, self._resampler.lookahead
        tick = math.floor(self._tick * spec.sample_rate / self._rate) - self._start
        heard = tick - math.ceil(lookahead * spec.sample_rate / self._source_rate)
        end = self._start - self.origin + heard // spec.hop * spec.hop
        return -(-end * self._source_rate // spec.sample_rate) + lookahead

    @property
    def frames(self) -> int:
        """Frames of each view since the last start or gap."""
        return self._frames

    def recent(self, count: int) -> Frames:
        """Return the last `count` frames of both views, at most T of them, copied."""
        return self._history.recent(count)

    def push(self, block: Block) -> list[Window]:
        """Take the next block; give the windows of the ticks that fall in it."""
        if block.start_sample != self._position:
            self.gaps += self._position is not None
            self._restart(block.start_sample)
        position, samples = block.start_sample, block.samples
        windows = []
        while len(samples):
            until_tick = self.next_tick - position
            part, samples = samples[:until_tick], samples[until_tick:]
            self._take(self._resampler.push(part))
            position += len(part)
            if len(part) == until_tick:
                windows.append(self._window(block))
                self._tick += self._every
        self._position = block.end_sample
        return windows

    def retune(self, rate: float) -> None:
        """Give so many windows a second from here on."""
        self._rate = rate
        self._tick = self._first_tick()
        self._pass_over()

    def thin_out(self, every: int) -> None:
        """Give the window of one of so many ticks only, beginning with the next."""
        self._every = every
        self._pass_over()

    def _pass_over(self) -> None:
        """Go on with the first tick that is still to come."""
        if self._position is not None:
            heard = self.origin + zone_sample(self._position, self._source_rate)
            due = math.floor(heard * self._rate / self.spec.sample_rate)
            self._tick = max(self._first_tick(), due)
            while self.next_tick <= self._position:
                self._tick += 1

    def _restart(self, source_sample: int) -> None:
        self._resampler.reset()
        self._gain.reset()
        self._front_end.reset()
        self._history.restart()
        self._gate.reset()
        self._start = self.origin + zone_sample(source_sample, self._source_rate)
        self._frames = 0  # since the start
        self._tick = self._first_tick()

    def _first_tick(self) -> int:
        first = self._start + FIRST_ESTIMATE_SECONDS * self.spec.sample_rate
        return math.ceil(first * self._rate / self.spec.sample_rate)

    def _take(self, samples: NDArray[np.float32]) -> None:
        samples = self._gain.push(samples)
        self._gate.push(samples)
        limit = 2 * self.spec.window_frames * self.spec.hop
        for start in range(0, len(samples), limit):
            frames = self._front_end.push(samples[start : start + limit])
            self._history.append(frames)
            self._frames += len(frames.mel)

    def _window(self, block: Block) -> Window:
        spec = self.spec
        end = self._start + self._frames * spec.hop
        source_end = (end - self.origin) / spec.sample_rate
        source_time = source_end - block.start_sample / self._source_rate
        mel, cochleagram = self._history.window()
        return Window(
            tick=self._tick,
            end_sample=end,
            captured=block.captured + source_time,
            mel=mel,
            cochleagram=cochleagram,
            warm=min(1.0, self._frames / spec.window_frames),
            level=self._gate.level,
            silence=self._gate.silent,
        )
