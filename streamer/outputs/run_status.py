"""What an output may read of a run, and the commands it may send to it."""

from __future__ import annotations  # the types below are slow to import

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamer.engines import Engine
    from streamer.mqtt import BrokerStatus
    from streamer.mqtt.commands import Command, CommandValue, ResponseTarget
    from streamer.mqtt.payloads import Ack, Controls, Health
    from streamer.tracking.zone import ZoneTracker


class RunStatus(Protocol):
    """State of a run that outputs may read, on the event loop's thread."""

    @property
    def engine(self) -> Engine:
        """The engine that all zones share."""
        ...

    @property
    def trackers(self) -> Mapping[str, ZoneTracker]:
        """Zone trackers by zone id."""
        ...

    @property
    def broker(self) -> BrokerStatus:
        """Connection to the MQTT broker."""
        ...

    @property
    def stall(self) -> str:
        """Zones that have audio but no estimates, in words; empty if none."""
        ...

    def health(self) -> Mapping[str, Health]:
        """Return the health of each zone, at most one second old; empty before the start."""
        ...


class CommandTarget(Protocol):
    """Executes commands on zones, for outputs that take commands (dashboard)."""

    def controls(self, zone: str) -> Controls:
        """Return the present settings of a zone."""
        ...

    def execute(self, command: Command) -> CommandValue | None:
        """Execute a command; return the value in effect, or raise `CommandError`."""
        ...

    def send_ack(self, reply: ResponseTarget, ack: Ack) -> None:
        """Send the answer to a command to MQTT and dashboard."""
        ...
