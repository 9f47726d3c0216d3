"""Previews: labels of a streaming service, grouped by artist."""

import numpy as np
import pytest

from training.datasets.previews import read_previews

HEADER = "path,group,mood,valence,energy"


@pytest.fixture
def folder(put, tmp_path):
    """Two previews of one artist and one of another."""
    rows = [
        "audio/a.ogg,artist1,Happy,0.9,0.5",
        "audio/b.ogg,artist1,Sad,0.1,0.25",
        "audio/c.ogg,artist2,Calm,0.5,0",
    ]
    for row in rows:
        put(row.split(",")[0])
    put("labels.csv", "\n".join([HEADER, *rows]))
    return tmp_path


def test_valence_and_energy_are_scaled_to_minus_one_to_one(folder, by_name):
    pieces = by_name(read_previews(folder))
    assert pieces["audio/a.ogg"].mean_label == pytest.approx([0.8, 0.0])
    assert pieces["audio/b.ogg"].mean_label == pytest.approx([-0.8, -0.5])
    assert pieces["audio/c.ogg"].mean_label == pytest.approx([0.0, -1.0])


def test_the_group_is_the_artist(folder):
    assert [piece.group for piece in read_previews(folder)] == ["artist1", "artist1", "artist2"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("audio/a.ogg,,Happy,0.9,0.5", r"line 2: audio/a\.ogg has no artist in the column group"),
        ("audio/z.ogg,artist1,Happy,0.9,0.5", r"line 2: .*z\.ogg is missing"),
        ("audio/a.ogg,artist1,Happy,1.1,0.5", "line 2: valence is 1.1, outside 0 to 1"),
        ("audio/a.ogg,artist1,Happy,0.9,", "line 2: energy is '', not a number"),
    ],
)
def test_an_invalid_row_is_refused(folder, put, row, message):
    put("labels.csv", f"{HEADER}\n{row}")
    with pytest.raises(ValueError, match=message):
        read_previews(folder)


def test_the_real_set_is_read_whole(real_set, by_name):
    pieces = by_name(read_previews(real_set("previews"))).values()
    assert len(pieces) == 367
    assert np.abs([piece.mean_label for piece in pieces]).max() <= 1.0
    assert len({piece.group for piece in pieces}) > 100
