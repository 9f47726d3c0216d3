"""The demo piece that `streamer` carries, and where its moods begin and end."""

import json
from dataclasses import dataclass
from pathlib import Path

PIECE: Path = Path(__file__).parent / "piece.opus"
"""The piece: Opus in Ogg, stereo, 48 kHz. Its score lies beside it as `piece.mid`."""

_SECTIONS = Path(__file__).parent / "sections.json"


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of the piece that holds one mood.

    Attributes
    ----------
    name
        The mood: `calm`, `joyful`, `tense` or `sorrowful`.
    start, end
        Seconds from the beginning of the piece; a section ends where the next one starts.
    """

    name: str
    start: float
    end: float


def sections() -> tuple[Section, ...]:
    """Give the sections in the order in which they are played."""
    described = json.loads(_SECTIONS.read_text(encoding="utf-8"))
    return tuple(Section(**entry) for entry in described["sections"])
