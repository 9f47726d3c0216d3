"""What a fault costs, and what a whole run costs."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import psutil

from streamer.tracking import MAX_ESTIMATE_AGE_S
from tests.faults.catalogue import ALL, Fault
from tests.faults.observer import Estimate, Line, Observer
from tests.faults.place import Place

RATE = 10.0
STEADY = 1.5
"""Seconds of estimates without a hole after which a zone has recovered."""

HOLE = 0.6
PATIENCE = 45.0
_STRETCHES = 12
_STILL_HEARD = 0.5  # seconds; what a sound server holds is heard after a microphone is gone


@dataclass(frozen=True)
class Outcome:
    """What became of one fault.

    Attributes
    ----------
    fault
        Which one.
    begun, gone
        When it was made and mended, in seconds of `time.time()`.
    noticed
        Seconds until log or health told of it; None where they did not.
    recovered
        Seconds from its end to the first of the estimates that then come steadily, by the slowest
        of its zones; infinite where they did not come.
    lost
        Estimates that did not come meanwhile, of its zones.
    elsewhere
        Estimates that did not come meanwhile, of the other zones.
    false
        Estimates of sound that was not there.
    late
        Estimates that came later than `MAX_ESTIMATE_AGE_S` after their sound, held up on their way.
    lines
        Lines of log, those apart that tell regularly how a zone fares.
    """

    fault: Fault
    begun: float
    gone: float
    noticed: float | None
    recovered: float
    lost: int
    elsewhere: int
    false: int
    late: int
    lines: int


async def suffer(place: Place, fault: Fault, lasts: float) -> Outcome:
    """Break something, mend it, and watch what comes of it."""
    observer = place.observer
    begun = time.time()
    async with fault.make(place):
        await asyncio.sleep(lasts)
        mending = time.time()
    gone = time.time() if lasts else begun
    back = {zone: await _recovery(observer, zone, gone) for zone in fault.zones}
    until = max(back.values())
    end = until if np.isfinite(until) else time.time()
    return Outcome(
        fault=fault,
        begun=begun,
        gone=gone,
        noticed=_noticed(observer, fault, begun),
        recovered=max(until - gone, 0.0),
        lost=sum(_missing(observer, zone, begun, end) for zone in fault.zones),
        elsewhere=sum(
            _missing(observer, zone, begun, end) for zone in ALL if zone not in fault.zones
        ),
        false=_false(observer, fault, begun, mending),
        late=sum(
            each.arrived - each.captured > MAX_ESTIMATE_AGE_S + 0.1
            for zone in ALL
            for each in observer.since(zone, begun)
        ),
        lines=sum(line.arrived >= begun and not _regular(line) for line in observer.log),
    )


async def _recovery(observer: Observer, zone: str, gone: float) -> float:
    """Return when the steady estimates of a zone begin that follow the end of a fault."""
    limit = time.time() + PATIENCE
    while time.time() < limit:
        fresh = [each for each in observer.since(zone, gone) if each.captured >= gone]
        start = next(
            (b for a, b in reversed(list(pairwise(fresh))) if b.arrived - a.arrived > HOLE),
            fresh[0] if fresh else None,
        )
        if start is not None and fresh[-1].arrived - start.arrived >= STEADY:
            return start.arrived
        await asyncio.sleep(0.1)
    return np.inf


def _noticed(observer: Observer, fault: Fault, begun: float) -> float | None:
    told = [
        line.arrived
        for line in observer.log
        if line.arrived >= begun and any(words in line.text for words in fault.told)
    ]
    told += [
        each.arrived
        for each in observer.health
        if each.arrived >= begun and any(words in each.reason for words in fault.told)
    ]
    told += [at for at, said in observer.status if at >= begun and said in fault.told]
    return min(told) - begun if told else None


def _regular(line: Line) -> bool:
    """Whether a line tells only how a zone fares, as one does with every health message."""
    return (line.logger, line.level) == ("streamer.app.runtime", "info")


def _missing(observer: Observer, zone: str, begun: float, end: float) -> int:
    came = sum(each.arrived <= end for each in observer.since(zone, begun))
    return max(int((end - begun) * RATE) - came, 0)


def _false(observer: Observer, fault: Fault, begun: float, mending: float) -> int:
    """Count what is no estimate at all, and what cannot have been heard."""
    estimates = [each for zone in ALL for each in observer.since(zone, begun)]
    wrong = sum(not _possible(each) for each in estimates)
    if fault.deaf:
        wrong += sum(
            begun + _STILL_HEARD < each.captured < mending
            for zone in fault.zones
            for each in observer.since(zone, begun)
        )
    return wrong


def _possible(estimate: Estimate) -> bool:
    values = np.array(estimate.values)
    return bool(np.isfinite(values).all() and (np.abs(values[:2]) <= 1).all())


@dataclass
class Resources:
    """Memory, threads and descriptors of the program, its helpers apart, over time."""

    times: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    helpers: list[int] = field(default_factory=list)

    async def watch(self, place: Place) -> None:
        """Look every two seconds until cancelled."""
        program = psutil.Process(place.process.pid)
        while True:
            with contextlib.suppress(psutil.Error):
                self.memory.append(program.memory_info().rss / 1e6)
                self.threads.append(program.num_threads())
                self.descriptors.append(program.num_fds())
                self.helpers.append(len(program.children(recursive=True)))
                self.times.append(time.time())
            await asyncio.sleep(2)

    def slope(self, since: float) -> tuple[float, float]:
        """Return the growth of memory in MB an hour from a moment on, and its standard error."""
        times, memory = np.array(self.times), np.array(self.memory)
        return trend(times[times >= since], memory[times >= since])


def trend(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return the slope of values an hour, and its standard error.

    What is seen at one moment and at the next is alike, so the error is that of the means of twelve
    stretches.
    """
    if len(times) < 4 * _STRETCHES:
        return np.nan, np.nan
    means = zip(np.array_split(times, _STRETCHES), np.array_split(values, _STRETCHES), strict=True)
    hours, levels = np.array([(at.mean() / 3600, level.mean()) for at, level in means]).T
    hours -= hours.mean()
    slope = (hours * levels).sum() / (hours**2).sum()
    left = levels - levels.mean() - slope * hours
    error = np.sqrt((left**2).sum() / (_STRETCHES - 2) / (hours**2).sum())
    return float(slope), float(error)


def clock_shift(estimates: list[Estimate]) -> tuple[float, float]:
    """Return how much ticks run away from the time of their source, in ms an hour, and its error.

    A tick is a tenth of a second of samples; the source gives samples at exactly its rate.
    """
    captured = np.array([each.captured for each in estimates])
    ticks = np.rint((captured - captured[0]) * RATE)
    return trend(captured, (captured - captured[0] - ticks / RATE) * 1e3)


def disorder(estimates: list[Estimate]) -> list[tuple[Estimate, Estimate]]:
    """Return estimates captured before, or numbered below, the one that came before, with that."""
    return [(a, b) for a, b in pairwise(estimates) if b.captured < a.captured or b.seq <= a.seq]
