"""Test rendering of MIDI and decoding of audio files."""

from dataclasses import replace

import av
import numpy as np
import pytest

from training.sound.render import (
    SOUND_FONT_FOLDERS,
    Rendering,
    decode,
    find_sound_font,
    load_audio,
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
    """Write 1.5 s of piano as MIDI, notes only."""
    return write_midi(tmp_path_factory.mktemp("plain") / "plain.mid", [])


@pytest.fixture(scope="module")
def stateful(tmp_path_factory):
    """Write MIDI that changes program, pedal, pan, volume and bend, and leaves a note on."""
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
    return write_midi(tmp_path_factory.mktemp("stateful") / "stateful.mid", changes)


def write_midi(path, before, ticks=480, notes=(60, 64, 67), channel=0):
    mido = pytest.importorskip("mido")
    events = [
        mido.Message(kind, note=note, channel=channel, velocity=90, time=time)
        for note in notes
        for kind, time in (("note_on", 0), ("note_off", ticks))
    ]
    mido.MidiFile(tracks=[mido.MidiTrack([*before, *events])]).save(path)
    return path


def test_rendered_audio_has_the_level_of_mastered_music(plain, font):
    audio = render_midi(plain, font, RATE)
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert 20 * np.log10(np.sqrt(np.mean(audio**2))) == pytest.approx(-20.0, abs=0.1)
    assert np.abs(audio).max() <= 1.0


def test_rendered_audio_has_the_duration_of_the_piece_plus_a_short_tail(plain, font):
    assert 1.5 <= len(render_midi(plain, font, RATE)) / RATE <= 1.5 + 3.0


def test_rendering_is_reproducible(plain, font):
    first = render_midi(plain, font, RATE)
    assert np.array_equal(render_midi(plain, font, RATE), first)


def test_a_render_does_not_depend_on_the_previous_piece(plain, stateful, font):
    first = render_midi(plain, font, RATE)
    render_midi(stateful, font, RATE)
    np.testing.assert_allclose(render_midi(plain, font, RATE), first, atol=1e-6)


def test_a_piece_without_notes_is_reported(tmp_path, font):
    mido = pytest.importorskip("mido")
    nothing = mido.Message("control_change", control=7, value=100)
    mido.MidiFile(tracks=[mido.MidiTrack([nothing])]).save(tmp_path / "empty.mid")
    with pytest.raises(ValueError, match=r"empty\.mid: it is silent"):
        render_midi(tmp_path / "empty.mid", font, RATE)


def test_a_missing_sound_font_error_names_the_make_target():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.sf2: .*make install-training"):
        find_sound_font("nowhere.sf2")


def test_twice_the_tempo_halves_the_duration(tmp_path, font):
    notes = write_midi(tmp_path / "long.mid", [], ticks=1920)
    normal, fast = (
        len(render_midi(notes, replace(font, tempo=tempo), RATE)) / RATE for tempo in (1.0, 2.0)
    )
    assert normal - fast == pytest.approx(3.0, abs=1.01)  # half of 6 s; tails have whole seconds


def test_a_transposed_piece_equals_one_with_higher_notes(tmp_path, plain, font):
    higher = write_midi(tmp_path / "higher.mid", [], notes=(65, 69, 72))
    transposed = render_midi(plain, replace(font, transpose=5), RATE)
    assert np.array_equal(transposed, render_midi(higher, font, RATE))
    assert not np.array_equal(transposed, render_midi(plain, font, RATE))


def test_drums_are_not_transposed(tmp_path, font):
    drums = write_midi(tmp_path / "drums.mid", [], channel=9)
    transposed = render_midi(drums, replace(font, transpose=5), RATE)
    assert np.array_equal(transposed, render_midi(drums, font, RATE))


def test_rendering_stops_at_the_requested_end(tmp_path, font):
    notes = write_midi(tmp_path / "long.mid", [], ticks=9600)
    assert 2.0 <= len(render_midi(notes, font, RATE, end=2.0)) / RATE <= 3.0


def tone(rate, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * rate)) / rate)).astype("f4")


def test_a_file_at_the_target_rate_is_decoded_sample_for_sample(tmp_path, write_wave):
    path = write_wave(tmp_path / "tone.wav", tone(RATE), RATE)
    np.testing.assert_allclose(decode(path, RATE), tone(RATE), atol=2 / 32768)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_any_rate_is_resampled(tmp_path, write_wave, rate):
    audio = decode(write_wave(tmp_path / "tone.wav", tone(rate), rate), RATE)
    assert len(audio) == pytest.approx(RATE, abs=2)
    middle = slice(1000, -1000)
    np.testing.assert_allclose(audio[middle], tone(RATE)[: len(audio)][middle], atol=2e-3)


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


def test_decoding_stops_a_second_after_the_end(tmp_path, write_wave):
    path = write_wave(tmp_path / "tone.wav", tone(RATE, 20.0), RATE)
    part = decode(path, RATE, 4.0)
    assert 4.0 < len(part) / RATE < 7.0
    np.testing.assert_array_equal(part, decode(path, RATE)[: len(part)])


def test_a_file_without_audio_is_reported(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(ValueError, match=r"cannot decode .*text\.wav"):
        decode(tmp_path / "text.wav", RATE)


def test_a_faster_recording_is_shorter_and_higher(tmp_path, write_wave, make_piece):
    source = write_wave(tmp_path / "tone.wav", tone(RATE, 2.0), RATE)
    audio = load_audio(make_piece(source=source), Rendering(speed=1.25), RATE)
    assert len(audio) == pytest.approx(2.0 / 1.25 * RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(audio))
    assert np.argmax(spectrum) * RATE / len(audio) == pytest.approx(440 * 1.25, abs=1.0)


def test_a_mix_has_both_recordings_at_equal_loudness(tmp_path, write_wave, make_piece):
    loud = make_piece("loud", source=write_wave(tmp_path / "loud.wav", tone(RATE, 2.0), RATE))
    time = np.arange(RATE // 2) / RATE
    other = 0.01 * np.sin(2 * np.pi * 1760 * time).astype(np.float32)
    quiet = make_piece("quiet", source=write_wave(tmp_path / "quiet.wav", other, RATE))
    mixed = load_audio(replace(loud, mixed_with=quiet), Rendering(), RATE)
    assert len(mixed) == 2 * RATE  # the shorter one is repeated
    spectrum = np.abs(np.fft.rfft(mixed))
    peaks = np.sort(np.argsort(spectrum)[-2:]) / 2.0
    assert peaks[1] == pytest.approx(1760, abs=1)
    strengths = np.sort(spectrum)[-2:]
    assert strengths[0] == pytest.approx(strengths[1], rel=0.05)
    assert np.sqrt(np.mean(mixed**2)) == pytest.approx(0.1, rel=0.05)


def test_a_segment_of_a_faster_recording_has_the_segments_audio(tmp_path, write_wave, make_piece):
    quiet_then_loud = np.concatenate([np.zeros(RATE), tone(RATE, 1.0)])
    source = write_wave(tmp_path / "two.wav", quiet_then_loud, RATE)
    segment = make_piece(source=source, start=1.0, end=2.0)
    audio = load_audio(segment, Rendering(speed=0.8), RATE)
    assert len(audio) == pytest.approx(RATE / 0.8, abs=2)
    assert np.sqrt(np.mean(audio**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
