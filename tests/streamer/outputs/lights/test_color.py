"""Colour gradients over the valence/arousal plane."""

import math
from itertools import pairwise

import pytest
from coloraide import Color
from hypothesis import assume, given
from hypothesis import strategies as st

from streamer.outputs.lights.color import ColorStop, Gradient, parse_css_color, srgb_encode

STEP = 1e-4

coordinates = st.floats(-1, 1)
points = st.tuples(coordinates, coordinates)
colors = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)
vivid = st.builds(
    "oklch({:.3f} {:.3f} {:.1f})".format, st.floats(0, 1), st.floats(0, 0.4), st.floats(0, 360)
)
places = st.lists(
    st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=6, unique=True
)


@st.composite
def palettes(draw, colors=colors | vivid):
    return [ColorStop.from_css(v / 4, a / 4, draw(colors)) for v, a in draw(places)]


def srgb(color):
    return tuple(Color(color).convert("srgb-linear").coords(nans=False))


@given(palettes(colors))
def test_a_gradient_is_exact_at_its_stops(stops):
    gradient = Gradient(stops)
    for stop in stops:
        exact = Color("oklab", [stop.lightness, stop.a, stop.b]).convert("srgb-linear").coords()
        assert gradient.at(stop.valence, stop.arousal) == pytest.approx(exact, abs=1e-4)


@given(palettes(), points, st.floats(0, 2 * math.pi))
def test_a_gradient_is_continuous(stops, point, angle):
    gradient = Gradient(stops)
    valence, arousal = point
    here = gradient.at(valence, arousal)
    there = gradient.at(valence + STEP * math.cos(angle), arousal + STEP * math.sin(angle))
    assert [srgb_encode(part) for part in here] == pytest.approx(
        [srgb_encode(part) for part in there], abs=0.03
    )


@given(palettes(), points)
def test_every_colour_is_within_the_gamut(stops, point):
    assert all(0 <= part <= 1 for part in Gradient(stops).at(*point))


@given(colors, points)
def test_one_stop_is_a_constant_colour(color, point):
    assert Gradient([ColorStop.from_css(0, 0, color)]).at(*point) == pytest.approx(
        srgb(color), abs=1e-4
    )


@given(palettes(), points)
def test_lightness_stays_within_that_of_the_stops(stops, point):
    lightness = Color("srgb-linear", Gradient(stops).at(*point)).convert("oklab")["lightness"]
    assert min(stop.lightness for stop in stops) - 0.02 <= lightness
    assert lightness <= max(stop.lightness for stop in stops) + 0.02


@given(st.floats(0.02, 0.1), st.floats(0.3, 0.8), st.floats(0, 360), st.floats(-60, 60))
def test_similar_hues_mix_to_the_mean_hue_at_the_same_chroma(chroma, light, hue, apart):
    assume(abs(apart) > 1)
    ends = [f"oklch({light} {chroma} {hue + side * apart / 2})" for side in (-1, 1)]
    assume(all(Color(end).in_gamut("srgb") for end in ends))
    color = Gradient([ColorStop.from_css(-1, 0, ends[0]), ColorStop.from_css(1, 0, ends[1])]).at(
        0, 0.5
    )
    _, c, h = Color("srgb-linear", color).convert("oklch").coords(nans=False)
    assert c == pytest.approx(chroma, rel=0.05)
    assert (h - hue + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


def test_opposite_hues_mix_through_grey_without_a_jump():
    red, cyan = "oklch(70% 0.1 20)", "oklch(70% 0.1 200)"
    gradient = Gradient([ColorStop.from_css(-1, 0, red), ColorStop.from_css(1, 0, cyan)])
    chromas = [
        Color("srgb-linear", gradient.at(v / 50, 0)).convert("oklch")["chroma"]
        for v in range(-50, 51)
    ]
    assert chromas[50] == pytest.approx(0, abs=1e-6)
    assert max(abs(a - b) for a, b in pairwise(chromas)) < 0.012


def test_a_colour_outside_srgb_keeps_hue_and_lightness():
    color = Gradient([ColorStop.from_css(0, 0, "oklch(70% 0.35 140)")]).at(0, 0)
    lightness, chroma, hue = Color("srgb-linear", color).convert("oklch").coords()
    assert (lightness, hue) == (pytest.approx(0.7, abs=0.02), pytest.approx(140, abs=3))
    assert 0.15 < chroma < 0.35


@pytest.mark.parametrize(
    "color", ["", "oranje", "#12", "ff8800", "rgb(1 2 3 / 50%)", "transparent"]
)
def test_an_invalid_or_transparent_colour_raises(color):
    with pytest.raises(ValueError, match="it must be"):
        parse_css_color(color)


@given(st.floats(0, 1))
def test_srgb_encoding_equals_the_standard(value):
    exact = Color("srgb-linear", [value] * 3).convert("srgb")["red"]
    assert srgb_encode(value) == pytest.approx(exact, abs=1e-6)
