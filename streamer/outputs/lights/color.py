"""Colours over the valence/arousal plane, interpolated in OKLCH.

OKLab and its polar form OKLCH: B. Ottosson, "A perceptual color space for image processing", 2020,
https://bottosson.github.io/posts/oklab/. coloraide converts and maps into the gamut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Self

from coloraide import Color

LinearRgb = tuple[float, float, float]
"""Red, green, blue in linear light, each 0..1, with the primaries of sRGB."""

WHITE: LinearRgb = (1.0, 1.0, 1.0)

_AT_STOP = 1e-9  # distance below which a point equals a stop


@dataclass(frozen=True)
class ColorStop:
    """A colour at a point of the plane.

    Attributes
    ----------
    valence, arousal
        The point, in [-1, 1].
    lightness, a, b
        The colour in OKLab.
    """

    valence: float
    arousal: float
    lightness: float
    a: float
    b: float

    @classmethod
    def from_css(cls, valence: float, arousal: float, color: str) -> Self:
        """Create a stop from a CSS colour; see `parse_css_color`."""
        lightness, a, b = parse_css_color(color).convert("oklab").coords(nans=False)
        return cls(valence, arousal, lightness, a, b)


class Gradient:
    """A continuous colour for every point of the plane, exact at its stops.

    Stops are weighted by their inverse squared distance (D. Shepard, 1968). Lightness and chroma
    are averaged; the hue is averaged on the circle, weighted by chroma. Opposite hues have no mean:
    where they cancel, chroma falls to zero, so the colour passes through grey without a jump.
    Colours outside sRGB are mapped into it at constant hue and lightness.

    Parameters
    ----------
    stops
        At least one, no two at the same point.
    """

    def __init__(self, stops: Sequence[ColorStop]) -> None:
        self._stops = tuple(stops)

    def at(self, valence: float, arousal: float) -> LinearRgb:
        """Return the colour at a point; takes 0.05 to 0.3 ms."""
        lightness = chroma = a = b = 0.0
        for stop, weight in zip(self._stops, self._weights(valence, arousal), strict=True):
            lightness += weight * stop.lightness
            chroma += weight * hypot(stop.a, stop.b)
            a += weight * stop.a
            b += weight * stop.b
        # (a, b) has the mean hue. Its length is the mean chroma where all hues agree and 0 where
        # they cancel ("agreement" 1 to 0). The chroma falls with 1 - (1 - agreement)².
        agreement = hypot(a, b) / chroma if chroma else 1.0
        scale = 2.0 - agreement
        mixed = Color("oklab", [lightness, scale * a, scale * b]).convert("srgb-linear")
        red, green, blue = mixed.fit(method="raytrace").coords()
        return _clip(red), _clip(green), _clip(blue)

    def _weights(self, valence: float, arousal: float) -> list[float]:
        """Return a weight for each stop; they sum to 1."""
        squares = []
        for index, stop in enumerate(self._stops):
            dx, dy = valence - stop.valence, arousal - stop.arousal
            square = dx * dx + dy * dy
            if square < _AT_STOP**2:
                return [float(other == index) for other in range(len(self._stops))]
            squares.append(square)
        nearest = min(squares)
        ratios = [nearest / square for square in squares]
        total = sum(ratios)
        return [ratio / total for ratio in ratios]


def parse_css_color(color: str) -> Color:
    """Parse an opaque CSS colour: "#ff8800", "orange", "oklch(70% 0.15 60)".

    Raises
    ------
    ValueError
        It is not a colour, or not opaque.
    """
    try:
        parsed = Color(color)
    except ValueError:
        raise ValueError(
            'it must be a CSS colour: "#ff8800", "orange", "oklch(70% 0.15 60)"'
        ) from None
    if parsed.alpha(nans=False) < 1:
        raise ValueError("it must be opaque: light has no transparency; use a darker colour")
    return parsed


def srgb_encode(value: float) -> float:
    """Apply the sRGB transfer function to linear light, 0..1 (IEC 61966-2-1)."""
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def to_hex(color: LinearRgb) -> str:
    """Return a linear-light colour as `#rrggbb`."""
    return "#" + "".join(f"{round(255 * srgb_encode(part)):02x}" for part in color)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))
