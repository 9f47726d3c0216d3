"""Check that the shipped demo piece equals the composed score."""

import io
import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.demo import PIECE, Section, sections

RATE = 48_000


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    """Samples of the shipped piece, shape (samples, 2)."""
    with av.open(str(PIECE)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name in {"opus", "libopus"}
        assert stream.rate == RATE
        resampler = av.AudioResampler(format="flt", layout="stereo", rate=RATE)
        frames = [
            part.to_ndarray()
            for frame in container.decode(stream)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(frames, axis=1).reshape(-1, 2)


def composed() -> bytes:
    pytest.importorskip("mido")
    from deploy.demo.compose import compose

    buffer = io.BytesIO()
    compose().save(file=buffer)
    return buffer.getvalue()


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-15))


def section_audio(audio: np.ndarray, section: Section) -> np.ndarray:
    return audio[round(section.start * RATE) : round(section.end * RATE)]


def test_composition_is_reproducible() -> None:
    assert composed() == composed()


def test_the_shipped_midi_file_equals_the_composed_score() -> None:
    assert PIECE.with_name("piece.mid").read_bytes() == composed()


def test_every_note_ends_before_its_key_is_struck_again() -> None:
    mido = pytest.importorskip("mido")
    for track in mido.MidiFile(file=io.BytesIO(composed())).tracks:
        sounding: set[tuple[int, int]] = set()
        for message in track:
            if message.type == "note_on":
                assert (message.channel, message.note) not in sounding, track.name
                sounding.add((message.channel, message.note))
            elif message.type == "note_off":
                sounding.remove((message.channel, message.note))
        assert not sounding, track.name


def test_there_are_four_moods() -> None:
    assert [section.name for section in sections()] == ["calm", "joyful", "tense", "sorrowful"]


def test_sections_are_contiguous() -> None:
    assert sections()[0].start == 0.0
    assert all(before.end == after.start for before, after in pairwise(sections()))


def test_each_section_lasts_about_twenty_seconds_and_the_piece_about_eighty() -> None:
    assert all(15 <= section.end - section.start <= 26 for section in sections())
    assert 70 <= sections()[-1].end <= 95


def test_the_shipped_section_times_equal_those_of_the_score() -> None:
    pytest.importorskip("mido")
    from deploy.demo.compose import LICENCE, TITLE, spans

    described = json.loads(PIECE.with_name("sections.json").read_text(encoding="utf-8"))
    assert (described["title"], described["licence"]) == (TITLE, LICENCE)
    for span, section in zip(spans(), sections(), strict=True):
        assert section.name == span.name
        assert section.start == pytest.approx(span.start, abs=1e-3)
        assert section.end == pytest.approx(span.end, abs=1e-3)


def test_the_recording_has_the_duration_of_its_sections(audio: np.ndarray) -> None:
    assert len(audio) / RATE == pytest.approx(sections()[-1].end, abs=0.01)


def test_the_recording_peaks_near_full_scale_without_clipping(audio: np.ndarray) -> None:
    assert -3.0 < 20 * np.log10(np.abs(audio).max()) < 0.0


def test_no_section_is_silent_and_the_quiet_moods_have_lower_levels(audio: np.ndarray) -> None:
    level = {section.name: decibels(section_audio(audio, section)) for section in sections()}
    assert min(level.values()) > -40
    assert max(level["calm"], level["sorrowful"]) < min(level["joyful"], level["tense"]) - 3


def test_the_piece_fades_out_before_it_repeats(audio: np.ndarray) -> None:
    assert decibels(audio[-RATE // 4 :]) < decibels(section_audio(audio, sections()[-1])) - 12


def test_the_recording_is_small_enough_for_the_package() -> None:
    assert PIECE.stat().st_size < 1_200_000


def test_an_invalid_pitch_name_is_reported() -> None:
    from deploy.demo.score import pitch

    assert pitch("C4") == 60
    assert pitch("Bb3") == 58
    with pytest.raises(ValueError, match="H4"):
        pitch("H4")


def test_a_bar_of_the_wrong_length_is_reported() -> None:
    from deploy.demo.score import line

    with pytest.raises(ValueError, match="bar 2"):
        line(("C4/4", "C4/3"), 4)


def test_a_missing_sound_font_error_names_its_package(tmp_path: Path) -> None:
    mido = pytest.importorskip("mido")
    pytest.importorskip("tinysoundfont")
    from deploy.demo.render import render

    with pytest.raises(FileNotFoundError, match="fluid-soundfont-gm"):
        render(mido.MidiFile(), tmp_path / "none.sf2", 1.0)
