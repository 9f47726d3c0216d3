"""Current state of the run, and what of it a viewer has not received yet."""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MAX_POINTS = 3000
"""Rows of each zone that a new viewer receives: five minutes at ten per second."""

MAX_VIEWS = 40
"""Messages with views that are kept per zone; a viewer that lags further behind misses some."""

_MAX_ACKS = 200


class History:
    """The last items of a sequence, numbered from 0.

    Attributes
    ----------
    end
        Number of the next item: how many there were so far.
    """

    def __init__(self, max_items: int) -> None:
        self._items: deque[Any] = deque(maxlen=max_items)
        self.end = 0

    def extend(self, items: Iterable[Any]) -> None:
        """Append items; drop the oldest ones beyond the maximum."""
        for item in items:
            self._items.append(item)
            self.end += 1

    def since(self, number: int) -> list[Any]:
        """Return the items from this number on that are still kept."""
        skipped = max(0, len(self._items) - (self.end - number))
        return list(islice(self._items, skipped, None))


@dataclass
class Cursor:
    """What a viewer has received so far.

    Attributes
    ----------
    zone
        Zone whose page is shown.
    viewer
        Name of the viewer; the prefix of the ids of its commands.
    points
        Number of the next row, by zone.
    views, acks
        Number of the next message with views, and of the next answer.
    version
        Version of the newest fact.
    """

    zone: str
    viewer: str
    points: dict[str, int] = field(default_factory=dict)
    views: int = 0
    acks: int = 0
    version: int = 0

    @property
    def cache_key(self) -> tuple[object, ...]:
        """Key that is equal for viewers that miss the same updates, apart from answers."""
        return (self.zone, self.views, self.version, *self.points.values())


class LiveState:
    """State of the run from the updates of `streamer.outputs.dashboard.ipc`.

    Facts are `controls/<zone>`, `health/<zone>` and `source/<zone>`, as in the MQTT messages,
    `lights` and `broker`.

    Parameters
    ----------
    zones
        Names of the zones.
    """

    def __init__(self, zones: Iterable[str]) -> None:
        self.zones = tuple(zones)
        self._points = {zone: History(MAX_POINTS) for zone in self.zones}
        self._views = {zone: History(MAX_VIEWS) for zone in self.zones}
        self._acks = History(_MAX_ACKS)
        self._facts: dict[str, tuple[int, Any]] = {}
        self._version = 0
        self._encoded: dict[tuple[object, ...], str] = {}

    def update(self, updates: dict[str, Any]) -> None:
        """Apply a message of the run."""
        self._encoded.clear()
        for zone, rows in updates.get("points", {}).items():
            self._points[zone].extend(rows)
        for zone, views in updates.get("views", {}).items():
            self._views[zone].extend(views)
        self._acks.extend(updates.get("acks", ()))
        if facts := updates.get("facts"):
            self._version += 1
            self._facts |= {name: (self._version, value) for name, value in facts.items()}

    def new_cursor(self, zone: str, viewer: str) -> Cursor:
        """Return the cursor of a new viewer: it receives all rows and facts, no old views."""
        return Cursor(zone, viewer, views=self._views[zone].end, acks=self._acks.end)

    def encode_news(self, cursor: Cursor) -> str:
        """Return `news` as JSON, empty if there are none; encode them once for all viewers."""
        key = cursor.cache_key
        text = self._encoded.get(key)
        if text is None or self._new_acks(cursor):
            news = self.news(cursor)
            text = json.dumps(news, separators=(",", ":")) if news else ""
            if "acks" not in news:
                self._encoded[key] = text
        else:
            self._advance(cursor)
        return text

    def news(self, cursor: Cursor) -> dict[str, Any]:
        """Return the updates that a viewer misses, and advance its cursor.

        Of the zones that it does not show it receives the last row only.
        """
        news: dict[str, Any] = {}
        points = {zone: self._new_rows(zone, cursor) for zone in self.zones}
        if points := {zone: rows for zone, rows in points.items() if rows}:
            news["points"] = points
        if views := self._views[cursor.zone].since(cursor.views):
            news["views"] = views
        if acks := self._new_acks(cursor):
            news["acks"] = acks
        if cursor.version < self._version:
            facts = self._facts.items()
            news["facts"] = {
                name: value for name, (version, value) in facts if version > cursor.version
            }
        self._advance(cursor)
        return news

    def _new_rows(self, zone: str, cursor: Cursor) -> list[Any]:
        rows = self._points[zone].since(cursor.points.get(zone, 0))
        return rows if zone == cursor.zone else rows[-1:]

    def _new_acks(self, cursor: Cursor) -> list[Any]:
        prefix = f"{cursor.viewer}."
        acks = self._acks.since(cursor.acks)
        return [ack for ack in acks if str(ack.get("id", "")).startswith(prefix)]

    def _advance(self, cursor: Cursor) -> None:
        cursor.points = {zone: rows.end for zone, rows in self._points.items()}
        cursor.views, cursor.acks = self._views[cursor.zone].end, self._acks.end
        cursor.version = self._version
