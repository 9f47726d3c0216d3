"""Readers take the official layouts as they are."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.datasets import READERS, read_emopia, read_musemodataset, read_vgmidi

DATA = Path(__file__).parents[3] / "shared/data"


@pytest.fixture
def musemodataset(tmp_path):
    """Three clips, one of them rated twice, and a rating without its clip."""
    rows = [
        ("115", "out_blues.00002.wav", "5.8", "2.6", "e1"),
        ("116", "out_blues.00002 - Kopia.wav", "6", "3", "e1"),
        ("117", "out_rock.00002.wav", "-10", "-1.5", "e3"),
        ("118", "out_jazz.00001.wav", "1", "1", "e1"),
    ]
    (tmp_path / "audio").mkdir()
    for row in rows[:3]:
        (tmp_path / "audio" / row[1]).touch()
    lines = ["Id,Name,Arousal,Valence,EmoCat", *map(",".join, rows)]
    text = "\ufeff" + "\r\n".join(lines) + "\r\n"
    (tmp_path / "All_annotations.csv").write_text(text, encoding="utf-8", newline="")
    return tmp_path


@pytest.fixture
def vgmidi(tmp_path):
    """Two tables whose piece ids repeat; raters who are one measure short or long."""
    (tmp_path / "annotations").mkdir()
    first = {
        "pieces": {
            "piece0": {"midi": "Mana_SNES_Secret_Of.mid", "duration": 40, "measures": 4},
            "piece1": {"midi": "Mana_PS1_Legend.mid", "duration": 10, "measures": 2},
        },
        "annotations": {
            "piece0_1": {"valence": [0, 0.2, 0.4, 0.6], "arousal": [1, 1, 1, 1]},
            "piece0_2": {"valence": [0.2, 0.4, 0.6, 0.8], "arousal": [0, 0, 0, 0]},
            "piece1_1": {"valence": [-1, 1], "arousal": [0.5, 0.5, 0.5]},
            "piece1_2": {"valence": [-1, 0, 1], "arousal": [0.5]},
        },
    }
    second = {
        "pieces": {"piece0": {"midi": "Chrono_Trigger_Title.mid", "duration": 8, "measures": 2}},
        "annotations": {"piece0_1": {"valence": [0.1, 0.3], "arousal": [-0.4, -0.2]}},
    }
    for number, table in enumerate((first, second), start=1):
        path = tmp_path / f"annotations/vgmidi_raw_{number}.json"
        path.write_text(json.dumps(table), encoding="utf-8")
    return tmp_path


def by_name(pieces):
    return {piece.name: piece for piece in pieces}


def test_a_clip_rated_twice_is_one_group(musemodataset):
    groups = {piece.name: piece.group for piece in read_musemodataset(musemodataset)}
    assert groups["out_blues.00002"] == groups["out_blues.00002 - Kopia"]
    assert groups["out_rock.00002"] != groups["out_blues.00002"]


def test_a_rating_without_its_clip_is_left_out(musemodataset):
    assert len(read_musemodataset(musemodataset)) == 3


def test_ratings_of_clips_come_to_the_range_of_one(musemodataset):
    pieces = by_name(read_musemodataset(musemodataset))
    assert pieces["out_blues.00002"].mean_label == pytest.approx([0.26, 0.58])
    assert pieces["out_rock.00002"].mean_label == pytest.approx([-0.15, -1.0])


def test_a_clips_label_holds_all_along(musemodataset):
    piece = by_name(read_musemodataset(musemodataset))["out_blues.00002"]
    assert piece.labels_at(np.array([-1.0, 0.0, 3.0, 6.0])) == pytest.approx(
        np.tile([0.26, 0.58], (4, 1))
    )


def test_raters_are_averaged_at_the_centres_of_measures(vgmidi):
    piece = by_name(read_vgmidi(vgmidi))["Mana_SNES_Secret_Of"]
    assert piece.times == pytest.approx([5, 15, 25, 35])
    assert piece.valence == pytest.approx([0.1, 0.3, 0.5, 0.7])
    assert piece.arousal == pytest.approx([0.5] * 4)


def test_between_measures_labels_are_interpolated_and_held_at_the_ends(vgmidi):
    piece = by_name(read_vgmidi(vgmidi))["Mana_SNES_Secret_Of"]
    valence = piece.labels_at(np.array([0.0, 10.0, 39.0]))[:, 0]
    assert valence == pytest.approx([0.1, 0.2, 0.7])


def test_raters_with_one_measure_more_or_less_are_brought_to_the_piece(vgmidi):
    piece = by_name(read_vgmidi(vgmidi))["Mana_PS1_Legend"]
    assert len(piece.valence) == len(piece.arousal) == 2
    # The second rater's centres are 1/6, 1/2, 5/6 of the piece: -0.75 and 0.75 at 1/4 and 3/4.
    assert piece.valence == pytest.approx([-0.875, 0.875])
    assert piece.arousal == pytest.approx([0.5, 0.5])


def test_ids_that_repeat_between_tables_are_different_pieces(vgmidi):
    pieces = by_name(read_vgmidi(vgmidi))
    assert len(pieces) == 3
    assert pieces["Chrono_Trigger_Title"].valence == pytest.approx([0.1, 0.3])


def test_the_group_is_the_series(vgmidi):
    assert {piece.group for piece in read_vgmidi(vgmidi)} == {"Mana", "Chrono"}
    assert all(piece.source.parent == vgmidi / "midi" for piece in read_vgmidi(vgmidi))


@pytest.fixture
def emopia(tmp_path):
    """Clips of two songs, an id with an underscore among them, and files that are no clips."""
    (tmp_path / "midi").mkdir()
    for name in ("Q1_abc_0", "Q3_abc_1", "Q2_x_yz-_0", "Q4_x_yz-_12", "Q5_abc_2", "notes"):
        (tmp_path / f"midi/{name}.mid").touch()
    return tmp_path


def test_a_quadrant_is_two_signs(emopia):
    signs = {piece.name[:2]: np.sign(piece.mean_label).tolist() for piece in read_emopia(emopia)}
    assert signs == {"Q1": [1, 1], "Q2": [-1, 1], "Q3": [-1, -1], "Q4": [1, -1]}


def test_clips_of_one_song_are_one_group(emopia):
    groups = {piece.name: piece.group for piece in read_emopia(emopia)}
    assert groups == {
        "Q1_abc_0": "abc",
        "Q3_abc_1": "abc",
        "Q2_x_yz-_0": "x_yz-",
        "Q4_x_yz-_12": "x_yz-",
    }


@pytest.mark.parametrize(
    ("name", "count", "groups"),
    [("vgmidi", 160, 9), ("musemodataset", 260, 258), ("emopia", 1078, 387)],
)
def test_the_real_set_is_read_whole(name, count, groups):
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not there")
    pieces = READERS[name](DATA / name)
    assert len(pieces) == len({piece.name for piece in pieces}) == count
    assert len({piece.group for piece in pieces}) == groups
    for piece in pieces:
        assert piece.source.is_file()
        assert piece.dataset == name
        assert (np.diff(piece.times) > 0).all()
        for axis in (piece.valence, piece.arousal):
            assert len(axis) == len(piece.times)
            assert np.abs(axis).max() <= 1.0
