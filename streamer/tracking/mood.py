"""Mood word and quadrant of a point in the valence/arousal plane.

The circle is divided into twelve sectors of 30 degrees, three per quadrant. Each has a word that
Russell (1980, "A circumplex model of affect", J. Pers. Soc. Psychol. 39, 1161-1178) placed in it or
next to it. Points near the centre are `neutral`.
"""

from math import atan2, degrees, hypot, isnan
from typing import Literal, get_args

Quadrant = Literal["Q1", "Q2", "Q3", "Q4"]
"""Q1 pleasant and excited, Q2 unpleasant and excited, Q3 unpleasant and calm, Q4 pleasant and calm.

Each quadrant includes the half-axis it begins with, counter-clockwise from positive valence. The
origin belongs to Q1.
"""

Mood = Literal[
    "happy", "excited", "aroused",
    "tense", "distressed", "miserable",
    "sad", "gloomy", "tired",
    "sleepy", "calm", "pleased",
    "neutral",
]  # fmt: skip

WORDS: tuple[Mood, ...] = get_args(Mood)[:12]
"""Word of each sector of 30 degrees, counter-clockwise from positive valence."""

NEUTRAL_RADIUS = 0.15
"""Distance from the centre below which the word is `neutral`."""


def quadrant(valence: float, arousal: float) -> Quadrant:
    """Return the quadrant of a point, both coordinates in [-1, 1]."""
    return _rotate_to_first(valence, arousal)[0]


def mood(valence: float, arousal: float) -> Mood:
    """Return the word of a point, both coordinates in [-1, 1]; `neutral` for NaN."""
    distance = hypot(valence, arousal)
    if distance < NEUTRAL_RADIUS or isnan(distance):
        return "neutral"
    name, x, y = _rotate_to_first(valence, arousal)
    sector = min(2, int(degrees(atan2(y, x)) / 30))
    return WORDS[3 * (int(name[1]) - 1) + sector]


def _rotate_to_first(valence: float, arousal: float) -> tuple[Quadrant, float, float]:
    """Return the quadrant, and the point rotated into the first one."""
    if valence <= 0 < arousal:
        return "Q2", arousal, -valence
    if arousal <= 0 and valence < 0:
        return "Q3", -valence, -arousal
    if arousal < 0 <= valence:
        return "Q4", -arousal, valence
    return "Q1", valence, arousal
