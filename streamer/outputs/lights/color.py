"""Colours over the valence/arousal plane, mixed in OKLCH.

OKLab and its polar form OKLCH: B. Ottosson, "A perceptual color space for image processing", 2020,
https://bottosson.github.io/posts/oklab/. Conversions and gamut mapping are coloraide's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Self

from coloraide import Color

LinearRgb = tuple[float, float, float]
"""Red, green, blue in linear light, each 0..1, with the primaries of sRGB."""

WHITE: LinearRgb = (1.0, 1.0, 1.0)

_AT_ANCHOR = 1e-9  # distance below which a point is the anchor


@dataclass(frozen=True)
class ColorStop:
    """A colour at a point of the plane.

    Attributes
    ----------
    valence, arousal
        Where, in [-1, 1].
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
        """Make a stop of a colour that `parse` knows."""
        lightness, a, b = parse(color).convert("oklab").coords(nans=False)
        return cls(valence, arousal, lightness, a, b)


class Gradient:
    """A colour for every point of the plane, continuous and exact at its stops.

    The stops are weighted by the inverse square of their distance (D. Shepard, 1968). Lightness and
    chroma are averaged, and so is the hue, on the circle and weighted by chroma. Opposite hues have
    no mean: as they come to cancel each other, the chroma falls to nothing, so that the colour goes
    through grey and never jumps. What sRGB cannot show is mapped into it at its hue and lightness.

    Parameters
    ----------
    stops
        At least one, no two in the same place.
    """

    def __init__(self, stops: Sequence[ColorStop]) -> None:
        self._stops = tuple(stops)

    def at(self, valence: float, arousal: float) -> LinearRgb:
        """Return the colour of a point; takes 0.05 to 0.3 ms."""
        lightness = chroma = a = b = 0.0
        for stop, weight in zip(self._stops, self._weights(valence, arousal), strict=True):
            lightness += weight * stop.lightness
            chroma += weight * hypot(stop.a, stop.b)
            a += weight * stop.a
            b += weight * stop.b
        # The mean hue is that of (a, b), which is as long as the mean chroma where all hues agree
        # and nothing where they cancel: "agreement" 1 to 0. Chroma falls with 1 - (1 - agreement)².
        agreement = hypot(a, b) / chroma if chroma else 1.0
        grow = 2.0 - agreement
        mixed = Color("oklab", [lightness, grow * a, grow * b]).convert("srgb-linear")
        red, green, blue = mixed.fit(method="raytrace").coords()
        return _share(red), _share(green), _share(blue)

    def _weights(self, valence: float, arousal: float) -> list[float]:
        squares = []
        for index, stop in enumerate(self._stops):
            across, up = valence - stop.valence, arousal - stop.arousal
            square = across * across + up * up
            if square < _AT_ANCHOR**2:
                return [float(other == index) for other in range(len(self._stops))]
            squares.append(square)
        nearest = min(squares)
        parts = [nearest / square for square in squares]
        whole = sum(parts)
        return [part / whole for part in parts]


def parse(color: str) -> Color:
    """Read a colour as CSS writes it: "#ff8800", "orange", "oklch(70% 0.15 60)".

    Raises
    ------
    ValueError
        It is none, or not opaque.
    """
    try:
        found = Color(color)
    except ValueError:
        raise ValueError(
            'it must be a colour as CSS writes it: "#ff8800", "orange", "oklch(70% 0.15 60)"'
        ) from None
    if found.alpha(nans=False) < 1:
        raise ValueError("it must be opaque: light has no transparency; use a darker colour")
    return found


def srgb_encode(value: float) -> float:
    """Return linear light, 0..1, as sRGB codes it (IEC 61966-2-1)."""
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def to_hex(color: LinearRgb) -> str:
    """Return a colour of linear light as `#rrggbb`."""
    return "#" + "".join(f"{round(255 * srgb_encode(part)):02x}" for part in color)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
