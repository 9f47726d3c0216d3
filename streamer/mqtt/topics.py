"""Topic names below a node's base topic, and the payloads of its status topic."""

import re
import socket
from dataclasses import dataclass
from typing import Self

from streamer.config.models import Mqtt

ONLINE, OFFLINE = b"online", b"offline"
"""Payloads of the status topic; `offline` is also the last will."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics of one node.

    Attributes
    ----------
    base
        First levels of every topic, without a slash at either end. Default: `streamer/<node>`.

    Examples
    --------
    >>> Topics("streamer/kitchen").va("main")
    'streamer/kitchen/main/va'
    """

    base: str

    @classmethod
    def from_config(cls, config: Mqtt) -> Self:
        """Return the topics of the configured node."""
        return cls(config.base_topic or f"streamer/{config.node or default_node()}")

    @property
    def status(self) -> str:
        """Topic of the node's status, `online` or `offline`; retained, and the last will."""
        return f"{self.base}/status"

    @property
    def command_filter(self) -> str:
        """Topic filter that matches every command to every zone."""
        return f"{self.base}/+/cmd/+"

    @property
    def retained_filters(self) -> list[str]:
        """Topic filters that match every message a broker may retain for this node."""
        kinds = ("va", "state", "health", "cmd/+", "ack/+")
        return [self.status, *(f"{self.base}/+/{kind}" for kind in kinds)]

    def va(self, zone: str) -> str:
        """Return the topic of a zone's estimates."""
        return f"{self.base}/{zone}/va"

    def state(self, zone: str) -> str:
        """Return the topic of a zone's retained state."""
        return f"{self.base}/{zone}/state"

    def health(self, zone: str) -> str:
        """Return the topic of a zone's health."""
        return f"{self.base}/{zone}/health"

    def command(self, zone: str, name: str) -> str:
        """Return the topic of a command to a zone."""
        return f"{self.base}/{zone}/cmd/{name}"

    def ack(self, zone: str, name: str) -> str:
        """Return the topic of a command's acknowledgements."""
        return f"{self.base}/{zone}/ack/{name}"

    def parse_command_topic(self, topic: str) -> tuple[str, str] | None:
        """Return the zone and command name in a topic; None if it is not a command topic."""
        levels = topic.removeprefix(f"{self.base}/").split("/")
        is_command = topic.startswith(f"{self.base}/") and len(levels) == 3 and levels[1] == "cmd"
        return (levels[0], levels[2]) if is_command else None


def slug(name: str) -> str:
    """Return `name` as lower-case letters, digits and single hyphens, at most 64 characters.

    A name without any such character becomes `node`.
    """
    letters = re.sub(r"[^a-z0-9]+", "-", name.lower())[:64].strip("-")
    return letters or "node"


def default_node() -> str:
    """Return the node name used by default: this machine's host name, without the domain."""
    return slug(socket.gethostname().partition(".")[0])
