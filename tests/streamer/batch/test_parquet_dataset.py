"""`streamer analyze --output FOLDER`: a partitioned Parquet dataset; a stopped run continues."""

import csv

import numpy as np
import pyarrow.parquet
import pytest

from streamer.batch import parquet_dataset
from streamer.batch.input_files import find_audio_files
from streamer.errors import AudioError
from tests.streamer.batch.conftest import parts, table

pytestmark = pytest.mark.long

COLUMNS = [
    "file", "time", "valence", "arousal", "valence_std", "arousal_std",
    "raw_valence", "raw_arousal", "silence", "folder",
]  # fmt: skip


class TestFiles:
    def test_folders_are_searched_and_named_from_the_given_one_on(self, collection):
        found = [(one.path.name, one.folder) for one in find_audio_files([collection])]
        assert found == [
            ("broken.wav", "music"), ("d.wav", "music"), ("e.wav", "music"),
            ("a.wav", "music/rock"), ("b.wav", "music/rock"), ("c.WAV", "music/rock/live"),
        ]  # fmt: skip

    def test_a_given_file_can_have_any_name_and_is_listed_once(self, collection):
        cover, song = collection / "cover.jpg", collection / "d.wav"
        found = find_audio_files([cover, song, song, collection])
        assert [one.path.name for one in found[:2]] == ["cover.jpg", "d.wav"]
        assert len(found) == 7
        assert found[0].folder == "music"

    def test_a_folder_without_audio_files_is_an_error(self, away):
        with pytest.raises(AudioError, match="no audio file in it"):
            find_audio_files([away])


class TestDataset:
    def test_it_has_the_rows_of_the_csv_table(self, streamer, collection):
        assert streamer("analyze", collection, "-o", "out.csv").code == 1
        answer = streamer("analyze", collection, "-o", "out")
        assert answer.code == 1
        assert "1 of 6 files could not be analyzed" in answer.err
        assert "5 files, 10.0 s of audio" in answer.err
        dataset = table(collection.parent / "out")
        assert dataset.column_names == COLUMNS
        with open("out.csv", newline="") as file:  # noqa: PTH123
            wanted = sorted(csv.DictReader(file), key=lambda row: (row["file"], float(row["time"])))
        rows = sorted(dataset.to_pylist(), key=lambda row: (row["file"], row["time"]))
        assert len(rows) == len(wanted)
        for row, want in zip(rows, wanted, strict=True):
            assert row["file"] == want["file"]
            assert row["silence"] == bool(int(want["silence"]))
            for name in COLUMNS[1:-2]:
                assert row[name] == pytest.approx(float(want[name]), abs=6e-7)

    def test_folders_are_partitions(self, streamer, collection):
        streamer("analyze", collection, "-o", "out")
        names = {part.parent.name for part in parts(collection.parent / "out")}
        assert names == {"folder=music", "folder=music%2Frock", "folder=music%2Frock%2Flive"}
        folders = set(table(collection.parent / "out")["folder"].to_pylist())
        assert folders == {"music", "music/rock", "music/rock/live"}

    def test_failures_are_listed_until_they_are_gone(self, streamer, collection):
        out = collection.parent / "out"
        streamer("analyze", collection, "-o", out)
        with (out / "_failures.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert row["file"] == str(collection / "broken.wav")
        assert "not audio" in row["error"]
        (collection / "broken.wav").unlink()
        (collection / "d.wav").rename(collection / "broken.wav")
        answer = streamer("analyze", collection, "-o", out)
        assert answer.code == 0
        assert "4 of 5 files are in" in answer.err
        assert not (out / "_failures.csv").exists()

    def test_a_file_too_short_for_an_estimate_counts_as_done(self, streamer, away, write_wav):
        write_wav(away / "short.wav", np.zeros(4000, np.float32), 22050)
        for said in ("1 files, 0.2 s of audio", "1 of 1 files are in out already"):
            answer = streamer("analyze", "short.wav", "-o", "out")
            assert answer.code == 0
            assert said in answer.err


class TestContinuing:
    def test_after_a_stop_only_missing_files_are_analyzed_and_the_dataset_is_the_same(
        self, streamer, collection, monkeypatch
    ):
        monkeypatch.setattr(parquet_dataset, "MAX_FILES_PER_PART", 1)
        streamer("analyze", collection, "-o", "whole")
        streamer("analyze", collection, "-o", "out")
        kept, *lost = parts(collection.parent / "out")
        for part in lost:
            part.unlink()
        (kept.parent / ".0123.77").write_text("half a part")
        before = kept.stat().st_mtime_ns
        answer = streamer("analyze", collection, "-o", "out")
        assert "1 of 6 files are in out already" in answer.err
        assert "4 files, " in answer.err
        assert kept.stat().st_mtime_ns == before
        assert table(collection.parent / "out").equals(table(collection.parent / "whole"))
        assert not list(kept.parent.glob(".*"))

    @pytest.mark.parametrize("size", [1, 2, 16])
    def test_the_dataset_does_not_depend_on_the_size_of_parts(
        self, streamer, collection, monkeypatch, size
    ):
        streamer("analyze", collection, "-o", "whole")
        monkeypatch.setattr(parquet_dataset, "MAX_FILES_PER_PART", size)
        streamer("analyze", collection, "-o", "out", "--threads", "1")
        assert table(collection.parent / "out").equals(table(collection.parent / "whole"))
        assert all(
            len(set(pyarrow.parquet.read_table(part)["file"].to_pylist())) <= size
            for part in parts(collection.parent / "out")
        )


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (("--rate", "5"), "it was made with other settings: rate was 10.0, not 5.0"),
            (("--channels", "1"), "channels was [], not [1]"),
        ],
    )
    def test_a_dataset_of_other_settings_is_refused(self, streamer, collection, options, reason):
        song = collection / "d.wav"
        streamer("analyze", song, "-o", "out")
        answer = streamer("analyze", song, "-o", "out", *options)
        assert answer.code == 2
        assert reason in answer.err
        assert "choose another --output" in answer.err

    def test_a_damaged_part_is_an_error(self, streamer, collection):
        song, out = collection / "d.wav", collection.parent / "out"
        streamer("analyze", song, "-o", out)
        (part,) = parts(out)
        part.write_bytes(part.read_bytes()[:-8])
        answer = streamer("analyze", song, "-o", out)
        assert answer.code == 2
        assert f"cannot read {part}: damaged, or not written by streamer" in answer.err

    @pytest.mark.parametrize(
        ("output", "reason"),
        [
            ("music", "cannot write to music: it holds other files; choose another --output"),
            ("out.txt", "cannot write out.txt: give a name in .csv, or a folder"),
            ("music/d.wav/out", "cannot write music/d.wav/out"),
        ],
    )
    def test_an_unusable_output_is_an_error(self, streamer, collection, output, reason):
        answer = streamer("analyze", collection / "e.wav", "-o", output)
        assert answer.code == 2
        assert reason in answer.err

    def test_ray_writes_no_csv(self, streamer, collection):
        answer = streamer("analyze", collection, "-o", "out.csv", "--runner", "ray")
        assert answer.code == 2
        assert "give a folder, --output DIR" in answer.err
