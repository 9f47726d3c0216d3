"""Messages between a run and its dashboard process, framed by `streamer.child.framing`.

The run sends a `ServerConfig`, then updates. Each holds the keys for which there is something new:

- `points`: by zone, rows of `POINT_COLUMNS`, the oldest first
- `facts`: by name, the current state; see `LiveState`
- `views`: by zone, frames of both views; see `encode_views`
- `acks`: answers to commands, as on `<base>/<zone>/ack/<name>`

The process sends `{"ready": true}` or `{"failed": reason}` once, then

- `{"watched": [zones]}` when the zones that have viewers change
- `{"command": {"zone", "name", "value", "id"}}`, all of them strings
- `{"log": [level, message]}`
"""

from typing import TypedDict

POINT_COLUMNS = (
    "time", "valence", "arousal", "valence_std", "arousal_std", "level", "silence", "latency_ms",
    "mood",
)  # fmt: skip
"""Columns of a row: `time` in ms since 1970, `silence` 0 or 1, others as in `va` and `state`."""


class ViewFormat(TypedDict):
    """Size of the views.

    Attributes
    ----------
    mel, cochleagram
        Number of bands.
    rate
        Frames per second.
    """

    mel: int
    cochleagram: int
    rate: float


class ServerConfig(TypedDict):
    """Settings of the dashboard process.

    Attributes
    ----------
    host, port
        Listen address.
    token
        Token that a viewer has to enter; None for none.
    loopback_only
        Whether only this machine reaches the address.
    node
        Name of this machine.
    zones
        Names of the zones.
    views
        Size of the views.
    smoothers
        Names of the smoothers to offer.
    version
        Version of the program.
    """

    host: str
    port: int
    token: str | None
    loopback_only: bool
    node: str
    zones: list[str]
    views: ViewFormat
    smoothers: list[str]
    version: str
