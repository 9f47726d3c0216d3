"""Which renderings are used for MIDI and for recordings, and what their times mean."""

import numpy as np
import pytest

from training.sound.render import Rendering
from training.sound.renditions import RECORDED, Rendition, all_renderings, plain_and_varied

FONT, FASTER = Rendering("TimGM6mb.sf2"), Rendering(speed=1.25)


def test_midi_is_synthesised_and_recordings_are_played(make_piece, tmp_path):
    score = make_piece("score", source=tmp_path / "score.mid")
    recording = make_piece("recording")
    paired = all_renderings([score, recording], [FONT, FASTER])
    assert paired == [(score, FONT), (recording, RECORDED), (recording, FASTER)]


def test_each_recording_is_used_as_it_is_and_in_one_other_rendering(make_piece):
    recordings = [make_piece(f"recording{k}") for k in range(40)]
    slower = Rendering(speed=0.9)
    paired = plain_and_varied(recordings, [FONT, FASTER, slower])
    assert [piece for piece, _ in paired[::2]] == recordings
    assert {rendering for _, rendering in paired[::2]} == {RECORDED}
    assert {rendering for _, rendering in paired[1::2]} == {FASTER, slower}
    assert plain_and_varied(recordings[7:], [FONT, FASTER, slower]) == paired[14:]
    assert plain_and_varied(recordings, [FONT]) == paired[::2]


def test_labels_follow_tempo_and_speed(make_piece):
    piece = make_piece(times=[0.0, 10.0], valence=[0.0, 1.0], arousal=[0.0, 0.5])
    rendering = Rendering("TimGM6mb.sf2", tempo=2.0, speed=1.25)
    rendition = Rendition(piece, rendering, np.zeros((1, 212), np.float16))
    assert rendition.labels_at(np.array([2.0])) == pytest.approx(np.array([[0.5, 0.25]]))
