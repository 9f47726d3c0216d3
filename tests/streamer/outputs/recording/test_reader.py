"""Read recordings; reject invalid files with one line."""

import math

import pyarrow as pa
import pytest
from pyarrow import parquet

from streamer import limits
from streamer.errors import UsageError
from streamer.outputs.recording import read_recording
from streamer.outputs.recording.journal import Journal, Row


def error_of(path):
    with pytest.raises(UsageError) as raised:
        read_recording(path)
    message = str(raised.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def read_table(path, **metadata):
    """Write a table as another program would, and read it."""
    metadata = {"streamer_recording": "1", "zone": "main", **metadata}
    return parquet.read_table(path).replace_schema_metadata(metadata)


@pytest.fixture
def finished(record, trajectory):
    return record(trajectory(50))


class TestRejects:
    def test_a_file_that_does_not_exist(self, tmp_path):
        assert "no such file" in error_of(tmp_path / "nothing.parquet")

    def test_a_folder(self, tmp_path):
        assert "is a folder" in error_of(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"{", b"Dear diary", b'{"streamer_rec', b"fLaC"])
    def test_another_kind_of_file(self, tmp_path, content):
        path = tmp_path / "diary.txt"
        path.write_bytes(content)
        assert "not a recording" in error_of(path)

    def test_a_parquet_file_of_another_program(self, tmp_path):
        path = tmp_path / "other.parquet"
        parquet.write_table(pa.table({"ts": [1], "valence": [0.5]}), path)
        assert "not a recording" in error_of(path)

    def test_our_table_with_a_column_of_another_type(self, tmp_path, finished):
        table = read_table(finished)
        level = table.column_names.index("level")
        table = table.set_column(level, "level", pa.array(["loud"] * len(table)))
        parquet.write_table(table, tmp_path / "loud.parquet")
        assert "not a recording" in error_of(tmp_path / "loud.parquet")

    def test_our_table_without_a_time(self, tmp_path, finished):
        table = read_table(finished)
        time = table.column_names.index("time")
        table = table.set_column(time, "time", pa.array([float("nan")] * len(table)))
        parquet.write_table(table, tmp_path / "when.parquet")
        assert "damaged, time has values out of range" in error_of(tmp_path / "when.parquet")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("valence", math.inf), ("raw_arousal", 1e308), ("arousal_std", math.nan),
         ("level", -math.inf), ("captured", 1e308), ("time", -1.0)],
    )  # fmt: skip
    def test_a_value_out_of_range(self, tmp_path, finished, name, value):
        table = read_table(finished)
        column = table.column_names.index(name)
        values = [*table.column(name).to_pylist()[:-1], value]
        parquet.write_table(
            table.set_column(column, name, pa.array(values)), tmp_path / "odd.parquet"
        )
        assert f"damaged, {name} has values out of range" in error_of(tmp_path / "odd.parquet")

    @pytest.mark.parametrize("moment", [-1, 2**62])
    def test_a_time_stamp_out_of_range(self, tmp_path, finished, moment):
        table = read_table(finished)
        moments = pa.array([moment] * len(table), pa.timestamp("ms", tz="UTC"))
        parquet.write_table(table.set_column(0, "ts", moments), tmp_path / "odd.parquet")
        assert "damaged, ts has values out of range" in error_of(tmp_path / "odd.parquet")

    @pytest.mark.long
    def test_a_small_file_that_unpacks_to_too_many_rows(self, tmp_path, finished):
        one = read_table(finished).slice(0, 1)
        many = pa.concat_tables([one] * 2).take(pa.array([0] * (limits.MAX_RECORDING_ROWS + 1)))
        parquet.write_table(many, tmp_path / "bomb.parquet", compression="zstd")
        assert (tmp_path / "bomb.parquet").stat().st_size < 500_000
        assert "is damaged" in error_of(tmp_path / "bomb.parquet")

    def test_a_journal_with_too_many_rows(self, tmp_path, record, trajectory, monkeypatch):
        monkeypatch.setattr(limits, "MAX_RECORDING_ROWS", 3)
        path = tmp_path / "long.journal"
        journal = Journal(path, {"zone": "main"})
        for update in trajectory(4):
            journal.append(Row.from_update(update, 1.7e9))
        journal.close()
        assert "more than 3 estimates" in error_of(path)

    def test_a_table_without_its_end_and_names_the_remedy(self, finished):
        content = finished.read_bytes()
        for length in range(4, len(content), 97):
            finished.write_bytes(content[:length])
            message = error_of(finished)
            assert "is cut off" in message
            assert "copy it again" in message

    def test_a_table_with_a_damaged_middle(self, finished):
        content = bytearray(finished.read_bytes())
        content[20:-4] = b"\x55" * (len(content) - 24)
        finished.write_bytes(content)
        assert "is damaged" in error_of(finished)

    def test_a_format_of_a_later_version(self, tmp_path):
        path = tmp_path / "later.journal"
        path.write_text('{"streamer_recording":"2","zone":"main"}\n')
        assert "later streamer" in error_of(path)

    def test_an_invalid_zone_name(self, tmp_path, finished):
        table = read_table(finished, zone="a/#")
        parquet.write_table(table, tmp_path / "zone.parquet")
        assert "not a recording" in error_of(tmp_path / "zone.parquet")


class TestRecording:
    def test_it_has_a_duration_and_a_start(self, finished, trajectory):
        recording = read_recording(finished)
        assert len(recording) == 50
        assert recording.duration == pytest.approx(4.9, abs=0.02)
        assert recording.elapsed[0] == 0
        stem = f"main-{recording.started_at:%Y%m%dT%H%M%SZ}"
        assert finished.stem == stem
        assert recording.unfinished_note == ""

    def test_a_journal_states_how_many_seconds_are_complete(
        self, start_recorder, trajectory, until
    ):
        recorder = start_recorder()
        for update in trajectory(50):
            recorder.offer_update("main", update)
        until(lambda: recorder.recorded == 50)
        [journal] = recorder.folder.glob("*.journal")
        recording = read_recording(journal)
        assert recording.unfinished
        assert "4.9 s of it are complete" in recording.unfinished_note
        content = journal.read_bytes()
        journal.with_name("copy.journal").write_bytes(content[: len(content) // 2])
        assert len(read_recording(journal.with_name("copy.journal"))) in range(23, 26)

    def test_the_zone_can_be_changed(self, finished):
        recording = read_recording(finished)
        assert recording.zone == "main"
        assert recording.with_zone("bar").zone == "bar"
        with pytest.raises(UsageError, match="invalid zone name"):
            recording.with_zone("a/b")
