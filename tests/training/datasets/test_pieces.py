"""Test pieces: the range of their labels and interpolation between them."""

from pathlib import Path

import numpy as np
import pytest

from training.datasets import PrecomputedViews


@pytest.mark.parametrize(
    ("source", "midi"),
    [
        (Path("a.mid"), True),
        (Path("a.MIDI"), True),
        (Path("a.mp3"), False),
        (PrecomputedViews(Path("mel.npy"), Path("cochleagram.npy"), 0), False),
    ],
)
def test_only_scores_have_to_be_rendered(make_piece, source, midi):
    assert make_piece(source=source).is_midi is midi


def test_a_single_label_applies_everywhere(make_piece):
    piece = make_piece(valence=[0.5], arousal=[-0.5])
    assert piece.labelled_span == (0.0, float("inf"))
    assert piece.labels_at(np.array([-1.0, 0.0, 100.0])).tolist() == [[0.5, -0.5]] * 3


def test_labels_extend_half_a_step_beyond_their_times(make_piece):
    piece = make_piece(times=[15.0, 15.5, 17.5], valence=[0] * 3, arousal=[0] * 3)
    assert piece.labelled_span == (14.75, 18.5)


def test_labels_do_not_start_before_the_piece(make_piece):
    piece = make_piece(times=[0.0, 0.5], valence=[0, 0], arousal=[0, 0])
    assert piece.labelled_span == (0.0, 0.75)


def test_labels_are_interpolated_linearly(make_piece):
    piece = make_piece(times=[0, 2], valence=[-1, 1], arousal=[0, 1])
    assert piece.labels_at(np.array([0.5, 3.0])) == pytest.approx(np.array([[-0.5, 0.25], [1, 1]]))
    assert piece.mean_label == pytest.approx([0, 0.5])
