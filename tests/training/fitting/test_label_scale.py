"""Test the conversion of labels to the scale of the network."""

import numpy as np
import pytest
from pydantic import ValidationError

from training.fitting import label_scale
from training.fitting.label_scale import LabelScale, read_in_network_scale


@pytest.fixture
def piece(make_piece):
    return make_piece(
        times=[0.0, 1.0],
        valence=[-0.4, 0.1],
        arousal=[0.5, 0.9],
        rater_std=np.array([[0.1, 0.2], [0.1, 0.2]]),
    )


def test_labels_are_moved_and_stretched_about_the_neutral_label(piece):
    found = LabelScale(neutral=(-0.4, 0.5), factor=(1.5, 2.0)).convert(piece)
    np.testing.assert_allclose(found.valence, [0.0, 0.75])
    np.testing.assert_allclose(found.arousal, [0.0, 0.8])
    np.testing.assert_allclose(found.rater_std, [[0.15, 0.4]] * 2)


def test_labels_stay_on_the_plane(piece):
    found = LabelScale(neutral=(0.4, -0.5)).convert(piece)
    np.testing.assert_allclose(found.valence, [-0.8, -0.3])
    np.testing.assert_allclose(found.arousal, [1.0, 1.0])


def test_a_factor_is_positive():
    with pytest.raises(ValidationError, match="greater than 0"):
        LabelScale(factor=(1.0, 0.0))


def test_only_the_named_data_sets_are_converted(make_piece, monkeypatch, tmp_path):
    pieces = [make_piece(valence=[0.2]), make_piece(dataset="previews", valence=[0.2])]
    pieces.append(make_piece(dataset="recordings", times=[], valence=[], arousal=[]))
    monkeypatch.setattr(label_scale, "read_data_sets", lambda *_: pieces)
    scales = {"previews": LabelScale(neutral=(-0.1, 0.0))}
    own, moved, unlabelled = read_in_network_scale(["vgmidi"], scales, [tmp_path])
    assert own.valence == [0.2]
    assert moved.valence == pytest.approx([0.3])
    assert not len(unlabelled.valence)
