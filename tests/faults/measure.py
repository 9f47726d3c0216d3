"""Measure the effect of a fault, and the resources of a run."""

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
from tests.faults.testbed import Testbed

RATE = 10.0
STEADY = 1.5
"""Seconds of estimates without a hole after which a zone counts as recovered."""

HOLE = 0.6
RECOVERY_TIMEOUT = 45.0
_INTERVALS = 12
_SOUND_SERVER_BUFFER = 0.5  # s; still delivered after a microphone is unplugged


@dataclass(frozen=True)
class Outcome:
    """Effect of one fault.

    Attributes
    ----------
    fault
        The fault.
    started, gone
        `time.time()` of injection and repair.
    noticed
        Seconds until log or health reported it; None if they did not.
    recovered
        Seconds from repair to the first of steady estimates, of its slowest zone; infinite if
        there were none.
    lost
        Estimates missing from its zones.
    elsewhere
        Estimates missing from other zones.
    false
        Estimates of audio that did not exist.
    late
        Estimates that arrived later than `MAX_ESTIMATE_AGE_S` after their audio.
    lines
        Log lines, without the periodic summaries.
    """

    fault: Fault
    started: float
    gone: float
    noticed: float | None
    recovered: float
    lost: int
    elsewhere: int
    false: int
    late: int
    lines: int


async def inject_fault(testbed: Testbed, fault: Fault, duration: float) -> Outcome:
    """Inject a fault, repair it, and measure its effect."""
    observer = testbed.observer
    started = time.time()
    async with fault.make(testbed):
        await asyncio.sleep(duration)
        repairing = time.time()
    gone = time.time() if duration else started
    recovery_times = {zone: await _recovery_time(observer, zone, gone) for zone in fault.zones}
    until = max(recovery_times.values())
    end = until if np.isfinite(until) else time.time()
    return Outcome(
        fault=fault,
        started=started,
        gone=gone,
        noticed=_detection_time(observer, fault, started),
        recovered=max(until - gone, 0.0),
        lost=sum(_count_missing(observer, zone, started, end) for zone in fault.zones),
        elsewhere=sum(
            _count_missing(observer, zone, started, end) for zone in ALL if zone not in fault.zones
        ),
        false=_count_false(observer, fault, started, repairing),
        late=sum(
            each.arrived - each.captured > MAX_ESTIMATE_AGE_S + 0.1
            for zone in ALL
            for each in observer.since(zone, started)
        ),
        lines=sum(line.arrived >= started and not _is_periodic(line) for line in observer.log),
    )


async def _recovery_time(observer: Observer, zone: str, gone: float) -> float:
    """Return the time at which steady estimates of a zone start after a repair."""
    limit = time.time() + RECOVERY_TIMEOUT
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


def _detection_time(observer: Observer, fault: Fault, started: float) -> float | None:
    times = [
        line.arrived
        for line in observer.log
        if line.arrived >= started and any(words in line.text for words in fault.messages)
    ]
    times += [
        each.arrived
        for each in observer.health
        if each.arrived >= started and any(words in each.reason for words in fault.messages)
    ]
    times += [at for at, text in observer.status if at >= started and text in fault.messages]
    return min(times) - started if times else None


def _is_periodic(line: Line) -> bool:
    """Return whether a log line is a periodic summary."""
    return (line.logger, line.level) == ("streamer.app.runtime", "info")


def _count_missing(observer: Observer, zone: str, started: float, end: float) -> int:
    received = sum(each.arrived <= end for each in observer.since(zone, started))
    return max(int((end - started) * RATE) - received, 0)


def _count_false(observer: Observer, fault: Fault, started: float, repairing: float) -> int:
    """Count invalid estimates, and estimates of audio that did not exist."""
    estimates = [each for zone in ALL for each in observer.since(zone, started)]
    invalid = sum(not _is_valid(each) for each in estimates)
    if fault.silent:
        invalid += sum(
            started + _SOUND_SERVER_BUFFER < each.captured < repairing
            for zone in fault.zones
            for each in observer.since(zone, started)
        )
    return invalid


def _is_valid(estimate: Estimate) -> bool:
    values = np.array(estimate.values)
    return bool(np.isfinite(values).all() and (np.abs(values[:2]) <= 1).all())


@dataclass
class Resources:
    """Memory, threads and descriptors of the main process over time."""

    times: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    helpers: list[int] = field(default_factory=list)

    async def watch(self, testbed: Testbed) -> None:
        """Sample every two seconds until cancelled."""
        program = psutil.Process(testbed.process.pid)
        while True:
            with contextlib.suppress(psutil.Error):
                self.memory.append(program.memory_info().rss / 1e6)
                self.threads.append(program.num_threads())
                self.descriptors.append(program.num_fds())
                self.helpers.append(len(program.children(recursive=True)))
                self.times.append(time.time())
            await asyncio.sleep(2)

    def slope(self, since: float) -> tuple[float, float]:
        """Return the growth of memory in MB/h since a time, and its standard error."""
        times, memory = np.array(self.times), np.array(self.memory)
        return trend(times[times >= since], memory[times >= since])


def trend(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return the slope of values per hour, and its standard error.

    Successive values are correlated, so the error is that of the means of twelve intervals.
    """
    if len(times) < 4 * _INTERVALS:
        return np.nan, np.nan
    means = zip(np.array_split(times, _INTERVALS), np.array_split(values, _INTERVALS), strict=True)
    hours, levels = np.array([(at.mean() / 3600, level.mean()) for at, level in means]).T
    hours -= hours.mean()
    slope = (hours * levels).sum() / (hours**2).sum()
    residuals = levels - levels.mean() - slope * hours
    error = np.sqrt((residuals**2).sum() / (_INTERVALS - 2) / (hours**2).sum())
    return float(slope), float(error)


def clock_shift(estimates: list[Estimate]) -> tuple[float, float]:
    """Return the drift of ticks against their source in ms/h, and its standard error.

    A tick is a tenth of a second of samples; the source delivers samples at exactly its rate.
    """
    captured = np.array([each.captured for each in estimates])
    ticks = np.rint((captured - captured[0]) * RATE)
    return trend(captured, (captured - captured[0] - ticks / RATE) * 1e3)


def out_of_order(estimates: list[Estimate]) -> list[tuple[Estimate, Estimate]]:
    """Return pairs of estimates whose capture time or number does not rise."""
    return [(a, b) for a, b in pairwise(estimates) if b.captured < a.captured or b.seq <= a.seq]
