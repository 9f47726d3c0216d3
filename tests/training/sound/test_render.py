"""Rendering and decoding: the same input gives the same sound."""

from dataclasses import replace

import av
import numpy as np
import pytest

from training.sound.render import (
    SOUND_FONT_FOLDERS,
    Rendering,
    decode,
    find_sound_font,
    render_midi,
)

RATE = 22050


@pytest.fixture(scope="module")
def font():
    pytest.importorskip("tinysoundfont", reason="tinysoundfont is not installed")
    for name in ("TimGM6mb.sf2", "FluidR3_GM.sf2"):
        try:
            find_sound_font(name)
        except FileNotFoundError:
            continue
        return Rendering(name)
    return pytest.skip(f"no sound font in {SOUND_FONT_FOLDERS[0]}")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Write a second and a half of piano, with nothing but notes."""
    return write_midi(tmp_path_factory.mktemp("plain") / "plain.mid", [])


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """Write a piece that leaves programs, pedal, pan, volume, bend and a hanging note behind."""
    mido = pytest.importorskip("mido")
    changes = [
        mido.Message("program_change", program=48),
        *(
            mido.Message("control_change", control=control, value=value)
            for control, value in ((64, 127), (10, 0), (7, 30), (11, 40), (1, 90))
        ),
        mido.Message("pitchwheel", pitch=6000),
        mido.Message("note_on", note=40, velocity=120),
    ]
    return write_midi(tmp_path_factory.mktemp("wild") / "wild.mid", changes)


def write_midi(path, before, ticks=480, notes=(60, 64, 67), channel=0):
    mido = pytest.importorskip("mido")
    played = [
        mido.Message(kind, note=note, channel=channel, velocity=90, time=time)
        for note in notes
        for kind, time in (("note_on", 0), ("note_off", ticks))
    ]
    mido.MidiFile(tracks=[mido.MidiTrack([*before, *played])]).save(path)
    return path


def test_a_render_has_the_level_of_mastered_music(plain, font):
    sound = render_midi(plain, font, RATE)
    assert sound.dtype == np.float32
    assert sound.ndim == 1
    assert 20 * np.log10(np.sqrt(np.mean(sound**2))) == pytest.approx(-20.0, abs=0.1)
    assert np.abs(sound).max() <= 1.0


def test_a_render_lasts_as_long_as_the_piece_and_a_short_tail(plain, font):
    assert 1.5 <= len(render_midi(plain, font, RATE)) / RATE <= 1.5 + 3.0


def test_the_same_piece_sounds_the_same_twice_in_a_row(plain, font):
    first = render_midi(plain, font, RATE)
    assert np.array_equal(render_midi(plain, font, RATE), first)


def test_the_piece_before_leaves_no_trace(plain, wild, font):
    first = render_midi(plain, font, RATE)
    render_midi(wild, font, RATE)
    np.testing.assert_allclose(render_midi(plain, font, RATE), first, atol=1e-6)


def test_a_piece_without_notes_is_named(tmp_path, font):
    mido = pytest.importorskip("mido")
    nothing = mido.Message("control_change", control=7, value=100)
    mido.MidiFile(tracks=[mido.MidiTrack([nothing])]).save(tmp_path / "empty.mid")
    with pytest.raises(ValueError, match=r"empty\.mid: it is silent"):
        render_midi(tmp_path / "empty.mid", font, RATE)


def test_a_missing_sound_font_is_named_with_what_to_do():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.sf2: .*make install-training"):
        find_sound_font("nowhere.sf2")


def test_twice_the_tempo_lasts_half_as_long(tmp_path, font):
    notes = write_midi(tmp_path / "long.mid", [], ticks=1920)
    normal, fast = (
        len(render_midi(notes, replace(font, tempo=tempo), RATE)) / RATE for tempo in (1.0, 2.0)
    )
    assert normal - fast == pytest.approx(3.0, abs=1.01)  # of 6 s; tails come in whole seconds


def test_a_transposed_piece_sounds_like_higher_notes(tmp_path, plain, font):
    higher = write_midi(tmp_path / "higher.mid", [], notes=(65, 69, 72))
    transposed = render_midi(plain, replace(font, transpose=5), RATE)
    assert np.array_equal(transposed, render_midi(higher, font, RATE))
    assert not np.array_equal(transposed, render_midi(plain, font, RATE))


def test_drums_are_not_transposed(tmp_path, font):
    drums = write_midi(tmp_path / "drums.mid", [], channel=9)
    transposed = render_midi(drums, replace(font, transpose=5), RATE)
    assert np.array_equal(transposed, render_midi(drums, font, RATE))


def test_no_more_is_rendered_than_requested(tmp_path, font):
    notes = write_midi(tmp_path / "long.mid", [], ticks=9600)
    assert 2.0 <= len(render_midi(notes, font, RATE, end=2.0)) / RATE <= 3.0


def tone(rate, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * rate)) / rate)).astype("f4")


def test_a_file_at_our_rate_is_decoded_sample_for_sample(tmp_path, write_wave):
    path = write_wave(tmp_path / "tone.wav", tone(RATE), RATE)
    np.testing.assert_allclose(decode(path, RATE), tone(RATE), atol=2 / 32768)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_any_rate_is_resampled(tmp_path, write_wave, rate):
    sound = decode(write_wave(tmp_path / "tone.wav", tone(rate), rate), RATE)
    assert len(sound) == pytest.approx(RATE, abs=2)
    middle = slice(1000, -1000)
    np.testing.assert_allclose(sound[middle], tone(RATE)[: len(sound)][middle], atol=2e-3)


def test_channels_are_averaged(tmp_path):
    left, right = tone(RATE), np.zeros(RATE, dtype=np.float32)
    with av.open(str(tmp_path / "stereo.wav"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.stack([left, right], axis=1).reshape(1, -1), format="flt", layout="stereo"
        )
        frame.rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    np.testing.assert_allclose(decode(tmp_path / "stereo.wav", RATE), left / 2, atol=1e-6)


def test_a_file_without_audio_is_named(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(ValueError, match=r"cannot decode .*text\.wav"):
        decode(tmp_path / "text.wav", RATE)
