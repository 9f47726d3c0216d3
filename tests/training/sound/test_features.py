"""Frames are computed once."""

from dataclasses import replace

import numpy as np
import pytest

from damer.views import FrontEnd, FrontEndSpec
from training.sound import features
from training.sound.features import renditions
from training.sound.render import decode

SPEC = FrontEndSpec()


@pytest.fixture
def piece(tmp_path, make_piece, make_sound, write_wave):
    source = write_wave(tmp_path / "clip.wav", make_sound(0.2, 0.2))
    return make_piece("clip", source=source)


@pytest.fixture
def cache(tmp_path, piece):
    renditions([piece], [], SPEC, tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def forbid_computing(monkeypatch, cache):
    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(features, "ProcessPoolExecutor", refuse)


def test_frames_are_those_of_the_front_end_in_half_precision(piece, cache):
    (heard,) = renditions([piece], [], SPEC, cache)
    expected = FrontEnd(SPEC).push(decode(piece.source, SPEC.sample_rate))
    assert heard.frames.dtype == np.float16
    assert np.array_equal(heard.frames, np.concatenate(expected, axis=1).astype(np.float16))
    assert heard.seconds(SPEC) == pytest.approx(2.0, abs=0.02)
    assert heard.sound_font == ""


@pytest.mark.usefixtures("forbid_computing")
def test_a_second_call_computes_nothing(piece, cache):
    assert len(renditions([piece], [], SPEC, cache)) == 1


@pytest.mark.usefixtures("forbid_computing")
@pytest.mark.parametrize("frames", [1, 86, 516])
def test_another_window_computes_nothing(piece, cache, frames):
    assert len(renditions([piece], [], replace(SPEC, window_frames=frames), cache)) == 1


@pytest.mark.parametrize("change", [{"mel_floor": 1.0}, {"compression": 0.5}, {"mel_high": 8e3}])
def test_another_front_end_never_meets_old_frames(piece, cache, change):
    (old,) = renditions([piece], [], SPEC, cache)
    (new,) = renditions([piece], [], replace(SPEC, **change), cache)
    assert not np.array_equal(old.frames, new.frames)


def test_only_what_is_missing_is_computed(
    piece, cache, tmp_path, write_wave, make_sound, make_piece
):
    (kept,) = cache.rglob("*.npy")
    written = kept.stat().st_mtime_ns
    other = make_piece("other", source=write_wave(tmp_path / "other.wav", make_sound(0.0, 0.0)))
    heard = renditions([other, piece], [], SPEC, cache)
    assert [one.piece.name for one in heard] == ["other", "clip"]
    assert kept.stat().st_mtime_ns == written
    assert len(list(cache.rglob("*.npy"))) == 2


def test_no_half_written_file_is_left(cache):
    assert not list(cache.rglob("*.partial"))


def test_recorded_sound_is_heard_once_and_midi_with_each_font(
    cache, make_piece, piece, monkeypatch
):
    monkeypatch.setattr(features, "MIDI_SUFFIXES", {".wav"})
    asked = []

    class Pool:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def map(self, compute, jobs):
            asked.extend(font for _, font, _, _ in jobs)
            return iter(())

    monkeypatch.setattr(features, "ProcessPoolExecutor", Pool)
    with pytest.raises(FileNotFoundError):
        renditions([piece], ["b.sf2", "a.sf2"], SPEC, cache)
    assert asked == ["a.sf2", "b.sf2"]
