"""Test reading of emoMusic and DEAM in their official layouts, with shared songs."""

import numpy as np
import pytest

from training.datasets.mediaeval import read_mediaeval

DEAM = "annotations/annotations averaged per song"
DEAM_STATIC = f"{DEAM}/song_level/static_annotations_averaged_songs_1_2000.csv"
DEAM_DYNAMIC = f"{DEAM}/dynamic (per second annotations)"
DEAM_HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
MOMENTS = "song_id,sample_15000ms,sample_15500ms,sample_16000ms"


@pytest.fixture
def deam(put, tmp_path):
    """Write three songs, one of them longer, a rated song without audio, and each rater's table."""
    put(DEAM_STATIC, f"{DEAM_HEADER}\n2, 3.0, 0.8, 7, 1.6\n3, 9, 0, 1, 2\n10, 5, 1, 5, 1\n")
    put(
        f"{DEAM}/song_level/static_annotations_averaged_songs_2000_2058.csv",
        f"{DEAM_HEADER}, valence_max_mean\n2001, 6, 1, 4, 1, 7\n",
    )
    put(
        "annotations/annotations per each rater/song_level/static_annotations_songs_1_2000.csv",
        "workerID, SongId, Valence, Arousal\na1, 2, 3, 7\n",
    )
    put(
        "annotations/annotations per each rater/dynamic (per second annotations)/arousal/2.csv",
        "WorkerID,sample_15000ms\n1,0.5\n",
    )
    put(f"{DEAM_DYNAMIC}/valence.csv", f"{MOMENTS}\n2,0.1,0.2,\n3,0,0,0\n2001,-1,0,1\n")
    put(f"{DEAM_DYNAMIC}/arousal.csv", f"{MOMENTS}\n2,-0.1,-0.3,-0.5\n3,0,0,0\n2001,0,0.5,1\n")
    for song in (2, 3, 2001):
        put(f"MEMD_audio/{song}.mp3")
    put("features/2.csv", "frameTime;x\n15.0;1\n")
    return tmp_path


@pytest.fixture
def emomusic(put, tmp_path):
    put(
        "annotations/static_annotations.csv",
        "song_id,mean_arousal,std_arousal,mean_valence,std_valence\n2,7,1.6,3,0.8\n",
    )
    put("annotations/songs_info.csv", 'song_id,file_name\n2,"\t2.mp3"\n')
    for axis, mean, deviation in (("arousal", "-0.1,-0.3,-0.5", 0.2), ("valence", "0,1,0.5", 0.3)):
        put(f"annotations/{axis}_cont_average.csv", f"{MOMENTS}\n2,{mean}\n")
        put(
            f"annotations/{axis}_cont_std.csv",
            f"{MOMENTS}\n2,{deviation},{deviation},{deviation}\n",
        )
    put("clips_45seconds/2.mp3")
    return tmp_path


def read(folder, dataset="deam", dynamic=False):
    pieces = read_mediaeval(folder, dataset=dataset, dynamic=dynamic)
    return {piece.name: piece for piece in pieces}


def test_deams_songs_with_audio_are_read_from_both_tables(deam):
    assert list(read(deam)) == ["2", "3", "2001"]
    assert read(deam)["2"].source == deam / "MEMD_audio/2.mp3"


def test_nine_point_labels_are_converted(deam):
    pieces = read(deam)
    assert pieces["2"].mean_label == pytest.approx([-0.5, 0.5])
    assert pieces["3"].mean_label == pytest.approx([1.0, -1.0])
    assert pieces["2"].rater_std == pytest.approx(np.array([[0.2, 0.4]]))


def test_emomusics_swapped_column_names_are_read(emomusic):
    piece = read(emomusic, "emomusic")["2"]
    assert piece.dataset == "emomusic"
    assert piece.mean_label == pytest.approx([-0.5, 0.5])
    assert piece.rater_std == pytest.approx(np.array([[0.2, 0.4]]))


def test_a_song_is_one_group_in_both_sets_with_either_kind_of_label(deam):
    groups = {
        read(deam, name, dynamic)["2"].group
        for name in ("deam", "emomusic")
        for dynamic in (False, True)
    }
    assert groups == {"mediaeval 2"}


def test_dynamic_labels_have_their_times(deam):
    piece = read(deam, dynamic=True)["2001"]
    assert piece.dataset == "deam-dynamic"
    assert piece.times.tolist() == [15.0, 15.5, 16.0]
    assert piece.valence.tolist() == [-1, 0, 1]
    assert piece.arousal.tolist() == [0, 0.5, 1]
    assert piece.rater_std is None


def test_labels_end_where_the_song_does(deam):
    piece = read(deam, dynamic=True)["2"]
    assert piece.times.tolist() == [15.0, 15.5]
    assert piece.arousal.tolist() == [-0.1, -0.3]


def test_the_dynamic_spread_is_read_where_present(emomusic):
    piece = read(emomusic, "emomusic", dynamic=True)["2"]
    assert piece.dataset == "emomusic-dynamic"
    assert piece.valence.tolist() == [0, 1, 0.5]
    assert piece.rater_std == pytest.approx(np.tile([0.3, 0.2], (3, 1)))


def test_a_song_with_a_single_axis_is_skipped(deam, put):
    put(f"{DEAM_DYNAMIC}/arousal.csv", f"{MOMENTS}\n2,0,0,0\n")
    assert list(read(deam, dynamic=True)) == ["2"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", ": it is empty"),
        (DEAM_HEADER, ": it has no rows"),
        ("song_id,valence_mean,valence_std\n2,5,1", " has no column 'mean_arousal'"),
        (f"{DEAM_HEADER}\n2, 5, 1, nan, 1", ", line 2: arousal_mean is 'nan', not a number"),
        (
            f"{DEAM_HEADER}\n2, 5, 1, 5, 1\n3, 0.9, 1, 5, 1",
            ", line 3: valence_mean is 0.9, outside",
        ),
        (f"{DEAM_HEADER}\n2, 5, -1, 5, 1", ", line 2: valence_std is -1, outside 0 to 8"),
        (f"{DEAM_HEADER}\n2, 5, 1", ", line 2: no cell for arousal_mean"),
    ],
)
def test_a_bad_static_table_raises(deam, put, rows, message):
    put(DEAM_STATIC, rows)
    with pytest.raises(ValueError, match=rf"averaged_songs_1_2000\.csv{message}"):
        read(deam)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (MOMENTS, r"arousal\.csv: it has no rows"),
        ("song_id\n2", r"arousal\.csv, line 2: no value in any column sample_<number>ms"),
        (f"{MOMENTS}\n2,,,", r"arousal\.csv, line 2: no value"),
        (f"{MOMENTS}\n2,0,1.5,0", r"arousal\.csv, line 2: sample_15500ms is 1\.5, outside -1 to 1"),
        (f"{MOMENTS}\n2,0,x,0", r"arousal\.csv, line 2: sample_15500ms is 'x', not a number"),
        (f"{MOMENTS}\n4,0,0,0", "has no audio file of a song"),
    ],
)
def test_a_bad_dynamic_table_raises(deam, put, rows, message):
    put(f"{DEAM_DYNAMIC}/arousal.csv", rows)
    with pytest.raises(ValueError, match=message):
        read(deam, dynamic=True)


@pytest.mark.parametrize(
    ("dynamic", "message"),
    [
        (False, r"has none of static_annotations\.csv, static_annotations_averaged\*\.csv"),
        (True, r"has no valence\.csv and arousal\.csv of each half second"),
    ],
)
def test_missing_tables_raise(put, tmp_path, dynamic, message):
    put("MEMD_audio/2.mp3")
    with pytest.raises(ValueError, match=message):
        read(tmp_path, dynamic=dynamic)


def test_missing_audio_raises(put, tmp_path):
    put(DEAM_STATIC, f"{DEAM_HEADER}\n2, 5, 1, 5, 1\n")
    with pytest.raises(ValueError, match="has no audio files"):
        read(tmp_path)
    put("MEMD_audio/song two.mp3")
    with pytest.raises(ValueError, match="has no audio file of a song in its tables"):
        read(tmp_path)


@pytest.mark.parametrize(("name", "count"), [("deam", 1802), ("emomusic", 744)])
def test_the_real_tables_are_read_completely(real_labels, name, count):
    pieces = read(real_labels(name), name).values()
    assert len(pieces) == len({piece.group for piece in pieces}) == count
    labels = np.array([piece.mean_label for piece in pieces])
    assert np.abs(labels).max() <= 1.0
    assert np.abs(labels.mean(axis=0)).max() < 0.1
    assert 0.25 < labels.std(axis=0).min() < labels.std(axis=0).max() < 0.35
    rater_std = np.concatenate([piece.rater_std for piece in pieces])
    assert rater_std.shape == (count, 2)
    assert 0.3 < rater_std.mean() < 0.5


def test_deam_has_the_songs_of_emomusic_with_the_axis_names_swapped(real_labels):
    deam, emomusic = (read(real_labels(name), name) for name in ("deam", "emomusic"))
    assert {piece.group for piece in emomusic.values()} <= {piece.group for piece in deam.values()}
    ours, theirs = (
        np.array([one[song].mean_label for song in emomusic]) for one in (deam, emomusic)
    )
    assert np.abs(ours - theirs[:, ::-1]).mean() < 0.002
    assert np.abs(ours - theirs).mean() > 0.2
