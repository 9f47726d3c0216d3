"""Test reading of EMOPIA: quadrants are converted to points of the plane."""

import numpy as np
import pytest

from training.datasets.emopia import read_emopia


@pytest.fixture
def folder(put, tmp_path):
    """Write clips of two songs, one id with an underscore, and unrelated files."""
    for name in ("Q1_abc_0", "Q3_abc_1", "Q2_x_yz-_0", "Q4_x_yz-_12", "Q5_abc_2", "notes"):
        put(f"midi/{name}.mid")
    return tmp_path


def test_a_quadrant_sets_the_signs_of_both_axes(folder):
    signs = {piece.name[:2]: np.sign(piece.mean_label).tolist() for piece in read_emopia(folder)}
    assert signs == {"Q1": [1, 1], "Q2": [-1, 1], "Q3": [-1, -1], "Q4": [1, -1]}


def test_clips_of_one_song_are_one_group(folder):
    groups = {piece.name: piece.group for piece in read_emopia(folder)}
    assert groups == {
        "Q1_abc_0": "abc",
        "Q3_abc_1": "abc",
        "Q2_x_yz-_0": "x_yz-",
        "Q4_x_yz-_12": "x_yz-",
    }


def test_quadrants_have_no_rater_std(folder):
    assert all(piece.rater_std is None and piece.is_midi for piece in read_emopia(folder))


def test_a_folder_without_clips_raises(tmp_path):
    with pytest.raises(ValueError, match=r"midi has no Q1_\.\.\. to Q4_\.\.\.\.mid"):
        read_emopia(tmp_path)


def test_the_real_set_is_read_completely(real_set, by_name):
    pieces = by_name(read_emopia(real_set("emopia"))).values()
    assert len(pieces) == 1078
    assert len({piece.group for piece in pieces}) == 387
    assert all(piece.source.is_file() for piece in pieces)
