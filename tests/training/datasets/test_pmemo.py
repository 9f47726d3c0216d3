"""Test reading of PMEmo in its official layout, with static and dynamic labels."""

import numpy as np
import pytest

from training.datasets.pmemo import read_pmemo

STATIC, DYNAMIC = "annotations/static_annotations.csv", "annotations/dynamic_annotations.csv"
HEADER = "musicId,Arousal(mean),Valence(mean)"
MOMENTS = "musicId,frameTime,Arousal(mean),Valence(mean)"


@pytest.fixture
def folder(put, tmp_path):
    """Write two choruses with audio and one without."""
    put(STATIC, f"{HEADER}\n1,0.4,0.575\n4,1,0\n5,0.5,0.5\n")
    put(
        "annotations/static_annotations_std.csv",
        "musicId,Arousal(std),Valence(std)\n1,0.15,0.2\n5,0.1,0.1\n",
    )
    put(DYNAMIC, f"{MOMENTS}\n1,15.5,0.5,0.75\n1,15.0,0.25,0.5\n4,15.0,1,0\n5,15.0,0,0\n")
    for song in (1, 4):
        put(f"chorus/{song}.mp3")
    return tmp_path


def read(folder, dynamic=False):
    return {piece.name: piece for piece in read_pmemo(folder, dynamic=dynamic)}


def test_choruses_with_audio_are_read(folder):
    for dynamic in (False, True):
        pieces = read(folder, dynamic)
        assert list(pieces) == ["1", "4"]
        assert pieces["1"].source == folder / "chorus/1.mp3"
        assert {piece.dataset for piece in pieces.values()} == {
            "pmemo-dynamic" if dynamic else "pmemo"
        }


def test_labels_are_converted_from_zero_to_one(folder):
    pieces = read(folder)
    assert pieces["1"].mean_label == pytest.approx([0.15, -0.2])
    assert pieces["4"].mean_label == pytest.approx([-1, 1])


def test_the_spread_is_converted_with_the_labels(folder):
    pieces = read(folder)
    assert pieces["1"].rater_std == pytest.approx(np.array([[0.4, 0.3]]))
    assert pieces["4"].rater_std is None


def test_without_a_table_of_deviations_there_is_no_spread(folder):
    (folder / "annotations/static_annotations_std.csv").unlink()
    assert read(folder)["1"].rater_std is None


def test_a_static_table_on_nine_points_gives_the_same_labels(folder, put):
    official = read(folder)["1"]
    put(STATIC, "song_id,valence_mean,valence_std,arousal_mean,arousal_std\n1,5.6,0.2,4.2,0.15\n")
    piece = read(folder)["1"]
    assert piece.mean_label == pytest.approx(official.mean_label)
    assert piece.rater_std == pytest.approx(official.rater_std)


def test_dynamic_labels_are_sorted_by_time(folder):
    piece = read(folder, dynamic=True)["1"]
    assert piece.times.tolist() == [15.0, 15.5]
    assert piece.valence.tolist() == [0, 0.5]
    assert piece.arousal.tolist() == [-0.5, 0]


def test_both_kinds_of_labels_share_groups(folder):
    assert read(folder)["1"].group == read(folder, dynamic=True)["1"].group


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", ": it is empty"),
        (HEADER, ": it has no rows"),
        ("musicId,Arousal(mean)\n1,0.5", r" has no column 'Valence\(mean\)'"),
        (f"{HEADER}\n1,nan,0.5", r", line 2: Arousal\(mean\) is 'nan', not a number"),
        (f"{HEADER}\n1,0.5,0.5\n4,0.5,1.2", r", line 3: Valence\(mean\) is 1\.2, outside 0 to 1"),
        (f"{HEADER}\n1,0.5", r", line 2: no cell for Valence\(mean\)"),
    ],
)
def test_a_bad_static_table_raises(folder, put, rows, message):
    put(STATIC, rows)
    with pytest.raises(ValueError, match=rf"static_annotations\.csv{message}"):
        read(folder)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (MOMENTS, ": it has no rows"),
        ("musicId,Arousal(mean),Valence(mean)\n1,0,0", " has no column 'frameTime'"),
        (f"{MOMENTS}\n1,soon,0.5,0.5", ", line 2: frameTime is 'soon', not a number"),
        (f"{MOMENTS}\n1,15.0,0.5,-0.1", r", line 2: Valence\(mean\) is -0\.1, outside 0 to 1"),
    ],
)
def test_a_bad_dynamic_table_raises(folder, put, rows, message):
    put(DYNAMIC, rows)
    with pytest.raises(ValueError, match=rf"dynamic_annotations\.csv{message}"):
        read(folder, dynamic=True)


def test_a_bad_table_of_deviations_raises(folder, put):
    put("annotations/static_annotations_std.csv", "musicId,Arousal(std),Valence(std)\n1,0.1,-1\n")
    with pytest.raises(ValueError, match=r"_std\.csv, line 2: Valence\(std\) is -1, outside"):
        read(folder)


@pytest.mark.parametrize("dynamic", [False, True])
def test_missing_files_raise(put, tmp_path, dynamic):
    with pytest.raises(ValueError, match="has no audio files"):
        read(tmp_path, dynamic)
    put("chorus/7.mp3")
    name = "dynamic_annotations" if dynamic else "static_annotations"
    with pytest.raises(ValueError, match=rf"has no {name}\.csv"):
        read(tmp_path, dynamic)
    put(STATIC, f"{HEADER}\n1,0.5,0.5\n")
    put(DYNAMIC, f"{MOMENTS}\n1,15.0,0.5,0.5\n")
    with pytest.raises(ValueError, match="has no audio file of a song in its tables"):
        read(tmp_path, dynamic)


def test_the_real_static_labels_equal_the_means_of_the_dynamic_ones(real_labels):
    folder = real_labels("pmemo")
    static, dynamic = read(folder), read(folder, dynamic=True)
    assert len(static) == len(dynamic) == 767
    once, means = (np.array([one[song].mean_label for song in static]) for one in (static, dynamic))
    for axis in (0, 1):
        assert np.corrcoef(once[:, axis], means[:, axis])[0, 1] > 0.98
    assert np.abs(once - means).mean() < 0.05


def test_the_real_labels_and_their_spread_use_the_full_range(real_labels):
    folder = real_labels("pmemo")
    for piece in read(folder, dynamic=True).values():
        assert (np.diff(piece.times) > 0).all()
        assert np.abs([piece.valence, piece.arousal]).max() <= 1.0
    pieces = read(folder).values()
    labels = np.array([piece.mean_label for piece in pieces])
    assert 0.3 < labels.std() < 0.45
    rater_std = np.concatenate([piece.rater_std for piece in pieces])
    assert 0.2 < rater_std.mean() < 0.4
    assert rater_std.max() < 0.65
