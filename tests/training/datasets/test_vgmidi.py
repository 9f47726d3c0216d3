"""Test reading of VGMIDI: raters are averaged to one curve with a rater_std."""

import json

import numpy as np
import pytest

from training.datasets.vgmidi import read_vgmidi


@pytest.fixture
def tables():
    """Two tables with repeated piece ids, and raters with one measure too few or too many."""
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
    return first, second


@pytest.fixture
def build(put, tmp_path):
    """Write tables and the MIDI files that they list."""

    def write(*tables):
        for number, table in enumerate(tables, start=1):
            put(f"annotations/vgmidi_raw_{number}.json", json.dumps(table))
            for piece in table["pieces"].values():
                put(f"midi/{piece['midi']}")
        return tmp_path

    return write


@pytest.fixture
def pieces(build, tables, by_name):
    return by_name(read_vgmidi(build(*tables)))


def test_raters_are_averaged_at_the_centres_of_measures(pieces):
    piece = pieces["Mana_SNES_Secret_Of"]
    assert piece.times == pytest.approx([5, 15, 25, 35])
    assert piece.valence == pytest.approx([0.1, 0.3, 0.5, 0.7])
    assert piece.arousal == pytest.approx([0.5] * 4)


def test_the_spread_is_the_deviation_between_raters(pieces):
    assert pieces["Mana_SNES_Secret_Of"].rater_std == pytest.approx(np.tile([0.1, 0.5], (4, 1)))
    assert pieces["Chrono_Trigger_Title"].rater_std == pytest.approx(np.zeros((2, 2)))


def test_labels_are_interpolated_between_measures_and_constant_at_the_ends(pieces):
    valence = pieces["Mana_SNES_Secret_Of"].labels_at(np.array([0.0, 10.0, 39.0]))[:, 0]
    assert valence == pytest.approx([0.1, 0.2, 0.7])


def test_raters_with_one_measure_more_or_less_are_scaled_to_the_piece(pieces):
    piece = pieces["Mana_PS1_Legend"]
    # The second rater's centres are 1/6, 1/2, 5/6 of the piece: -0.75 and 0.75 at 1/4 and 3/4.
    assert piece.valence == pytest.approx([-0.875, 0.875])
    assert piece.arousal == pytest.approx([0.5, 0.5])


def test_ids_that_repeat_between_tables_are_different_pieces(pieces):
    assert len(pieces) == 3
    assert pieces["Chrono_Trigger_Title"].valence == pytest.approx([0.1, 0.3])


def test_the_group_is_the_series(pieces, tmp_path):
    assert {piece.group for piece in pieces.values()} == {"Mana", "Chrono"}
    assert all(piece.source.parent == tmp_path / "midi" for piece in pieces.values())


def test_a_folder_without_tables_raises(tmp_path):
    with pytest.raises(ValueError, match=r"annotations has no vgmidi_raw_\*\.json"):
        read_vgmidi(tmp_path)


def test_a_missing_score_raises_with_its_table(build, tables):
    folder = build(*tables)
    (folder / "midi/Mana_PS1_Legend.mid").unlink()
    with pytest.raises(ValueError, match=r"vgmidi_raw_1\.json: .*Mana_PS1_Legend\.mid is missing"):
        read_vgmidi(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"vgmidi_raw_1\.json: "),
        ("[]", r"vgmidi_raw_1\.json: not the layout of VGMIDI"),
        ('{"pieces": {}}', r"vgmidi_raw_1\.json: it has no field 'annotations'"),
        ('{"annotations": {}}', r"vgmidi_raw_1\.json: it has no field 'pieces'"),
        ('{"pieces": {}, "annotations": {}}', "annotations lists no pieces"),
    ],
)
def test_an_invalid_table_raises(put, tmp_path, text, message):
    put("annotations/vgmidi_raw_1.json", text)
    with pytest.raises(ValueError, match=message):
        read_vgmidi(tmp_path)


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([0.1, float("nan")], "ratings that are not numbers from -1 to 1"),
        ([0.1, 1.1], "ratings that are not numbers from -1 to 1"),
        (["a", "b"], "vgmidi_raw_1"),
        ([], "has a rater without ratings, or no rater"),
    ],
)
def test_bad_ratings_raise_with_table_and_score(build, tables, ratings, message):
    tables[1]["annotations"]["piece0_1"]["valence"] = ratings
    with pytest.raises(ValueError, match=message) as caught:
        read_vgmidi(build(tables[1]))
    assert "vgmidi_raw_1.json" in str(caught.value)


def test_a_piece_without_ratings_raises(build, tables):
    tables[1]["annotations"].clear()
    with pytest.raises(ValueError, match=r"Chrono_Trigger_Title\.mid has .*no rater"):
        read_vgmidi(build(tables[1]))


@pytest.mark.parametrize(("field", "value"), [("measures", 0), ("duration", 0), ("duration", -1)])
def test_a_piece_without_length_raises(build, tables, field, value):
    tables[1]["pieces"]["piece0"][field] = value
    with pytest.raises(ValueError, match=r"Chrono_Trigger_Title\.mid has \d measures in -?\d s"):
        read_vgmidi(build(tables[1]))


def test_a_missing_field_raises(build, tables):
    del tables[1]["pieces"]["piece0"]["measures"]
    with pytest.raises(ValueError, match=r"vgmidi_raw_1\.json: it has no field 'measures'"):
        read_vgmidi(build(tables[1]))


def test_the_real_set_is_read_completely(real_set, by_name):
    pieces = by_name(read_vgmidi(real_set("vgmidi"))).values()
    assert len(pieces) == 160
    assert len({piece.group for piece in pieces}) == 9
    for piece in pieces:
        assert piece.source.is_file()
        assert (np.diff(piece.times) > 0).all()
        assert len(piece.valence) == len(piece.arousal) == len(piece.times)
        assert np.abs([piece.valence, piece.arousal]).max() <= 1.0


def test_about_thirty_real_raters_differ_by_a_third_of_the_scale(real_set):
    rater_std = np.concatenate([piece.rater_std for piece in read_vgmidi(real_set("vgmidi"))])
    assert rater_std.mean(axis=0) == pytest.approx([0.38, 0.40], abs=0.05)
    assert 0 <= rater_std.min() < rater_std.max() < 1
