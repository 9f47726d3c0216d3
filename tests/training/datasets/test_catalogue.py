"""Test the catalogue: sets are found by name, missing sets are reported."""

import numpy as np
import pytest

from training.datasets import CATALOGUE, find_data_set, read_data_sets
from training.datasets.memo2496 import LAYOUTS

MEDIAEVAL = "song_id,mean_arousal,std_arousal,mean_valence,std_valence\n2,5,1,5,1\n"
MOMENTS = "song_id,sample_15000ms\n2,0.5\n"


@pytest.fixture
def root(put, tmp_path, write_wave):
    """Write a folder with every data set, each with one piece."""
    put("vgmidi/midi/Mana_1.mid")
    put(
        "vgmidi/annotations/vgmidi_raw_1.json",
        '{"pieces": {"piece0": {"midi": "Mana_1.mid", "duration": 8, "measures": 2}},'
        ' "annotations": {"piece0_1": {"valence": [0, 0], "arousal": [0, 0]}}}',
    )
    put("musemodataset/audio/out_rock.1.wav")
    put("musemodataset/All_annotations.csv", "Id,Name,Arousal,Valence\n1,out_rock.1.wav,0,0\n")
    put("emopia/midi/Q1_abc_0.mid")
    for name in ("emomusic", "deam"):
        put(f"{name}/2.mp3")
        put(f"{name}/static_annotations.csv", MEDIAEVAL)
        for axis in ("valence", "arousal"):
            put(f"{name}/{axis}.csv", MOMENTS)
    put("pmemo/chorus/1.mp3")
    put("pmemo/static_annotations.csv", "musicId,Arousal(mean),Valence(mean)\n1,0,0\n")
    put(
        "pmemo/dynamic_annotations.csv", "musicId,frameTime,Arousal(mean),Valence(mean)\n1,15,0,0\n"
    )
    for subfolder, _ in LAYOUTS.values():
        labels = tmp_path / "memo2496" / subfolder / "labels"
        labels.mkdir(parents=True)
        np.save(labels.parent / "mel_spec.npy", np.zeros((1, 128, 44)))
        np.save(labels.parent / "cochlegram.npy", np.zeros((1, 84, 44)))
        for letter in "va":
            np.save(labels / f"label_{letter}.npy", np.zeros(1))
    put("own/a.mp3")
    put("own/labels.csv", "path,valence,arousal\na.mp3,0,0\n")
    put("previews/a.ogg")
    put("previews/labels.csv", "path,group,mood,valence,energy\na.ogg,artist,Calm,0.5,0.5\n")
    for folder in ("unlabelled", "recordings"):
        write_wave(tmp_path / folder / "a.wav", np.zeros(31 * 1000), 1000)
    return tmp_path


@pytest.mark.parametrize("name", CATALOGUE)
def test_pieces_have_the_dataset_name(root, name):
    assert [piece.dataset for piece in read_data_sets([name], [root])] == [name]


def test_sets_are_concatenated_in_order(root):
    names = ["own", "emopia", "memo2496"]
    assert [piece.dataset for piece in read_data_sets(names, [root])] == names


@pytest.mark.parametrize("one", CATALOGUE.values(), ids=lambda one: one.name)
def test_every_set_has_content_source_and_terms(one):
    assert CATALOGUE[one.name] is one
    assert all((one.content, one.source, one.terms))


def test_the_first_folder_that_has_a_set_is_used(tmp_path):
    first, second, third = (tmp_path / name for name in "abc")
    for root in (second, third):
        (root / "pmemo").mkdir(parents=True)
    assert find_data_set("pmemo-dynamic", [first, second, third]) == second / "pmemo"


def test_a_file_is_not_a_data_set(put, tmp_path):
    put("own")
    assert find_data_set("own", [tmp_path]) is None


def test_an_unknown_set_error_lists_the_known_ones(tmp_path):
    with pytest.raises(
        ValueError, match=r"cannot read 'vgmid': unknown data set; known are vgmidi, musemodataset"
    ):
        read_data_sets(["vgmid"], [tmp_path])


def test_a_missing_set_error_names_its_source(tmp_path):
    message = r"deam is in none of .*a, .*b; `python -m training datasets` says where to get it"
    with pytest.raises(ValueError, match=message):
        read_data_sets(["deam-dynamic"], [tmp_path / "a", tmp_path / "b"])


def test_an_invalid_set_raises_its_readers_error(tmp_path):
    (tmp_path / "own").mkdir()
    with pytest.raises(ValueError, match=r"labels\.csv: it is missing"):
        read_data_sets(["own"], [tmp_path])
