"""Test reading of musemodataset, whose scale is -10 to 10."""

import numpy as np
import pytest

from training.datasets.musemodataset import read_musemodataset

HEADER = "Id,Name,Arousal,Valence,EmoCat"


@pytest.fixture
def folder(put, tmp_path):
    """Write three clips, one of them rated twice, and a rating without its clip."""
    rows = [
        "115,out_blues.00002.wav,5.8,2.6,e1",
        "116,out_blues.00002 - Kopia.wav,6,3,e1",
        "117,out_rock.00002.wav,-10,-1.5,e3",
        "118,out_jazz.00001.wav,1,1,e1",
    ]
    for row in rows[:3]:
        put(f"audio/{row.split(',')[1]}")
    put("All_annotations.csv", "\ufeff" + "\r\n".join([HEADER, *rows]) + "\r\n")
    return tmp_path


def test_a_clip_rated_twice_is_one_group(folder):
    groups = {piece.name: piece.group for piece in read_musemodataset(folder)}
    assert groups["out_blues.00002"] == groups["out_blues.00002 - Kopia"]
    assert groups["out_rock.00002"] != groups["out_blues.00002"]


def test_a_rating_without_its_clip_is_skipped(folder):
    assert len(read_musemodataset(folder)) == 3


def test_ratings_are_converted(folder, by_name):
    pieces = by_name(read_musemodataset(folder))
    assert pieces["out_blues.00002"].mean_label == pytest.approx([0.26, 0.58])
    assert pieces["out_rock.00002"].mean_label == pytest.approx([-0.15, -1.0])


def test_a_clips_label_applies_to_the_whole_clip(folder, by_name):
    piece = by_name(read_musemodataset(folder))["out_blues.00002"]
    assert piece.labels_at(np.array([-1.0, 0.0, 3.0, 6.0])) == pytest.approx(
        np.tile([0.26, 0.58], (4, 1))
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", r"All_annotations\.csv: it is empty"),
        (HEADER, r"All_annotations\.csv: it has no rows"),
        (
            "Id,Name,Arousal\n1,out_rock.00002.wav,3",
            r"All_annotations\.csv has no column 'Valence'",
        ),
        (f"{HEADER}\n1,out_rock.00002.wav,3,nan,e1", "line 2: Valence is 'nan', not a number"),
        (f"{HEADER}\n1,out_rock.00002.wav,11,3,e1", "line 2: Arousal is 11, outside -10 to 10"),
        (f"{HEADER}\n1,other.wav,1,3,e1", r"audio has none of the clips of All_annotations\.csv"),
    ],
)
def test_a_bad_table_raises(folder, put, table, message):
    put("All_annotations.csv", table)
    with pytest.raises(ValueError, match=message):
        read_musemodataset(folder)


def test_a_missing_table_raises(tmp_path):
    with pytest.raises(ValueError, match=r"All_annotations\.csv: it is missing"):
        read_musemodataset(tmp_path)


def test_the_real_set_is_read_completely(real_set, by_name):
    pieces = by_name(read_musemodataset(real_set("musemodataset"))).values()
    assert len(pieces) == 260
    assert len({piece.group for piece in pieces}) == 258
    labels = np.array([piece.mean_label for piece in pieces])
    assert np.abs(labels).max() <= 1.0
    assert np.abs(labels).max(axis=0).min() > 0.5
    assert all(piece.source.is_file() for piece in pieces)
