"""What travels is what was meant, and only what is new."""

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


def together(*windows):
    return tuple(np.concatenate(views) for views in zip(*windows, strict=True))


@given(
    steps=st.lists(
        st.lists(st.integers(0, 14), min_size=3, max_size=3).filter(any), min_size=1, max_size=12
    ),
    precision=st.sampled_from(["single", "half"]),
)
def test_for_every_way_through_several_zones_the_server_has_the_same_windows(steps, precision):
    sender, receiver = wire.WindowEncoder(precision), wire.WindowDecoder(SPEC, precision)
    sounds, ends = [frames(300, seed) for seed in range(3)], [SPEC.window_frames] * 3
    for step in steps:
        ends = [end + by for end, by in zip(ends, step, strict=True)]
        given_views = together(*map(window, sounds, ends))
        found = receiver.decode(sender.encode(*given_views))
        for view, expected in zip(found, given_views, strict=True):
            if precision == "single":
                np.testing.assert_array_equal(view, expected)
            else:
                np.testing.assert_allclose(view, expected, rtol=1e-3, atol=1e-6)


def test_only_new_frames_travel():
    sender, sound = wire.WindowEncoder("half"), frames(60)
    lengths = [len(sender.encode(*window(sound, end))) for end in (12, 21, 21, 60)]
    assert lengths == [4 + 12 * FRAME, 4 + 9 * FRAME, 4, 4 + 12 * FRAME]


def test_zones_are_told_apart_by_what_they_hear_whatever_their_order():
    sender, one, other = wire.WindowEncoder("half"), frames(60, 1), frames(60, 2)
    sender.encode(*together(window(one, 12), window(other, 12)))
    assert len(sender.encode(*together(window(other, 13), window(one, 14)))) == 2 * 4 + 3 * FRAME


def test_more_windows_than_a_server_keeps_push_out_the_longest_unused():
    sender, receiver = wire.WindowEncoder("single"), wire.WindowDecoder(SPEC, "single")
    sounds = [frames(40, seed) for seed in range(wire.SLOTS + 5)]
    for end in (12, 14):
        for sound in sounds:
            mel, cochleagram = receiver.decode(sender.encode(*window(sound, end)))
            np.testing.assert_array_equal(mel, window(sound, end)[0])
            np.testing.assert_array_equal(cochleagram, window(sound, end)[1])


def test_silence_like_any_sound_comes_through():
    sender, receiver = wire.WindowEncoder("half"), wire.WindowDecoder(SPEC, "half")
    silence = np.zeros((40, BANDS), np.float32)
    sound = np.concatenate((silence, frames(40)))
    for end in (12, 13, 20, 45, 52, 60):
        mel, _ = receiver.decode(sender.encode(*window(sound, end)))
        np.testing.assert_allclose(mel, window(sound, end)[0], rtol=1e-3, atol=1e-6)


HEAD = b"\x00\x00\x0c\x00"


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (b"", "1 to 64 windows"),
        (b"\x00", "1 to 64 windows"),
        (b"\x40\x00\x0c\x00", "out of range"),
        (b"\x00\x00\x0d\x00", "out of range"),
        (b"\x00\x00\x01\x00" + bytes(FRAME), "slot 0 has no window to go on from"),
        (HEAD + bytes(12 * FRAME - 1), "ends within a window"),
        (HEAD + b"\x00\x7c" * (12 * BANDS), "not finite"),
        ((HEAD + bytes(12 * FRAME)) * 65, "1 to 64 windows"),
    ],
)
def test_what_is_no_question_is_told(question, reason):
    with pytest.raises(ValueError, match=reason):
        wire.WindowDecoder(SPEC, "half").decode(question)


@given(st.binary(max_size=3 * FRAME))
def test_whatever_arrives_is_read_or_refused(question):
    try:
        mel, _ = wire.WindowDecoder(SPEC, "half").decode(question)
    except ValueError:
        return
    assert len(mel) >= 1


def test_an_unknown_precision_is_told():
    with pytest.raises(ValueError, match="single, half"):
        wire.WindowDecoder(SPEC, "double")


def test_answers_are_the_same_on_the_other_side():
    columns = np.random.default_rng(0).random((4, 5)).astype(np.float32)
    found = wire.decode_estimate(wire.encode_estimate(Estimate(*columns)), 5)
    for name, column in zip(Estimate.__slots__, columns, strict=True):
        np.testing.assert_array_equal(getattr(found, name), column)
    with pytest.raises(EngineError, match="80 bytes for 4 windows"):
        wire.decode_estimate(wire.encode_estimate(found), 4)
