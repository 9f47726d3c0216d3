"""Names on the wire."""

import re
import socket
from dataclasses import dataclass
from typing import Self

from streamer.config.models import Mqtt


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics below one base.

    Attributes
    ----------
    base
        First levels of every topic, `streamer/<node>` by default; no slash at either end.

    Examples
    --------
    >>> Topics("streamer/kitchen").va("main")
    'streamer/kitchen/main/va'
    """

    base: str

    @classmethod
    def of(cls, config: Mqtt) -> Self:
        """Return the topics that a configuration asks for."""
        return cls(config.base_topic or f"streamer/{config.node or default_node()}")

    @property
    def status(self) -> str:
        """Whether this node is `online` or `offline`; retained, and the last will."""
        return f"{self.base}/status"

    @property
    def commands(self) -> str:
        """Filter of all commands to all zones."""
        return f"{self.base}/+/cmd/+"

    def command(self, zone: str, name: str) -> str:
        """Return the topic of a command to a zone."""
        return f"{self.base}/{zone}/cmd/{name}"

    def ack(self, zone: str, name: str) -> str:
        """Return the topic of the answers to a command."""
        return f"{self.base}/{zone}/ack/{name}"

    @property
    def kept(self) -> list[str]:
        """Filters of all that may be retained below the base."""
        kinds = ("va", "state", "health", "cmd/+", "ack/+")
        return [self.status, *(f"{self.base}/+/{kind}" for kind in kinds)]

    def command_of(self, topic: str) -> tuple[str, str] | None:
        """Return the zone and the name of the command that a topic is for; None if it is none."""
        levels = topic.removeprefix(f"{self.base}/").split("/")
        is_command = topic.startswith(f"{self.base}/") and len(levels) == 3 and levels[1] == "cmd"
        return (levels[0], levels[2]) if is_command else None

    def va(self, zone: str) -> str:
        """Return the topic of a zone's fast stream."""
        return f"{self.base}/{zone}/va"

    def state(self, zone: str) -> str:
        """Return the topic of a zone's retained state."""
        return f"{self.base}/{zone}/state"

    def health(self, zone: str) -> str:
        """Return the topic of a zone's health."""
        return f"{self.base}/{zone}/health"


def slug(name: str) -> str:
    """Return `name` in lower-case letters, digits and single hyphens, at most 64 of them.

    What has no such character at all becomes `node`.
    """
    letters = re.sub(r"[^a-z0-9]+", "-", name.lower())[:64].strip("-")
    return letters or "node"


def default_node() -> str:
    """Return the name of this machine as it stands in topics: its host name, without the domain."""
    return slug(socket.gethostname().partition(".")[0])
