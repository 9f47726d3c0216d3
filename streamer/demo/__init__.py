"""The bundled demo piece and the boundaries of its four moods."""

import json
from dataclasses import dataclass
from pathlib import Path

PIECE: Path = Path(__file__).parent / "piece.opus"
"""Audio file: Opus in Ogg, stereo, 48 kHz. `piece.mid` is its score."""

_SECTIONS = Path(__file__).parent / "sections.json"


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the piece with one mood.

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
    """Return the sections in playing order."""
    content = json.loads(_SECTIONS.read_text(encoding="utf-8"))
    return tuple(Section(**entry) for entry in content["sections"])
