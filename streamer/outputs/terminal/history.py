"""The last minute of a zone, as a viewer needs it."""

from collections import deque
from dataclasses import dataclass
from math import hypot
from statistics import median

from streamer.tracking.mood import NEUTRAL_RADIUS, quadrant
from streamer.tracking.update import Affect, Update

SPAN = 60.0
"""Seconds that are remembered."""

_RATE_SPAN = 5.0
_LATENCY_SPAN = 10.0
_REGIONS = {"Q1": "excited", "Q2": "tense", "Q3": "sad", "Q4": "calm"}


@dataclass(frozen=True, slots=True)
class Point:
    """An update and when it was seen (`time.monotonic()`)."""

    seen: float
    update: Update
    latency_ms: float


class History:
    """The updates of the last 60 s; adding one costs a few microseconds."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    def add(self, update: Update, latency_ms: float, now: float) -> None:
        """Remember an update that came at `now` and was `latency_ms` old when published."""
        self._points.append(Point(now, update, latency_ms))
        while self._points[0].seen < now - SPAN:
            self._points.popleft()

    def points(self) -> tuple[Point, ...]:
        """Return what is remembered, the oldest first."""
        return tuple(self._points)

    def rate(self, now: float) -> float:
        """Return the estimates per second really seen in the last 5 s."""
        recent = [point.seen for point in self._newest(now - _RATE_SPAN)]
        if len(recent) < 2 or recent[0] == recent[-1]:
            return 0.0
        return (len(recent) - 1) / max(recent[0] - recent[-1], now - recent[-1] - 1.0)

    def latency(self, now: float) -> float | None:
        """Return the median latency of the last 10 s in ms; None where there was no update."""
        recent = [point.latency_ms for point in self._newest(now - _LATENCY_SPAN)]
        return median(recent) if recent else None

    def _newest(self, since: float) -> list[Point]:
        """Return the points since a time, the newest first."""
        found = []
        for point in reversed(self._points):
            if point.seen < since:
                break
            found.append(point)
        return found


def region(affect: Affect) -> str:
    """Return the word that stands in a point's quadrant of the plane; "neutral" near the middle."""
    if hypot(affect.valence, affect.arousal) < NEUTRAL_RADIUS:
        return "neutral"
    return _REGIONS[quadrant(affect.valence, affect.arousal)]


def signed(value: float) -> str:
    """Return a value as it is shown: "+0.42", "-0.07"."""
    return f"{value:+.2f}"


def clock(seconds: float) -> str:
    """Return a length of time as it is shown: "0:07", "72:30" (minutes and seconds)."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def decibels(level: float) -> str:
    """Return a level as it is shown: "-23 dBFS"."""
    return f"{level:.0f} dBFS"
