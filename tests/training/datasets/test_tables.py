"""Test tables: errors name file and line, scales are converted to -1..1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.datasets.tables import (
    NINE_POINT,
    PLUS_MINUS_TEN,
    UNIT,
    ZERO_TO_ONE,
    Table,
    find_audio_files,
    find_table,
)

SCALES = [UNIT, NINE_POINT, ZERO_TO_ONE, PLUS_MINUS_TEN]


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_is_converted_at_its_ends_and_middle(scale):
    middle = (scale.low + scale.high) / 2
    assert scale.convert([scale.low, middle, scale.high]).tolist() == [-1, 0, 1]


@given(st.sampled_from(SCALES), st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2))
def test_a_deviation_is_converted_like_the_values(scale, shares):
    values = scale.low + np.array(shares) * (scale.high - scale.low)
    assert scale.convert_std(values.std()) == pytest.approx(scale.convert(values).std(), abs=1e-9)


def test_blanks_tabs_and_a_byte_order_mark_are_stripped(put):
    table = Table(put("a.csv", '\ufeffsong_id, valence_mean\r\n2,"\t3.5 "\r\n'))
    assert table.columns == ["song_id", "valence_mean"]
    assert table.number(0, "valence_mean") == 3.5


def test_a_quoted_cell_may_hold_a_comma(put):
    assert Table(put("a.csv", 'path,x\n"a, b.mp3",1\n')).cell(0, "path") == "a, b.mp3"


def test_lines_are_counted_as_an_editor_counts_them(put):
    table = Table(put("a.csv", 'x,y\n\n"1\n",2\n , \n3,four\n'))
    assert len(table) == 2
    with pytest.raises(ValueError, match=r"a\.csv, line 6: y is 'four', not a number"):
        table.number(1, "y")


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "is empty"), ("\n , \n", "is empty"), ("x,y\n", "has no rows")],
)
def test_an_empty_table_raises(put, content, reason):
    path = put("a.csv", content)
    with pytest.raises(ValueError, match=rf"a\.csv: it {reason}"):
        Table(path)


def test_a_missing_table_raises(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv: it is missing"):
        Table(tmp_path / "a.csv")


def test_a_binary_file_raises(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.csv: not a CSV table"):
        Table(tmp_path / "a.csv")


@pytest.mark.parametrize("text", ["nan", "inf", "", "loud"])
def test_a_cell_without_a_finite_number_raises(put, text):
    table = Table(put("a.csv", f"x,y\n1,{text}\n"))
    with pytest.raises(ValueError, match=rf"a\.csv, line 2: y is '{text}', not a number"):
        table.number(0, "y")


def test_a_number_outside_its_scale_raises(put):
    table = Table(put("a.csv", "x\n9\n9.01\n"))
    assert table.number(0, "x", NINE_POINT) == 9
    with pytest.raises(ValueError, match=r"a\.csv, line 3: x is 9\.01, outside 1 to 9"):
        table.number(1, "x", NINE_POINT)


def test_a_missing_column_raises(put):
    with pytest.raises(ValueError, match=r"a\.csv has no column 'y'"):
        Table(put("a.csv", "x\n1\n")).cell(0, "y")


def test_a_short_row_raises(put):
    with pytest.raises(ValueError, match=r"a\.csv, line 2: no cell for y"):
        Table(put("a.csv", "x,y\n1\n")).cell(0, "y")


def test_a_series_skips_empty_cells(put):
    table = Table(put("a.csv", "id,s_15000ms,s_15500ms,s_16000ms\n1,0.1,,0.3\n"))
    times, values = table.series(0, "s_")
    assert times.tolist() == [15.0, 16.0]
    assert values.tolist() == [0.1, 0.3]


def test_a_series_without_values_raises(put):
    table = Table(put("a.csv", "id,s_15000ms\n1,\n"))
    with pytest.raises(ValueError, match=r"a\.csv, line 2: no value in any column s_<number>ms"):
        table.series(0, "s_")


def test_a_series_column_without_its_time_raises(put):
    table = Table(put("a.csv", "id,s_soonms\n1,0\n"))
    with pytest.raises(ValueError, match=r"a\.csv: column 's_soonms' is not s_<number>ms"):
        table.series(0, "s_")


def test_tables_and_audio_files_are_found_at_any_depth(put, tmp_path):
    table = put("some/where/a.csv")
    audio_files = {
        name: put(f"{name}{ending}") for name, ending in (("x/1", ".mp3"), ("y/2", ".FLAC"))
    }
    put("1.txt")
    assert find_table(tmp_path, "a.csv") == table
    assert find_table(tmp_path, "b.csv") is None
    assert find_audio_files(tmp_path) == {"1": audio_files["x/1"], "2": audio_files["y/2"]}
