"""Requests and responses survive the wire, and only new frames are sent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damer.views import FrontEndSpec
from streamer.engines import Estimate
from streamer.engines.remote import wire_format as wire
from streamer.errors import EngineError

SPEC = FrontEndSpec(window_frames=12)
BANDS = SPEC.mel_bands + SPEC.gammatone_channels
FRAME = 2 * BANDS  # bytes in half precision


def frames(count, seed=0):
    return np.random.default_rng(seed).normal(0, 4, (count, BANDS)).astype(np.float32)


def window(sound, end):
    part = sound[end - SPEC.window_frames : end].T
    return part[None, : SPEC.mel_bands], part[None, SPEC.mel_bands :]


def concatenate(*windows):
    return tuple(np.concatenate(views) for views in zip(*windows, strict=True))


@given(
    steps=st.lists(
        st.lists(st.integers(0, 14), min_size=3, max_size=3).filter(any), min_size=1, max_size=12
    ),
    precision=st.sampled_from(["single", "half"]),
)
def test_the_server_has_the_same_windows_for_any_interleaving_of_zones(steps, precision):
    encoder, decoder = wire.WindowEncoder(precision), wire.WindowDecoder(SPEC, precision)
    sounds, ends = [frames(300, seed) for seed in range(3)], [SPEC.window_frames] * 3
    for step in steps:
        ends = [end + by for end, by in zip(ends, step, strict=True)]
        given_views = concatenate(*map(window, sounds, ends))
        found = decoder.decode(encoder.encode(*given_views))
        for view, expected in zip(found, given_views, strict=True):
            if precision == "single":
                np.testing.assert_array_equal(view, expected)
            else:
                np.testing.assert_allclose(view, expected, rtol=1e-3, atol=1e-6)


def test_only_new_frames_are_sent():
    encoder, sound = wire.WindowEncoder("half"), frames(60)
    lengths = [len(encoder.encode(*window(sound, end))) for end in (12, 21, 21, 60)]
    assert lengths == [4 + 12 * FRAME, 4 + 9 * FRAME, 4, 4 + 12 * FRAME]


def test_zones_are_identified_by_their_frames_in_any_order():
    encoder, one, other = wire.WindowEncoder("half"), frames(60, 1), frames(60, 2)
    encoder.encode(*concatenate(window(one, 12), window(other, 12)))
    assert (
        len(encoder.encode(*concatenate(window(other, 13), window(one, 14)))) == 2 * 4 + 3 * FRAME
    )


def test_the_least_recently_used_slot_is_replaced():
    encoder, decoder = wire.WindowEncoder("single"), wire.WindowDecoder(SPEC, "single")
    sounds = [frames(40, seed) for seed in range(wire.SLOTS + 5)]
    for end in (12, 14):
        for sound in sounds:
            mel, cochleagram = decoder.decode(encoder.encode(*window(sound, end)))
            np.testing.assert_array_equal(mel, window(sound, end)[0])
            np.testing.assert_array_equal(cochleagram, window(sound, end)[1])


def test_silence_is_sent_like_any_sound():
    encoder, decoder = wire.WindowEncoder("half"), wire.WindowDecoder(SPEC, "half")
    silence = np.zeros((40, BANDS), np.float32)
    sound = np.concatenate((silence, frames(40)))
    for end in (12, 13, 20, 45, 52, 60):
        mel, _ = decoder.decode(encoder.encode(*window(sound, end)))
        np.testing.assert_allclose(mel, window(sound, end)[0], rtol=1e-3, atol=1e-6)


HEADER = b"\x00\x00\x0c\x00"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "1 to 64 windows"),
        (b"\x00", "1 to 64 windows"),
        (b"\x40\x00\x0c\x00", "out of range"),
        (b"\x00\x00\x0d\x00", "out of range"),
        (b"\x00\x00\x01\x00" + bytes(FRAME), "slot 0 has no window to continue"),
        (HEADER + bytes(12 * FRAME - 1), "ends within a window"),
        (HEADER + b"\x00\x7c" * (12 * BANDS), "not finite"),
        ((HEADER + bytes(12 * FRAME)) * 65, "1 to 64 windows"),
    ],
)
def test_a_malformed_request_is_refused(message, reason):
    with pytest.raises(ValueError, match=reason):
        wire.WindowDecoder(SPEC, "half").decode(message)


@given(st.binary(max_size=3 * FRAME))
def test_any_bytes_are_decoded_or_refused(message):
    try:
        mel, _ = wire.WindowDecoder(SPEC, "half").decode(message)
    except ValueError:
        return
    assert len(mel) >= 1


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="single, half"):
        wire.WindowDecoder(SPEC, "double")


def test_a_decoded_response_equals_the_estimate():
    columns = np.random.default_rng(0).random((4, 5)).astype(np.float32)
    found = wire.decode_estimate(wire.encode_estimate(Estimate(*columns)), 5)
    for name, column in zip(Estimate.__slots__, columns, strict=True):
        np.testing.assert_array_equal(getattr(found, name), column)
    with pytest.raises(EngineError, match="80 bytes for 4 windows"):
        wire.decode_estimate(wire.encode_estimate(found), 4)
