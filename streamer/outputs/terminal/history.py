"""History of a zone over the last minute: updates, rate, latency; and how values are formatted."""

from collections import deque
from dataclasses import dataclass
from math import hypot
from statistics import median

from streamer.tracking.mood import NEUTRAL_RADIUS, quadrant
from streamer.tracking.update import Affect, Update

SPAN = 60.0
"""Length of the history, in seconds."""

_RATE_SPAN = 5.0  # seconds
_LATENCY_SPAN = 10.0  # seconds
_REGIONS = {"Q1": "excited", "Q2": "tense", "Q3": "sad", "Q4": "calm"}


@dataclass(frozen=True, slots=True)
class Point:
    """An update, its arrival (`time.monotonic()`) and its latency in milliseconds."""

    seen: float
    update: Update
    latency_ms: float


class History:
    """Updates of the last 60 s."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    def add(self, update: Update, latency_ms: float, now: float) -> None:
        """Add an update that arrived at `now` with a latency of `latency_ms`."""
        self._points.append(Point(now, update, latency_ms))
        while self._points[0].seen < now - SPAN:
            self._points.popleft()

    def points(self) -> tuple[Point, ...]:
        """Return the updates, oldest first."""
        return tuple(self._points)

    def rate(self, now: float) -> float:
        """Return the measured estimates per second over the last 5 s; 0 if too few."""
        recent = [point.seen for point in self._newest(now - _RATE_SPAN)]
        if len(recent) < 2 or recent[0] == recent[-1]:
            return 0.0
        return (len(recent) - 1) / max(recent[0] - recent[-1], now - recent[-1] - 1.0)

    def latency(self, now: float) -> float | None:
        """Return the median latency over the last 10 s, in milliseconds; None without updates."""
        recent = [point.latency_ms for point in self._newest(now - _LATENCY_SPAN)]
        return median(recent) if recent else None

    def _newest(self, since: float) -> list[Point]:
        """Return the points since `since`, newest first."""
        found = []
        for point in reversed(self._points):
            if point.seen < since:
                break
            found.append(point)
        return found


def region(affect: Affect) -> str:
    """Return the word for a quadrant of the plane; "neutral" near the origin."""
    if hypot(affect.valence, affect.arousal) < NEUTRAL_RADIUS:
        return "neutral"
    return _REGIONS[quadrant(affect.valence, affect.arousal)]


def signed(value: float) -> str:
    """Format valence or arousal: "+0.42", "-0.07"."""
    return f"{value:+.2f}"


def clock(seconds: float) -> str:
    """Format a duration as minutes and seconds: "0:07", "72:30"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def decibels(level: float) -> str:
    """Format a level: "-23 dBFS"."""
    return f"{level:.0f} dBFS"
