"""What is known at this moment, and what of it a viewer has not seen."""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MOST_POINTS = 3000
"""Rows of each zone that a new viewer is shown: five minutes at ten a second."""

MOST_VIEWS = 40
"""Parcels of frames that are kept; a viewer who lags behind further misses some."""

_MOST_ACKS = 200


class Series:
    """The last items of a series whose items are counted from 0.

    Attributes
    ----------
    end
        How many there were so far.
    """

    def __init__(self, most: int) -> None:
        self._items: deque[Any] = deque(maxlen=most)
        self.end = 0

    def add(self, items: Iterable[Any]) -> None:
        """Add items at the end."""
        for item in items:
            self._items.append(item)
            self.end += 1

    def since(self, number: int) -> list[Any]:
        """Return the items from this number on, as far as they are kept."""
        skipped = max(0, len(self._items) - (self.end - number))
        return list(islice(self._items, skipped, None))


@dataclass
class Seen:
    """How far a viewer has seen.

    Attributes
    ----------
    zone
        The one that is looked at.
    viewer
        Begins the ids of its commands.
    points
        Number of the next row by zone.
    views, acks, version
        Number of the next parcel, of the next answer, and the newest fact that was seen.
    """

    zone: str
    viewer: str
    points: dict[str, int] = field(default_factory=dict)
    views: int = 0
    acks: int = 0
    version: int = 0

    @property
    def place(self) -> tuple[object, ...]:
        """The same for all viewers to whom the same is new, but for answers."""
        return (self.zone, self.views, self.version, *self.points.values())


class Board:
    """Keeps what `run` tells; see `streamer.outputs.dashboard.ipc`.

    Facts are `controls/<zone>`, `health/<zone>` and `source/<zone>`, as the messages over MQTT have
    them, `lights` and `broker`.

    Parameters
    ----------
    zones
        Names of the zones; whatever is said of others is left out.
    """

    def __init__(self, zones: Iterable[str]) -> None:
        self.zones = tuple(zones)
        self._points = {zone: Series(MOST_POINTS) for zone in self.zones}
        self._views = {zone: Series(MOST_VIEWS) for zone in self.zones}
        self._acks = Series(_MOST_ACKS)
        self._facts: dict[str, tuple[int, Any]] = {}
        self._version = 0
        self._texts: dict[tuple[object, ...], str] = {}

    def take(self, told: dict[str, Any]) -> None:
        """Take in one line of `run`."""
        self._texts.clear()
        for zone, rows in told.get("points", {}).items():
            self._points[zone].add(rows)
        for zone, parcels in told.get("views", {}).items():
            self._views[zone].add(parcels)
        self._acks.add(told.get("acks", ()))
        if facts := told.get("facts"):
            self._version += 1
            self._facts |= {name: (self._version, value) for name, value in facts.items()}

    def begin(self, zone: str, viewer: str) -> Seen:
        """Return that a viewer of a zone has seen nothing but what is over."""
        return Seen(zone, viewer, views=self._views[zone].end, acks=self._acks.end)

    def text(self, seen: Seen) -> str:
        """Return `news` as JSON, empty where there are none; it is written once for all viewers."""
        place = seen.place
        text = self._texts.get(place)
        if text is None or self._answers(seen):
            news = self.news(seen)
            text = json.dumps(news, separators=(",", ":")) if news else ""
            if "acks" not in news:
                self._texts[place] = text
        else:
            self._show_all(seen)
        return text

    def news(self, seen: Seen) -> dict[str, Any]:
        """Return what is new to a viewer, who has seen it then; of other zones the last row."""
        news: dict[str, Any] = {}
        points = {zone: self._rows(zone, seen) for zone in self.zones}
        if points := {zone: rows for zone, rows in points.items() if rows}:
            news["points"] = points
        if views := self._views[seen.zone].since(seen.views):
            news["views"] = views
        if acks := self._answers(seen):
            news["acks"] = acks
        if seen.version < self._version:
            facts = self._facts.items()
            news["facts"] = {name: fact for name, (at, fact) in facts if at > seen.version}
        self._show_all(seen)
        return news

    def _rows(self, zone: str, seen: Seen) -> list[Any]:
        rows = self._points[zone].since(seen.points.get(zone, 0))
        return rows if zone == seen.zone else rows[-1:]

    def _answers(self, seen: Seen) -> list[Any]:
        return [ack for ack in self._acks.since(seen.acks) if _of(ack, seen.viewer)]

    def _show_all(self, seen: Seen) -> None:
        seen.points = {zone: series.end for zone, series in self._points.items()}
        seen.views, seen.acks = self._views[seen.zone].end, self._acks.end
        seen.version = self._version


def _of(ack: dict[str, Any], viewer: str) -> bool:
    return str(ack.get("id", "")).startswith(f"{viewer}.")
