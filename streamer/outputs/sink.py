"""The interface of every output of a run: `offer_update` is required, the rest is optional.

To add an output, subclass `Sink` in a package of `streamer.outputs` and construct it in
`streamer.app.outputs.make_outputs`. `streamer.outputs.run_status` is what it may read of the run.
"""

from __future__ import annotations  # the types below are slow to import

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.audio.block import Block
    from streamer.tracking.update import Update


class Sink(ABC):
    """An output of a run.

    Only `offer_update` must be implemented. All methods are called on the event loop's thread;
    `offer_update` and `offer_audio` must neither block nor raise: they queue or drop.

    Life cycle: construct (validate settings), `open`, `run` as a background task beside offers,
    `close`.
    """

    async def open(self) -> None:
        """Acquire ports, files and processes, before any zone is opened.

        Raises
        ------
        StreamerError
            A resource is not available; the run does not start.
        """

    async def run(self) -> None:
        """Work in the background until cancelled; started once the zones run."""

    @abstractmethod
    def offer_update(self, zone: str, update: Update) -> None:
        """Accept the newest estimate of a zone."""

    def offer_audio(self, zone: str, block: Block, rate: int) -> None:
        """Accept a captured block of a zone, at `rate` Hz."""

    def reload(self) -> None:
        """Reload files of its own (SIGHUP, `reload` command)."""

    async def close(self) -> None:
        """Flush and release everything; may take some seconds, may be called twice."""
