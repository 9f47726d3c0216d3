"""What `run` and the dashboard's process say to each other: one JSON object a line.

`run` says first how to serve, a `Setting`; then what is new, with these keys, each where there is
something to say:

- `points`: by zone, rows of `POINT`, the oldest first
- `facts`: by name, what is true from now on; see `Board`
- `views`: by zone, frames of both views; see `pack_views`
- `acks`: answers to commands, as on `<base>/<zone>/ack/<name>`

The process says `{"ready": URL}` or `{"failed": reason}` once, and then

- `{"watched": [zones]}` whenever the zones change that somebody looks at
- `{"command": {"zone", "name", "value", "id"}}`, all of them strings
- `{"log": [level, message]}`
"""

from typing import TypedDict

POINT = (
    "time", "valence", "arousal", "valence_std", "arousal_std", "level", "silence", "latency_ms",
    "mood",
)  # fmt: skip
"""Columns of a row: `time` in ms since 1970, `silence` 0 or 1, others as in `va` and `state`."""


class Views(TypedDict):
    """How the views are drawn.

    Attributes
    ----------
    mel, cochleagram
        Bands of each.
    rate
        Frames a second.
    """

    mel: int
    cochleagram: int
    rate: float


class Setting(TypedDict):
    """How to serve.

    Attributes
    ----------
    host, port
        Where.
    token
        What a viewer has to know; None for nothing.
    here
        Whether only this machine reaches it.
    node
        This machine's name.
    zones
        The zones' names.
    views
        How the views are drawn.
    smoothers
        Names of the smoothers that may be chosen.
    version
        Of the program.
    """

    host: str
    port: int
    token: str | None
    here: bool
    node: str
    zones: list[str]
    views: Views
    smoothers: list[str]
    version: str
