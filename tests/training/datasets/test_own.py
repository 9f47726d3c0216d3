"""Test reading of own music from a label table."""

import pytest

from training.datasets.own import read_own


@pytest.fixture
def folder(put, tmp_path):
    put("set one/opening.flac")
    put("b.mp3")
    return tmp_path


@pytest.fixture
def read(folder, put):
    """Write a table with the given lines, and read the set."""

    def write(*lines):
        put("labels.csv", "\n".join(lines))
        return read_own(folder)

    return write


def test_each_row_is_a_segment_with_its_label(read, folder):
    first, second = read(
        "path,start,end,valence,arousal,group",
        "set one/opening.flac,0,30,0.2,-0.5,opening",
        "set one/opening.flac,30,75.5,0.6,0.7,opening",
    )
    assert first.source == second.source == folder / "set one/opening.flac"
    assert (first.start, first.end, second.start, second.end) == (0, 30, 30, 75.5)
    assert first.mean_label.tolist() == [0.2, -0.5]
    assert first.group == second.group == "opening"
    assert first.name != second.name


def test_a_row_without_times_and_group_is_a_whole_file_in_its_own_group(read):
    (piece,) = read("arousal,valence,path", "1,-1,b.mp3")
    assert (piece.start, piece.end, piece.group) == (0.0, None, "b.mp3")
    assert piece.mean_label.tolist() == [-1, 1]
    assert piece.dataset == "own"
    assert piece.rater_std is None


def test_empty_cells_equal_missing_columns(read):
    (piece,) = read("path,start,end,valence,arousal,group", "b.mp3,,,0,0,")
    assert (piece.start, piece.end, piece.group) == (0.0, None, "b.mp3")


HEADER = "path,start,end,valence,arousal"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], ": it is empty"),
        ([HEADER], ": it has no rows"),
        (["path,valence", "b.mp3,0"], " has no column 'arousal'"),
        (["valence,arousal", "0,0"], " has no column 'path'"),
        ([HEADER, "c.mp3,,,0,0"], r", line 2: .*c\.mp3 is missing"),
        ([HEADER, "", "c.mp3,,,0,0"], r", line 3: .*c\.mp3 is missing"),
        ([HEADER, "b.mp3,,,0,0", "b.mp3,5,4,0,0"], ", line 3: end must come after start"),
        ([HEADER, "b.mp3,5,5,0,0"], ", line 2: end must come after start"),
        ([HEADER, "b.mp3,,0,0,0"], ", line 2: end must come after start"),
        ([HEADER, "b.mp3,-1,5,0,0"], ", line 2: start must not be negative"),
        ([HEADER, "b.mp3,0:30,,0,0"], ", line 2: start is '0:30', not a number"),
        ([HEADER, "b.mp3,,,nan,0"], ", line 2: valence is 'nan', not a number"),
        ([HEADER, "b.mp3,,,0,"], ", line 2: arousal is '', not a number"),
        ([HEADER, "b.mp3,,,0,-1.5"], r", line 2: arousal is -1\.5, outside -1 to 1"),
        ([HEADER, "b.mp3,,,0"], ", line 2: no cell for arousal"),
    ],
)
def test_a_bad_table_raises(read, lines, message):
    with pytest.raises(ValueError, match=rf"labels\.csv{message}"):
        read(*lines)


def test_a_missing_table_raises(folder):
    with pytest.raises(ValueError, match=r"labels\.csv: it is missing"):
        read_own(folder)


MOVING = "path,time,valence,arousal,group"


def test_rows_with_times_form_one_piece_with_a_label_curve(read, folder):
    first, second = read(
        MOVING,
        "set one/opening.flac,0.5,0.2,-0.5,opening",
        "b.mp3,1,0,0,",
        "set one/opening.flac,1.5,0.4,-0.1,opening",
    )
    assert first.source == folder / "set one/opening.flac"
    assert (first.group, second.group) == ("opening", "b.mp3")
    assert first.times.tolist() == [0.5, 1.5]
    assert first.labels_at([1.0]).tolist() == [pytest.approx([0.3, -0.3])]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["b.mp3,1,0,0,", "b.mp3,1,0,0,"], ", line 3: times of a file must ascend"),
        (["b.mp3,-1,0,0,"], ", line 2: times of a file must ascend"),
        (["b.mp3,soon,0,0,"], ", line 2: time is 'soon', not a number"),
        (["b.mp3,1,0,2,"], ", line 2: arousal is 2, outside -1 to 1"),
    ],
)
def test_bad_times_raise(read, lines, message):
    with pytest.raises(ValueError, match=rf"labels\.csv{message}"):
        read(MOVING, *lines)
