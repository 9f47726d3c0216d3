"""A hand-off that never queues."""

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Latest(Generic[Item]):
    """One slot between two tasks: what was not taken in time gives way to what is newer.

    Attributes
    ----------
    dropped
        Items that gave way.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._item: Item | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, item: Item) -> None:
        """Offer an item; never waits."""
        self.dropped += self._item is not None
        self._item = item
        self._changed.set()

    def close(self) -> None:
        """Let the iteration end once the slot is empty."""
        self._closed = True
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Yield the newest item each time, until `close`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            item, self._item = self._item, None
            if item is not None:
                yield item
            if self._closed and self._item is None:
                return
