"""Fixture states: attack and release, intensity, DMX levels."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.lights.color import ColorStop, Gradient, srgb_encode
from streamer.outputs.lights.dmx_patch import Channel
from streamer.outputs.lights.fixture import DmxEncoder, Envelope, FixtureState
from streamer.outputs.lights.show import BUILT_IN_TYPES, FixtureResponse
from streamer.outputs.lights.timeline import TimedAffect
from streamer.tracking import Affect

QUICK = {"attack": 0.0, "release": 0.0, "intensity": (0.0, 1.0)}
fraction = st.floats(0, 1)


def estimate(valence=0.0, arousal=0.0, *, silence=False):
    return TimedAffect(0.0, Affect(valence, arousal, 0.1, 0.1), silence)


def make_state(color="#ffffff", at=None, **response):
    state = FixtureState(
        FixtureResponse(**{**QUICK, **response}), Gradient([ColorStop.from_css(0, 0, color)])
    )
    state.step(at or estimate(arousal=1.0), 1.0)
    return state


def levels(kind, state, master=1.0, curve="linear"):
    channels = [Channel.parse(each) for each in BUILT_IN_TYPES[kind]]
    return list(DmxEncoder(channels, curve).encode(state, master))


def test_the_built_in_types():
    red = make_state("#ff0000", at=estimate(arousal=0.2))  # 60 %, 0x9999
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


def test_white_is_the_common_part_of_the_colours_in_linear_light():
    assert levels("rgbw", make_state("#ffffff")) == [0, 0, 0, 255]
    red, green, blue, white = levels("rgbw", make_state("color(srgb-linear 0.8 0.5 0.2)"))
    assert (red, green, blue, white) == (153, 76, 0, 51)


@given(fraction, fraction, fraction, fraction)
def test_white_and_colours_add_up_to_the_colour(red, green, blue, dimmed):
    state = make_state(f"color(srgb-linear {red} {green} {blue})")
    plain = levels("rgb", state, dimmed)
    *parts, white = levels("rgbw", state, dimmed)
    assert [part + white for part in parts] == pytest.approx(plain, abs=1)
    assert min(parts) == 0


@given(fraction, fraction, fraction)
def test_the_curve_encodes_colours_and_not_the_intensity(red, green, dimmed):
    state = make_state(f"color(srgb-linear {red} {green} 0)")
    plain = levels("dimmer-rgb", state, dimmed)
    curved = levels("dimmer-rgb", state, dimmed, "srgb")
    assert curved[0] == plain[0]
    assert curved[1] == pytest.approx(255 * srgb_encode(state.color[0]), abs=0.5)
    scaled = levels("rgb", state, dimmed, "srgb")
    assert scaled[0] == pytest.approx(255 * dimmed * srgb_encode(state.color[0]), abs=0.51)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_sixteen_bit_channels_are_coarse_then_fine(valence, arousal):
    state = make_state(at=estimate(valence, arousal))
    channels = [Channel("valence", is_16_bit=True), Channel("arousal", is_16_bit=True)]
    encoded = DmxEncoder(channels, "linear").encode(state)
    assert int.from_bytes(encoded[:2], "big") == round((1 + valence) / 2 * 65535)
    assert int.from_bytes(encoded[2:], "big") == round((1 + arousal) / 2 * 65535)


def test_constant_channels_ignore_the_master_level():
    channels = [
        Channel(7, is_16_bit=False),
        Channel("dimmer", is_16_bit=False),
        Channel(255, is_16_bit=False),
    ]
    assert list(DmxEncoder(channels, "linear").encode(make_state(), 0.0)) == [7, 0, 255]


@given(
    st.floats(-1, 1), st.tuples(fraction, fraction), st.tuples(fraction, fraction), st.booleans()
)
def test_the_intensity_follows_the_arousal_within_its_limits(arousal, range_, limits, silence):
    low, high = sorted(limits)
    state = make_state(
        at=estimate(arousal=arousal, silence=silence), intensity=range_, minimum=low, maximum=high
    )
    wanted = range_[0] + (1 + arousal) / 2 * (range_[1] - range_[0])
    assert state.intensity == pytest.approx(min(high, max(low, wanted)))


def test_in_silence_sets_the_intensity_during_silence():
    assert make_state(at=estimate(silence=True), in_silence=0.1).intensity == pytest.approx(0.1)
    assert make_state(at=estimate(silence=False), in_silence=0.1).intensity == pytest.approx(0.5)


def test_the_first_estimate_sets_the_colour_and_the_intensity_rises_from_black():
    state = FixtureState(
        FixtureResponse(attack=1.0), Gradient([ColorStop.from_css(0, 0, "#ff0000")])
    )
    assert state.intensity == 0
    state.step(estimate(arousal=1.0), 0.025)
    assert state.color == pytest.approx((1, 0, 0), abs=1e-4)
    assert 0.02 < state.intensity < 0.03


seconds = st.floats(0.01, 60)


@given(seconds, seconds, st.integers(1, 200))
def test_an_envelope_does_63_percent_in_its_time_constant_at_any_frame_rate(
    attack, release, frames
):
    rising, falling = Envelope(attack, release, [0.0]), Envelope(attack, release, [1.0])
    for _ in range(frames):
        rising.step([1.0], attack / frames)
        falling.step([0.0], release / frames)
    assert rising.values[0] == pytest.approx(1 - math.exp(-1))
    assert falling.values[0] == pytest.approx(math.exp(-1))


@given(seconds, st.lists(st.floats(0.001, 0.2), min_size=1, max_size=50))
def test_uneven_frames_end_at_the_same_value_as_one_frame(attack, frames):
    uneven, once = Envelope(attack, 1.0, [0.0]), Envelope(attack, 1.0, [0.0])
    for frame in frames:
        uneven.step([1.0], frame)
    once.step([1.0], sum(frames))
    assert uneven.values == pytest.approx(once.values)


@given(st.lists(st.floats(0, 1), min_size=1), seconds, seconds, st.floats(0, 100))
def test_an_envelope_stays_between_value_and_target(targets, attack, release, time):
    envelope = Envelope(attack, release, [0.5] * len(targets))
    envelope.step(targets, time)
    for value, target in zip(envelope.values, targets, strict=True):
        assert min(0.5, target) - 1e-12 <= value <= max(0.5, target) + 1e-12


def test_a_time_constant_of_zero_jumps():
    envelope = Envelope(0, 0, [0.2, 0.8])
    envelope.step([1.0, 0.0], 0.001)
    assert envelope.values == [1.0, 0.0]
