"""Test reading of precomputed arrays in the four layouts of Memo2496."""

import numpy as np
import pytest

from training.datasets import PrecomputedViews
from training.datasets.memo2496 import LAYOUTS, read_memo2496


@pytest.fixture
def build(tmp_path):
    """Write a folder of arrays with four segments, some of them replaced or omitted."""

    def write(dataset="memo2496", frames=87, **replaced):
        root = tmp_path / LAYOUTS[dataset][0]
        arrays = {
            "mel_spec": np.zeros((4, 128, frames), np.float32),
            "cochlegram": np.zeros((4, 84, frames), np.float32),
            "labels/label_v": np.array([0.5, 0.5, 0.5, 1.0]),
            "labels/label_a": np.array([0.0, 0.0, 0.25, 0.25]),
            **{name.replace("label_", "labels/label_"): one for name, one in replaced.items()},
        }
        (root / "labels").mkdir(parents=True)
        for name, array in arrays.items():
            if array is not None:
                np.save(root / f"{name}.npy", array)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("dataset", "subfolder", "frames"),
    [
        ("memo2496", "memo", 87),
        ("memo2496-pmemo", "data_PMEmo", 44),
        ("memo2496-1000songs", "data_1000songs", 44),
        ("memo2496-deam", "DEAM/processed", 44),
    ],
)
def test_each_row_is_a_piece_with_precomputed_views(build, dataset, subfolder, frames):
    folder = build(dataset, frames)
    pieces = read_memo2496(folder, dataset=dataset)
    root = folder / subfolder
    assert [piece.source for piece in pieces] == [
        PrecomputedViews(root / "mel_spec.npy", root / "cochlegram.npy", row) for row in range(4)
    ]
    assert {piece.dataset for piece in pieces} == {dataset}
    assert not any(piece.is_midi for piece in pieces)


def labels(folder, dataset):
    return np.array([piece.mean_label for piece in read_memo2496(folder, dataset=dataset)])


def test_labels_from_minus_one_to_one_are_unchanged(build):
    expected = np.array([[0.5, 0], [0.5, 0], [0.5, 0.25], [1, 0.25]])
    assert labels(build(), "memo2496") == pytest.approx(expected)


def test_pmemos_labels_are_converted_from_zero_to_one(build):
    expected = np.array([[0, -1], [0, -1], [0, -0.5], [1, -0.5]])
    assert labels(build("memo2496-pmemo", 44), "memo2496-pmemo") == pytest.approx(expected)


def groups(folder):
    return [piece.group for piece in read_memo2496(folder, dataset="memo2496")]


def test_rows_with_the_same_labels_are_one_track(build):
    first, second, third, fourth = groups(build())
    assert first == second
    assert len({first, third, fourth}) == 3


def test_stated_groups_override_inferred_ones(build):
    folder = build()
    np.save(folder / "memo/labels/group.npy", np.array([7, 8, 8, 7]))
    assert groups(folder) == [f"memo2496 {track}" for track in (7, 8, 8, 7)]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([0, 0, 0]), "has 3 rows, the labels 4"),
        (np.zeros((4, 1), int), "expected 1 axes"),
        (np.array(list("abcd")), "expected numbers"),
    ],
)
def test_bad_groups_raise(build, array, message):
    folder = build()
    np.save(folder / "memo/labels/group.npy", array)
    with pytest.raises(ValueError, match=rf"group\.npy .*{message}"):
        groups(folder)


@pytest.mark.parametrize("name", ["mel_spec", "cochlegram", "label_v", "label_a"])
def test_a_missing_array_raises(build, name):
    with pytest.raises(ValueError, match=rf"{name}\.npy: it is missing"):
        groups(build(**{name: None}))


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("mel_spec", (4, 64, 87), r"\(4, 128, 87\)"),
        ("mel_spec", (4, 128), "3 axes"),
        ("mel_spec", (0, 128, 87), "3 axes"),
        ("cochlegram", (4, 128, 87), r"\(4, 84, 87\)"),
        ("cochlegram", (4, 84, 44), r"\(4, 84, 87\)"),
        ("cochlegram", (3, 84, 87), r"\(4, 84, 87\)"),
        ("label_v", (4, 1), "1 axes"),
    ],
)
def test_a_wrong_shape_raises(build, name, shape, expected):
    message = rf"{name}\.npy has shape \({shape[0]}, .*expected {expected}"
    with pytest.raises(ValueError, match=message):
        groups(build(**{name: np.zeros(shape, np.float32)}))


def test_label_arrays_of_different_length_raise(build):
    with pytest.raises(ValueError, match=r"label_a\.npy has 3 rows, mel_spec\.npy 4"):
        groups(build(label_a=np.zeros(3)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 0, np.nan, 0], "row 2 is not a number"),
        ([0, np.inf, 0, 0], "row 1 is not a number"),
        ([0, 0, 0, 1.5], r"row 3 is 1\.5, outside -1 to 1"),
        ([-2.0, 0, 0, 0], r"row 0 is -2\.0, outside -1 to 1"),
    ],
)
def test_a_bad_label_raises_with_its_row(build, values, message):
    with pytest.raises(ValueError, match=rf"label_v\.npy: {message}"):
        groups(build(label_v=np.array(values)))


def test_negative_labels_raise_if_the_range_starts_at_zero(build):
    folder = build("memo2496-pmemo", label_a=np.array([0.5, -0.5, 0, 0]))
    with pytest.raises(ValueError, match=r"label_a\.npy: row 1 is -0\.5, outside 0 to 1"):
        read_memo2496(folder, dataset="memo2496-pmemo")


@pytest.mark.parametrize(
    "array", [np.array(list("abcd")), np.array([True] * 4), np.array([0j] * 4)]
)
def test_an_array_without_numbers_raises(build, array):
    with pytest.raises(ValueError, match=r"label_v\.npy has type .*, expected numbers"):
        groups(build(label_v=array))


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_a_file_without_an_array_raises(build, content):
    folder = build()
    (folder / "memo/labels/label_v.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"label_v\.npy: not a NumPy array"):
        groups(folder)
