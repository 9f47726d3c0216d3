"""`streamer plot`: draw a recording in the terminal or to an image file."""

import json
import subprocess
import sys

import pytest

from streamer.config import Record
from streamer.outputs.recording import Recorder

pytestmark = pytest.mark.long


@pytest.fixture
def folder(tmp_path, update):
    """A finished recording of 3 s."""
    folder = tmp_path / "recordings"
    recorder = Recorder(Record(folder=folder, free_gb=0), {"main": "demo"}, model="test")
    for tick in range(30):
        recorder.offer_update("main", update(tick, captured=1000 + tick / 10))
    recorder.finish()
    return folder


@pytest.fixture
def recording(folder):
    return next(folder.iterdir())


def test_without_output_the_plot_is_drawn_in_the_terminal(streamer, recording):
    answer = streamer("plot", recording)
    assert answer.code == 0
    for word in ("main", "demo", "valence", "arousal", "excited", "0:02"):
        assert word in answer.out
    assert answer.err == ""


def test_with_output_an_image_is_written(streamer, recording, tmp_path):
    answer = streamer("plot", recording, "--output", tmp_path / "out.png")
    assert answer == type(answer)(0, "", "")
    assert (tmp_path / "out.png").stat().st_size > 10_000


def test_the_complete_seconds_of_a_journal_are_reported(streamer, tmp_path):
    journal = tmp_path / "main-20261125T203000Z.journal"
    row = [0, 1, 1.0, *[0.5] * 8, False, 1.0, -20.0, 5.0]
    journal.write_text('{"streamer_recording":"1","zone":"main"}\n' + json.dumps(row) + "\n[1,")
    answer = streamer("plot", journal)
    assert answer.code == 0
    assert "0.0 s of it are complete" in answer.err


@pytest.mark.parametrize("name", ["missing.parquet", "cut.parquet", "diary.txt"])
def test_an_invalid_file_is_a_one_line_error(streamer, recording, tmp_path, name):
    (tmp_path / "cut.parquet").write_bytes(recording.read_bytes()[:-1])
    (tmp_path / "diary.txt").write_text("Dear diary")
    answer = streamer("plot", tmp_path / name)
    assert answer.code == 2
    assert answer.err.startswith("streamer: ")
    assert answer.err.count("\n") == 1
    assert name in answer.err


@pytest.mark.parametrize("library", ["pyarrow", "matplotlib"])
def test_without_the_extra_the_error_names_the_package_to_install(
    streamer, recording, tmp_path, monkeypatch, library
):
    for name in (library, "pyarrow.parquet") if library == "pyarrow" else (library,):
        monkeypatch.setitem(sys.modules, name, None)
    answer = streamer("plot", recording, "-o", tmp_path / "out.png")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert f"{library} is not installed" in answer.err
    assert "damer-streamer[record]" in answer.err


def test_the_package_is_imported_without_the_extra(tmp_path):
    program = (
        "import json, sys, streamer, streamer.cli, streamer.outputs.recording;"
        "print(json.dumps(list(sys.modules)))"
    )
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path))
    assert "streamer.outputs.recording" in loaded
    assert not any(name.startswith(("pyarrow", "matplotlib")) for name in loaded)
