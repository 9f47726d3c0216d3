"""What becomes of the files, whatever becomes of the disk."""

import errno
import logging
import shutil
import time
from dataclasses import replace

import pytest

from streamer.config import Record
from streamer.errors import UsageError
from streamer.outputs.recording import Recorder, read_recording, recorder, writer
from streamer.outputs.recording.journal import Journal, Row

GB = 10**9


@pytest.fixture
def quick(monkeypatch):
    """Looks at the disk and tries again without delay."""
    monkeypatch.setattr(recorder, "_LOOK", 0.02)
    monkeypatch.setattr(writer, "RETRY", 0.1)


def names(folder, pattern="*"):
    return sorted(path.name for path in folder.glob(pattern))


def give(recorder, updates):
    for update in updates:
        recorder.offer_update("main", update)


def messages(log, level=logging.WARNING):
    return [record.message for record in log.records if record.levelno == level]


class TestFiles:
    def test_while_it_records_there_is_a_journal_and_in_the_end_a_table(
        self, start_recorder, trajectory, until
    ):
        recorder = start_recorder()
        give(recorder, trajectory(30))
        until(lambda: recorder.recorded == 30)
        [journal] = names(recorder.folder)
        assert journal.endswith(".journal")
        recorder.finish()
        [table] = names(recorder.folder)
        assert table == journal.replace(".journal", ".parquet")

    def test_each_zone_has_its_own(self, start_recorder, trajectory):
        recorder = start_recorder(zones=("main", "front-bar"))
        for update in trajectory(10):
            recorder.offer_update("main", update)
            recorder.offer_update("front-bar", update)
        recorder.finish()
        found = {read_recording(path).zone for path in recorder.folder.iterdir()}
        assert found == {"main", "front-bar"}

    def test_a_full_file_is_finished_and_another_one_begins(self, start_recorder, trajectory):
        updates = trajectory(200, step=1.0)
        recorder = start_recorder(minutes=1)
        give(recorder, updates)
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert len(recordings) == 4
        assert all(recording.duration < 60.1 for recording in recordings)
        assert [each for one in recordings for each in one.updates()] == updates

    def test_without_any_estimate_there_is_no_file(self, start_recorder):
        recorder = start_recorder()
        recorder.finish()
        assert names(recorder.folder) == []

    def test_it_may_be_closed_twice(self, start_recorder, trajectory):
        recorder = start_recorder()
        give(recorder, trajectory(3))
        recorder.finish()
        recorder.finish()
        assert len(names(recorder.folder)) == 1


class TestAfterACrash:
    @pytest.fixture
    def left(self, tmp_path, trajectory):
        """A journal that a process which died has left."""
        folder = tmp_path / "recordings"
        folder.mkdir()
        path = folder / "main-20261125T203000Z.journal"
        journal = Journal(path, {"zone": "main"})
        for update in trajectory(20):
            journal.add(Row.from_update(update, 1.7e9))
        journal.close()
        return path

    def test_what_it_left_is_completed_at_the_next_start(
        self, left, start_recorder, trajectory, until
    ):
        left.write_bytes(left.read_bytes()[:-7])
        recorder = start_recorder()
        until(lambda: names(left.parent, "*.parquet"))
        recorder.finish()
        assert names(left.parent) == ["main-20261125T203000Z.parquet"]
        recording = read_recording(left.with_suffix(".parquet"))
        assert list(recording.updates()) == trajectory_like(recording, trajectory(20)[:19])

    def test_a_beginning_without_estimates_is_removed(self, left, start_recorder):
        lines = left.read_bytes().splitlines(keepends=True)
        for content in (b"", lines[0][:9], lines[0], lines[0] + lines[1][:9]):
            left.write_bytes(content)
            start_recorder().close()
            assert names(left.parent) == []

    def test_what_is_no_journal_stays(self, left, start_recorder, log):
        left.write_text("Dear diary,\nno sound today.\n")
        start_recorder().close()
        assert names(left.parent) == [left.name]
        assert "stays as it is" in messages(log)[0]

    def test_a_half_written_table_gives_way_to_that_of_its_journal(self, left, start_recorder):
        left.with_suffix(".parquet.part").write_bytes(b"PAR1half")
        start_recorder().close()
        assert names(left.parent) == ["main-20261125T203000Z.parquet"]
        assert len(read_recording(left.with_suffix(".parquet"))) == 20

    def test_what_another_recorder_is_writing_is_left_alone(
        self, start_recorder, trajectory, until
    ):
        first = start_recorder()
        give(first, trajectory(10))
        until(lambda: first.recorded == 10)
        writing = names(first.folder)
        second = start_recorder()
        second.update("main", trajectory(1)[0])
        second.close()
        assert set(writing) < set(names(first.folder))
        first.close()
        assert sorted(len(read_recording(path)) for path in first.folder.iterdir()) == [1, 10]


def trajectory_like(recording, updates):
    """The updates with the recording's times of capture; the synthetic ones differ at each call."""
    captured = recording.columns["captured"].tolist()
    return [replace(u, captured=at) for u, at in zip(updates, captured, strict=True)]


class TestLimit:
    def test_the_oldest_of_ours_are_deleted_and_nothing_else(self, tmp_path, start_recorder, until):
        folder = tmp_path / "recordings"
        folder.mkdir()
        for hour in range(4):
            (folder / f"main-2026112{hour}T203000Z.flac").write_bytes(bytes(3000))
        old = ["main-20200101T000000Z.flac.tar", "holiday.flac", "notes.txt"]
        for name in old:
            (folder / name).write_bytes(bytes(100_000))
        start_recorder(limit_gb=7000 / GB).close()
        kept = ["main-20261122T203000Z.flac", "main-20261123T203000Z.flac"]
        assert names(folder) == sorted([*old, *kept])

    def test_it_holds_while_files_are_finished(self, start_recorder, trajectory):
        recorder = start_recorder(minutes=1, limit_gb=18_000 / GB)
        updates = trajectory(400, step=1.0)
        give(recorder, updates)
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert sum(path.stat().st_size for path in recorder.folder.iterdir()) <= 18_000
        assert len(recordings) >= 1
        assert list(recordings[-1].updates())[-1] == updates[-1]


class TestFloor:
    def test_recording_pauses_below_it_and_goes_on_when_there_is_room(
        self, quick, start_recorder, trajectory, until, log
    ):
        log.set_level(logging.INFO)
        room = [3 * GB]
        recorder = start_recorder(free_gb=2.0, look=lambda folder: room[0])
        updates = trajectory(30)
        give(recorder, updates[:10])
        until(lambda: recorder.recorded == 10)
        room[0] = 2 * GB - 1
        until(lambda: recorder.trouble)
        assert "less than 2 GB are free" in recorder.trouble
        until(lambda: names(recorder.folder, "*.parquet"))
        give(recorder, updates[10:20])
        until(lambda: recorder.dropped == 10)
        room[0] = 2 * GB + 1  # too little more to begin again
        time.sleep(0.1)
        assert recorder.trouble
        room[0] = 3 * GB
        until(lambda: not recorder.trouble)
        give(recorder, updates[20:])
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert [list(each.updates()) for each in recordings] == [updates[:10], updates[20:]]
        assert len(messages(log)) == 1
        assert len([m for m in messages(log, logging.INFO) if "goes on" in m]) == 1

    def test_a_disk_that_is_full_at_the_start_is_waited_for(
        self, quick, start_recorder, trajectory, until
    ):
        room = [0]
        recorder = start_recorder(free_gb=2.0, look=lambda folder: room[0])
        give(recorder, trajectory(5))
        until(lambda: recorder.dropped == 5)
        room[0] = 3 * GB
        until(lambda: not recorder.trouble)
        give(recorder, trajectory(5))
        recorder.finish()
        assert recorder.recorded == 5


class TestFailingDisk:
    def test_it_is_told_once_and_tried_again(
        self, quick, start_recorder, trajectory, until, log, monkeypatch
    ):
        log.set_level(logging.INFO)
        recorder = start_recorder()
        updates = trajectory(40)
        give(recorder, updates[:10])
        until(lambda: recorder.recorded == 10)

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(Journal, "_write", full)
            for update in updates[10:20]:
                recorder.offer_update("main", update)
                time.sleep(0.05)
            until(lambda: recorder.dropped == 10)
            assert "No space left on device" in recorder.trouble
        until(lambda: time.monotonic() > recorder._writer._next_try)
        give(recorder, updates[20:])
        until(lambda: recorder.recorded == 30)
        assert recorder.trouble == ""
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert [list(each.updates()) for each in recordings] == [updates[:10], updates[20:]]
        assert len(messages(log)) == 1
        assert len([m for m in messages(log, logging.INFO) if "goes on" in m]) == 1

    def test_a_folder_that_is_taken_away_is_made_again(
        self, quick, start_recorder, trajectory, until
    ):
        recorder = start_recorder()
        give(recorder, trajectory(5))
        until(lambda: recorder.recorded == 5)
        shutil.rmtree(recorder.folder)
        until(lambda: recorder.trouble)
        assert "No such file or directory" in recorder.trouble
        until(recorder.folder.exists)
        give(recorder, trajectory(7))
        recorder.finish()
        assert [len(read_recording(path)) for path in recorder.folder.iterdir()] == [7]

    def test_what_nobody_foresaw_is_told_with_its_trace_and_survived(
        self, quick, start_recorder, trajectory, until, log
    ):
        recorder = start_recorder()
        recorder.offer_update("nowhere", trajectory(1)[0])
        until(lambda: recorder.dropped == 1)
        assert log.records[0].exc_info
        until(lambda: time.monotonic() > recorder._writer._next_try)
        give(recorder, trajectory(3))
        recorder.finish()
        assert recorder.recorded == 3


class TestQueue:
    def test_what_does_not_fit_is_dropped_and_counted_and_nobody_waits(
        self, start_recorder, trajectory, until
    ):
        hung = [True]

        def look(folder):
            until(lambda: not hung[0], 20)
            return 10 * GB

        recorder = start_recorder(look=look, room=100)
        begun = time.monotonic()
        give(recorder, trajectory(1000))
        assert time.monotonic() - begun < 0.5
        assert recorder.dropped == 900
        hung[0] = False
        recorder.finish()
        assert recorder.recorded == 100
        [table] = recorder.folder.iterdir()
        assert len(read_recording(table)) == 100


class TestStart:
    def test_a_folder_that_cannot_be_made_is_told_at_once(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"cannot record in .*file/recordings: Not a dir"):
            Recorder(Record(folder=tmp_path / "file" / "recordings"), {}, model="test")

    def test_a_file_in_place_of_the_folder_is_told_at_once(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match="cannot record in"):
            Recorder(Record(folder=tmp_path / "file"), {}, model="test")

    def test_no_folder_at_all_is_a_usage_error(self):
        with pytest.raises(UsageError, match="--record DIR"):
            Recorder(Record(), {}, model="test")

    def test_without_the_extra_it_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
        with pytest.raises(UsageError, match=r"pyarrow is not installed.*\[record\]"):
            Recorder(Record(folder=tmp_path), {}, model="test")
