"""Checks and tables of a run."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from streamer.tracking import MAX_ESTIMATE_AGE_S
from tests.faults.catalogue import ALL
from tests.faults.measure import Outcome, Resources, clock_shift, out_of_order
from tests.faults.observer import Observer
from tests.faults.testbed import SECRET, TOKEN

RECOVERY = 3.0
"""Largest 95th percentile of the recovery time, s."""

GROWTH = 5.0
"""Memory growth that counts as noise, MB/h."""

CLOCK = 1.0
"""Largest drift of ticks against their source, ms/h."""


@dataclass(frozen=True)
class Check:
    """A required property of a run."""

    what: str
    found: str
    good: bool


class Report:
    """Results of a run.

    Parameters
    ----------
    outcomes, resources, observer
        Measurements.
    started, settled, ended
        `time.time()` of the start, of the settled state and of the end.
    seed
        Seed of the order of faults.
    returncode
        Exit code.
    long
        Whether it was long enough to check slopes.
    """

    def __init__(
        self, outcomes: list[Outcome], resources: Resources, observer: Observer, *, started: float,
        settled: float, ended: float, seed: int, returncode: int | None, long: bool,
    ) -> None:  # fmt: skip
        self.outcomes = outcomes
        self.resources = resources
        self.observer = observer
        self.started, self.settled, self.ended = started, settled, ended
        self.seed = seed
        self.returncode = returncode
        self.long = long

    def checks(self) -> list[Check]:
        """Return all checks."""
        here = [each.recovered for each in self.outcomes if not each.fault.remote]
        there = [each.recovered for each in self.outcomes if each.fault.remote]
        found = [
            _p95("recovery, all but remote servers", here, RECOVERY),
            _p95("recovery, remote servers", there, 15.0),
            self._nothing(
                "tracebacks", [line.text for line in self.observer.log if line.traceback]
            ),
            self._nothing("estimates of audio that did not exist", self._sum("false")),
            self._nothing("stale estimates sent", self._stale()),
            self._nothing("estimates out of order", self._disorder()),
            self._nothing("secrets in logs and messages", self._secrets()),
            Check("exit code 0 on SIGTERM", str(self.returncode), self.returncode == 0),
            self._same("threads", self.resources.threads),
            self._same("descriptors", self.resources.descriptors),
            self._same("helper processes", self.resources.helpers),
        ]
        if self.long:
            slope, error = self.resources.slope((self.settled + self.ended) / 2)
            good = slope < max(2 * error, GROWTH)
            found.append(
                Check("growth of memory, second half", f"{slope:+.1f} ± {error:.1f} MB/h", good)
            )
            shift, error = clock_shift(self._settled("steady"))
            good = abs(shift) - 2 * error < CLOCK
            what = "drift of ticks against the steady microphone"
            found.append(Check(what, f"{shift:+.2f} ± {error:.2f} ms/h", good))
        return found

    def markdown(self) -> str:
        """Return the tables as Markdown."""
        kinds = len({each.fault.name for each in self.outcomes})
        minutes = (self.ended - self.started) / 60
        head = f"{len(self.outcomes)} faults of {kinds} kinds in {minutes:.1f} minutes"
        lines = [
            f"{head}, seed {self.seed}. Times in seconds: median / worst. The rest: medians.",
            "",
            "| fault | times | noticed | recovered | estimates lost | other zones | late | lines |",
            "|---|---|---|---|---|---|---|---|",
        ]
        ordered = sorted(self.outcomes, key=lambda each: each.fault.name)
        for name, group in groupby(ordered, key=lambda each: each.fault.name):
            same = list(group)
            cells = [
                name,
                str(len(same)),
                _spread([each.noticed for each in same]),
                _spread([each.recovered for each in same]),
                *(
                    f"{np.median([getattr(each, key) for each in same]):.0f}"
                    for key in ("lost", "elsewhere", "late", "lines")
                ),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", "| check | found | |", "|---|---|---|"]
        lines += [
            f"| {c.what} | {c.found} | {'ok' if c.good else '**no**'} |" for c in self.checks()
        ]
        return "\n".join(lines) + "\n"

    def _sum(self, key: str) -> list[str]:
        return [each.fault.name for each in self.outcomes for _ in range(getattr(each, key))]

    def _nothing(self, what: str, found: list[str]) -> Check:
        shown = "; ".join([str(len(found)), *(each[:200] for each in found[:5])])
        return Check(what, shown, not found)

    def _stale(self) -> list[str]:
        return [
            f"{zone} {each.latency:.0f} ms"
            for zone, estimates in self.observer.estimates.items()
            for each in estimates
            if each.latency > MAX_ESTIMATE_AGE_S * 1e3
        ]

    def _disorder(self) -> list[str]:
        return [
            f"{zone} at {b.arrived - self.started:.1f} s: "
            f"{(b.captured - a.captured) * 1e3:+.0f} ms, {b.seq - a.seq:+d}"
            for zone in ALL
            for a, b in out_of_order(self.observer.estimates[zone])
        ]

    def _secrets(self) -> list[str]:
        return [secret for secret in (SECRET, TOKEN) if secret.encode() in self.observer.raw]

    def _same(self, what: str, numbers: list[int]) -> Check:
        """Compare the median soon after the start with that at the end."""
        first, last = numbers[:30], numbers[-30:]
        if not self.long:
            first = last = numbers
        before, after = int(np.median(first)), int(np.median(last))
        return Check(f"{what} at start and end", f"{before}, {after}", after <= before + 2)

    def _settled(self, zone: str) -> list[object]:
        return [each for each in self.observer.estimates[zone] if each.arrived >= self.settled]


def _p95(what: str, seconds: list[float], limit: float) -> Check:
    """Check the 95th percentile.

    Of fewer than 20 times it would be the slowest one, so one may be slow there if it is finite.
    """
    if not seconds:
        return Check(what, "none", good=True)
    ordered = sorted(seconds)
    p50, p95 = (ordered[-(-share * len(ordered) // 100) - 1] for share in (50, 95))
    shown = f"p50 {p50:.2f} s, p95 {p95:.2f} s, worst {max(seconds):.2f} s of {len(seconds)}"
    slow = sum(each > limit for each in seconds)
    good = slow <= max(1, len(seconds) // 20) and bool(np.isfinite(max(seconds)))
    return Check(what, shown, good)


def _spread(seconds: list[float | None]) -> str:
    known = [each for each in seconds if each is not None]
    return f"{np.median(known):.1f} / {max(known):.1f}" if known else "-"
