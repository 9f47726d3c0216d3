"""`streamer analyze --output FOLDER`: Parquet by folders; a stopped run goes on."""

import csv

import numpy as np
import pyarrow.parquet
import pytest

from streamer.batch import parquet_dataset as store
from streamer.batch.input_files import find_sounds
from streamer.errors import AudioError
from tests.streamer.batch.conftest import parts, table

COLUMNS = [
    "file", "time", "valence", "arousal", "valence_std", "arousal_std",
    "raw_valence", "raw_arousal", "silence", "folder",
]  # fmt: skip


class TestFiles:
    def test_folders_are_gone_through_and_named_from_the_one_that_was_given(self, collection):
        found = [(one.path.name, one.folder) for one in find_sounds([collection])]
        assert found == [
            ("broken.wav", "music"), ("d.wav", "music"), ("e.wav", "music"),
            ("a.wav", "music/rock"), ("b.wav", "music/rock"), ("c.WAV", "music/rock/live"),
        ]  # fmt: skip

    def test_a_file_that_is_named_is_meant_whatever_its_name_and_once(self, collection):
        cover, song = collection / "cover.jpg", collection / "d.wav"
        found = find_sounds([cover, song, song, collection])
        assert [one.path.name for one in found[:2]] == ["cover.jpg", "d.wav"]
        assert len(found) == 7
        assert found[0].folder == "music"

    def test_a_folder_without_sound_is_told(self, away):
        with pytest.raises(AudioError, match="holds no sound file"):
            find_sounds([away])


class TestDataSet:
    def test_it_holds_what_the_table_holds(self, streamer, collection):
        assert streamer("analyze", collection, "-o", "out.csv").code == 1
        answer = streamer("analyze", collection, "-o", "out")
        assert answer.code == 1
        assert "1 of 6 files could not be read" in answer.err
        assert "5 files, 10.0 s of sound" in answer.err
        found = table(collection.parent / "out")
        assert found.column_names == COLUMNS
        with open("out.csv", newline="") as file:  # noqa: PTH123
            wanted = sorted(csv.DictReader(file), key=lambda row: (row["file"], float(row["time"])))
        rows = sorted(found.to_pylist(), key=lambda row: (row["file"], row["time"]))
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

    def test_what_failed_is_listed_until_it_does_not(self, streamer, collection):
        out = collection.parent / "out"
        streamer("analyze", collection, "-o", out)
        with (out / "_failures.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert row["file"] == str(collection / "broken.wav")
        assert "no sound" in row["error"]
        (collection / "broken.wav").unlink()
        (collection / "d.wav").rename(collection / "broken.wav")
        answer = streamer("analyze", collection, "-o", out)
        assert answer.code == 0
        assert "4 of 5 files are in" in answer.err
        assert not (out / "_failures.csv").exists()

    def test_a_sound_too_short_for_an_estimate_is_done_too(self, streamer, away, write_wav):
        write_wav(away / "short.wav", np.zeros(4000, np.float32), 22050)
        for said in ("1 files, 0.2 s of sound", "1 of 1 files are in out already"):
            answer = streamer("analyze", "short.wav", "-o", "out")
            assert answer.code == 0
            assert said in answer.err


class TestGoingOn:
    def test_after_a_stop_only_what_is_missing_is_done_and_the_whole_is_the_same(
        self, streamer, collection, monkeypatch
    ):
        monkeypatch.setattr(store, "CHUNK", 1)
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
    def test_however_large_the_parts_the_whole_is_the_same(
        self, streamer, collection, monkeypatch, size
    ):
        streamer("analyze", collection, "-o", "whole")
        monkeypatch.setattr(store, "CHUNK", size)
        streamer("analyze", collection, "-o", "out", "--threads", "1")
        assert table(collection.parent / "out").equals(table(collection.parent / "whole"))
        assert all(
            len(set(pyarrow.parquet.read_table(part)["file"].to_pylist())) <= size
            for part in parts(collection.parent / "out")
        )


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (("--rate", "5"), "was made with other settings: rate was 10.0, not 5.0"),
            (("--channels", "1"), "channels was [], not [1]"),
        ],
    )
    def test_other_settings_do_not_go_on(self, streamer, collection, options, reason):
        song = collection / "d.wav"
        streamer("analyze", song, "-o", "out")
        answer = streamer("analyze", song, "-o", "out", *options)
        assert answer.code == 2
        assert reason in answer.err
        assert "choose another --output" in answer.err

    def test_a_damaged_part_is_named(self, streamer, collection):
        song, out = collection / "d.wav", collection.parent / "out"
        streamer("analyze", song, "-o", out)
        (part,) = parts(out)
        part.write_bytes(part.read_bytes()[:-8])
        answer = streamer("analyze", song, "-o", out)
        assert answer.code == 2
        assert f"{part} is damaged, or none of ours" in answer.err

    @pytest.mark.parametrize(
        ("output", "reason"),
        [
            ("music", "music holds something else; choose another --output"),
            ("out.txt", "out.txt is no table; end it in .csv, or name a folder"),
            ("music/d.wav/out", "cannot write music/d.wav/out"),
        ],
    )
    def test_another_output_is_told(self, streamer, collection, output, reason):
        answer = streamer("analyze", collection / "e.wav", "-o", output)
        assert answer.code == 2
        assert reason in answer.err

    def test_ray_writes_folders(self, streamer, collection):
        answer = streamer("analyze", collection, "-o", "out.csv", "--runner", "ray")
        assert answer.code == 2
        assert "give one: --output DIR" in answer.err
