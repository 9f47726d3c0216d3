"""Plots of a recording, in the terminal and as image files."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from streamer.config import Record
from streamer.errors import UsageError
from streamer.outputs.recording import Recorder, read_recording
from streamer.outputs.recording.plot_figure import draw_figure, insert_gaps, write_figure
from streamer.outputs.recording.plot_terminal import MIN_HEIGHT, MIN_WIDTH, draw_in_terminal
from streamer.outputs.recording.reader import downsample
from streamer.outputs.terminal.canvas import GREY, VALENCE
from streamer.outputs.terminal.history import clock

pytestmark = pytest.mark.long


@pytest.fixture
def recording(record, trajectory):
    return read_recording(record(trajectory(200)))


class TestDownsample:
    def test_a_short_recording_is_returned_unchanged(self, recording):
        points = downsample(recording, 200)
        assert np.array_equal(points["valence"], recording.columns["valence"])
        assert np.array_equal(points["elapsed"], recording.elapsed)

    @pytest.mark.parametrize("most", [1, 2, 7, 100, 199])
    def test_a_long_recording_becomes_means_of_equal_parts(self, recording, most):
        points = downsample(recording, most)
        assert len(points["valence"]) == most
        sums = {name: values.mean() for name, values in points.items()}
        assert sums["elapsed"] == pytest.approx(recording.elapsed.mean(), abs=0.1)
        assert np.all(np.diff(points["elapsed"]) > 0)

    def test_a_line_is_interrupted_where_nothing_was_recorded(self, record, trajectory):
        updates = trajectory(200)
        recording = read_recording(record(updates[:80] + updates[120:]))
        elapsed = insert_gaps(downsample(recording, 1000))["elapsed"]
        assert np.flatnonzero(np.isnan(elapsed)).tolist() == [80]
        assert not np.isnan(insert_gaps(downsample(recording, 3))["elapsed"]).any()


class TestTerminal:
    def test_it_states_zone_source_duration_and_means(self, recording):
        lines = draw_in_terminal(recording, 100, 30).lines()
        assert "main" in lines[0]
        assert "main microphone" in lines[0]
        assert "0:19" in lines[0]
        assert "silent 5%" in lines[0]
        whole = "\n".join(lines)
        for word in ("valence  mean +", "arousal  mean -", "tense", "calm", "0:00"):
            assert word in whole

    @given(st.integers(1, 220), st.integers(1, 60))
    @settings(max_examples=30)
    def test_it_fits_into_any_terminal(self, shared_recording, width, height):
        lines = draw_in_terminal(shared_recording, width, height).lines()
        assert len(lines) == max(height, MIN_HEIGHT)
        assert {cell_len(line) for line in lines} == {max(width, MIN_WIDTH)}

    def test_silence_is_grey(self, record, trajectory):
        silent = [replace(each, silence=True) for each in trajectory(50)]
        canvas = draw_in_terminal(read_recording(record(silent)), 100, 30)
        styles = {segment.style for row in list(canvas.rows())[3:13] for segment in row}
        assert VALENCE not in styles
        assert GREY in styles

    def test_one_estimate_is_enough(self, record, trajectory):
        assert "0:00" in draw_in_terminal(read_recording(record(trajectory(1))), 90, 20).lines()[0]


@pytest.fixture(scope="module")
def shared_recording(tmp_path_factory, trajectory):
    folder = tmp_path_factory.mktemp("recordings")
    recorder = Recorder(Record(folder=folder, free_gb=0), {"main": "demo"}, model="test")
    for update in trajectory(300):
        recorder.offer_update("main", update)
    recorder.finish()
    return read_recording(next(folder.iterdir()))


class TestFigure:
    def test_it_has_three_panels_over_time_and_the_plane(self, recording):
        axes = draw_figure(recording).axes
        assert [each.get_ylabel() for each in axes[:4]] == [
            "valence", "arousal", "level (dBFS)", "arousal",
        ]  # fmt: skip
        assert axes[2].get_xlim() == pytest.approx((0, recording.duration))
        assert axes[3].get_xlim() == axes[3].get_ylim() == (-1, 1)
        assert "main microphone" in axes[0].get_title(loc="left")

    @pytest.mark.parametrize(
        ("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
    )
    def test_it_is_written_in_each_format(self, tmp_path, recording, suffix, magic):
        write_figure(recording, tmp_path / f"out.{suffix}")
        assert (tmp_path / f"out.{suffix}").read_bytes().startswith(magic)

    def test_an_unknown_format_is_rejected_with_the_known_ones(self, tmp_path, recording):
        with pytest.raises(UsageError, match=r"out\.jpg.*\.png, \.svg, \.pdf"):
            write_figure(recording, tmp_path / "out.jpg")

    def test_an_unwritable_path_is_rejected(self, tmp_path, recording):
        with pytest.raises(UsageError, match="No such file"):
            write_figure(recording, tmp_path / "nowhere" / "out.png")

    @pytest.mark.parametrize("count", [1, 2])
    def test_few_estimates_are_enough(self, tmp_path, record, trajectory, count):
        write_figure(read_recording(record(trajectory(count))), tmp_path / "out.png")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.9, "0:07"), (60, "1:00"), (4350, "72:30")]
)
def test_a_duration_is_formatted_as_minutes_and_seconds(seconds, text):
    assert clock(seconds) == text
