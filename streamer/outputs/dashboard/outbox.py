"""What waits to be told to the dashboard's process."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

MOST_POINTS = 600
"""Rows of each zone that wait while the process does not read: half a minute of 20 a second."""

_MOST_VIEWS = 20
_MOST_ACKS = 50


class Outbox:
    """Gathers what is new until it is taken, and stays small however long that lasts.

    Rows, views and answers that are too many give way, the oldest first; of a fact the newest
    counts, and one that stays the same is not told again. Any thread may use it.
    """

    def __init__(self) -> None:
        self._points: dict[str, deque[Sequence[Any]]] = {}
        self._views: dict[str, deque[Any]] = {}
        self._acks: deque[Any] = deque(maxlen=_MOST_ACKS)
        self._facts: dict[str, Any] = {}
        self._news: dict[str, Any] = {}
        self._changed = threading.Condition()

    def point(self, zone: str, row: Sequence[Any]) -> None:
        """Add a row of `POINT`."""
        with self._changed:
            self._points.setdefault(zone, deque(maxlen=MOST_POINTS)).append(row)
            self._changed.notify()

    def view(self, zone: str, parcel: Mapping[str, str]) -> None:
        """Add frames of both views."""
        with self._changed:
            self._views.setdefault(zone, deque(maxlen=_MOST_VIEWS)).append(parcel)
            self._changed.notify()

    def ack(self, ack: Mapping[str, Any]) -> None:
        """Add an answer."""
        with self._changed:
            self._acks.append(ack)
            self._changed.notify()

    def fact(self, name: str, value: Any) -> None:
        """Say what is true from now on."""
        with self._changed:
            if name not in self._facts or self._facts[name] != value:
                self._facts[name] = self._news[name] = value
                self._changed.notify()

    def renew(self) -> None:
        """Let every fact be told again: the process is another one."""
        with self._changed:
            self._news = dict(self._facts)

    def take(self, timeout: float) -> dict[str, Any]:
        """Return what is new, as `words` has it; nothing where nothing is after so many seconds."""
        with self._changed:
            self._changed.wait_for(self._waiting, timeout)
            told = {
                "points": {zone: list(rows) for zone, rows in self._points.items()},
                "views": {zone: list(parcels) for zone, parcels in self._views.items()},
                "acks": list(self._acks),
                "facts": self._news,
            }
            self._points, self._views, self._news = {}, {}, {}
            self._acks.clear()
        return {key: value for key, value in told.items() if value}

    def _waiting(self) -> bool:
        return bool(self._points or self._views or self._acks or self._news)
