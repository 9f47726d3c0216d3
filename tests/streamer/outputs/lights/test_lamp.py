"""From a look to the levels of channels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.lights.color import ColorStop, Gradient, srgb_encode
from streamer.outputs.lights.dmx_patch import BUILT_IN_TYPES, Channel
from streamer.outputs.lights.fixture import DmxEncoder, FixtureState
from streamer.outputs.lights.show import FixtureResponse
from streamer.outputs.lights.timeline import TimedAffect
from streamer.tracking import Affect

QUICK = {"attack": 0.0, "release": 0.0, "intensity": (0.0, 1.0)}
share = st.floats(0, 1)


def look(valence=0.0, arousal=0.0, *, silence=False):
    return TimedAffect(0.0, Affect(valence, arousal, 0.1, 0.1), silence)


def lamp(color="#ffffff", at=None, **response):
    made = FixtureState(
        FixtureResponse(**{**QUICK, **response}), Gradient([ColorStop.from_css(0, 0, color)])
    )
    made.step(at or look(arousal=1.0), 1.0)
    return made


def levels(kind, made, share=1.0, curve="linear"):
    channels = [
        Channel(each.removesuffix("16"), each.endswith("16")) for each in BUILT_IN_TYPES[kind]
    ]
    return list(DmxEncoder(channels, curve).levels(made, share))


def test_the_built_in_types():
    red = lamp("#ff0000", at=look(arousal=0.2))  # 60 %, 0x9999
    assert levels("dimmer", red) == [153]
    assert levels("rgb", red) == [153, 0, 0]
    assert levels("rgbw", red) == [153, 0, 0, 0]
    assert levels("dimmer-rgb", red) == [153, 255, 0, 0]
    assert levels("dimmer-rgbw", red) == [153, 255, 0, 0, 0]
    assert levels("dimmer16", red) == [153, 153]
    assert levels("rgb16", red) == [153, 153, 0, 0, 0, 0]
    assert levels("rgbw16", red) == [153, 153, 0, 0, 0, 0, 0, 0]
    assert levels("dimmer-rgb16", red) == [153, 153, 255, 255, 0, 0, 0, 0]
    assert levels("dimmer-rgbw16", red) == [153, 153, 255, 255, 0, 0, 0, 0, 0, 0]


def test_white_is_what_the_colours_share_in_linear_light():
    assert levels("rgbw", lamp("#ffffff")) == [0, 0, 0, 255]
    red, green, blue, white = levels("rgbw", lamp("color(srgb-linear 0.8 0.5 0.2)"))
    assert (red, green, blue, white) == (153, 76, 0, 51)


@given(share, share, share, share)
def test_white_and_colours_together_are_the_colour(red, green, blue, dimmed):
    made = lamp(f"color(srgb-linear {red} {green} {blue})")
    plain = levels("rgb", made, dimmed)
    *parts, white = levels("rgbw", made, dimmed)
    assert [part + white for part in parts] == pytest.approx(plain, abs=1)
    assert min(parts) == 0


@given(share, share, share)
def test_the_curve_codes_colours_and_not_the_intensity(red, green, dimmed):
    made = lamp(f"color(srgb-linear {red} {green} 0)")
    plain = levels("dimmer-rgb", made, dimmed)
    curved = levels("dimmer-rgb", made, dimmed, "srgb")
    assert curved[0] == plain[0]
    assert curved[1] == pytest.approx(255 * srgb_encode(made.color[0]), abs=0.5)
    scaled = levels("rgb", made, dimmed, "srgb")
    assert scaled[0] == pytest.approx(255 * dimmed * srgb_encode(made.color[0]), abs=0.51)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_sixteen_bits_are_coarse_then_fine(valence, arousal):
    made = lamp(at=look(valence, arousal))
    channels = [Channel("valence", wide=True), Channel("arousal", wide=True)]
    coded = DmxEncoder(channels, "linear").levels(made)
    assert int.from_bytes(coded[:2], "big") == round((1 + valence) / 2 * 65535)
    assert int.from_bytes(coded[2:], "big") == round((1 + arousal) / 2 * 65535)


def test_constants_stay():
    channels = [Channel(7, wide=False), Channel("dimmer", wide=False), Channel(255, wide=False)]
    assert list(DmxEncoder(channels, "linear").levels(lamp(), 0.0)) == [7, 0, 255]


@given(st.floats(-1, 1), st.tuples(share, share), st.tuples(share, share), st.booleans())
def test_the_intensity_follows_the_arousal_within_its_limits(arousal, ends, limits, silence):
    low, high = sorted(limits)
    made = lamp(
        at=look(arousal=arousal, silence=silence), intensity=ends, minimum=low, maximum=high
    )
    wanted = ends[0] + (1 + arousal) / 2 * (ends[1] - ends[0])
    assert made.intensity == pytest.approx(min(high, max(low, wanted)))


def test_silence_has_an_intensity_of_its_own():
    assert lamp(at=look(silence=True), in_silence=0.1).intensity == pytest.approx(0.1)
    assert lamp(at=look(silence=False), in_silence=0.1).intensity == pytest.approx(0.5)


def test_it_rises_from_black_in_its_colour():
    made = FixtureState(
        FixtureResponse(attack=1.0), Gradient([ColorStop.from_css(0, 0, "#ff0000")])
    )
    assert made.intensity == 0
    made.step(look(arousal=1.0), 0.025)
    assert made.color == pytest.approx((1, 0, 0), abs=1e-4)
    assert 0.02 < made.intensity < 0.03
