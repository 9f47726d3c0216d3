"""Colours that are readable on dark and on light terminals: of middling brightness, all of them."""

from rich.style import Style

TEXT = Style(bold=True)
GREY = Style(color="#858585")
GOOD = Style(color="#2f9e63")
WARN = Style(color="#cc7a00")
BAD = Style(color="#d9483b")
VALENCE = Style(color="#a764d6")
AROUSAL = Style(color="#1b98a3")

_GREY = (0x85, 0x85, 0x85)
_MOODS = {
    "tense": (0xD9, 0x48, 0x3B),
    "excited": (0xCC, 0x7A, 0x00),
    "sad": (0x4B, 0x7F, 0xD1),
    "calm": (0x2F, 0x9E, 0x63),
    "neutral": _GREY,
}


def _mixed(mood: str, grey: float, *, bold: bool = False) -> Style:
    parts = zip(_MOODS[mood], _GREY, strict=True)
    red, green, blue = (round((1 - grey) * own + grey * other) for own, other in parts)
    return Style(color=f"#{red:02x}{green:02x}{blue:02x}", bold=bold)


MOOD = {mood: _mixed(mood, 0.0, bold=True) for mood in _MOODS}
"""The colour of a quadrant's word, and of the point in it."""

TRAIL = {mood: [_mixed(mood, grey) for grey in (0.0, 0.4, 0.7, 1.0)] for mood in _MOODS}
"""The colours of a trail that goes through a quadrant, the freshest first."""
