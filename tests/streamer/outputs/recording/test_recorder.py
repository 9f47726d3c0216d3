"""Files of a recorder; crashes, disk failures, low disk space."""

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
    """Maintain and retry without delay."""
    monkeypatch.setattr(recorder, "_MAINTENANCE_INTERVAL_S", 0.02)
    monkeypatch.setattr(writer, "RETRY_S", 0.1)


def names(folder, pattern="*"):
    return sorted(path.name for path in folder.glob(pattern))


def offer(recorder, updates):
    for update in updates:
        recorder.offer_update("main", update)


def messages(log, level=logging.WARNING):
    return [record.message for record in log.records if record.levelno == level]


class TestFiles:
    def test_a_journal_becomes_a_parquet_file_at_the_end(self, start_recorder, trajectory, until):
        recorder = start_recorder()
        offer(recorder, trajectory(30))
        until(lambda: recorder.recorded == 30)
        [journal] = names(recorder.folder)
        assert journal.endswith(".journal")
        recorder.finish()
        [table] = names(recorder.folder)
        assert table == journal.replace(".journal", ".parquet")

    def test_each_zone_has_its_own_files(self, start_recorder, trajectory):
        recorder = start_recorder(zones=("main", "front-bar"))
        for update in trajectory(10):
            recorder.offer_update("main", update)
            recorder.offer_update("front-bar", update)
        recorder.finish()
        zones = {read_recording(path).zone for path in recorder.folder.iterdir()}
        assert zones == {"main", "front-bar"}

    def test_a_full_file_is_finished_and_the_next_one_begins(self, start_recorder, trajectory):
        updates = trajectory(200, step=1.0)
        recorder = start_recorder(minutes=1)
        offer(recorder, updates)
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert len(recordings) == 4
        assert all(recording.duration < 60.1 for recording in recordings)
        assert [each for one in recordings for each in one.updates()] == updates

    def test_without_estimates_there_is_no_file(self, start_recorder):
        recorder = start_recorder()
        recorder.finish()
        assert names(recorder.folder) == []

    def test_it_can_be_closed_twice(self, start_recorder, trajectory):
        recorder = start_recorder()
        offer(recorder, trajectory(3))
        recorder.finish()
        recorder.finish()
        assert len(names(recorder.folder)) == 1


class TestAfterACrash:
    @pytest.fixture
    def left(self, tmp_path, trajectory):
        """A journal left by a crashed process."""
        folder = tmp_path / "recordings"
        folder.mkdir()
        path = folder / "main-20261125T203000Z.journal"
        journal = Journal(path, {"zone": "main"})
        for update in trajectory(20):
            journal.append(Row.from_update(update, 1.7e9))
        journal.close()
        return path

    def test_a_journal_is_recovered_at_the_next_start(
        self, left, start_recorder, trajectory, until
    ):
        left.write_bytes(left.read_bytes()[:-7])
        recorder = start_recorder()
        until(lambda: names(left.parent, "*.parquet"))
        recorder.finish()
        assert names(left.parent) == ["main-20261125T203000Z.parquet"]
        recording = read_recording(left.with_suffix(".parquet"))
        assert list(recording.updates()) == trajectory_like(recording, trajectory(20)[:19])

    def test_a_journal_without_estimates_is_deleted(self, left, start_recorder):
        lines = left.read_bytes().splitlines(keepends=True)
        for content in (b"", lines[0][:9], lines[0], lines[0] + lines[1][:9]):
            left.write_bytes(content)
            start_recorder().finish()
            assert names(left.parent) == []

    def test_another_kind_of_file_is_kept(self, left, start_recorder, log):
        left.write_text("Dear diary,\nno sound today.\n")
        start_recorder().finish()
        assert names(left.parent) == [left.name]
        assert "which is not a journal" in messages(log)[0]

    def test_a_partial_parquet_file_is_replaced_from_its_journal(self, left, start_recorder):
        left.with_suffix(".parquet.part").write_bytes(b"PAR1half")
        start_recorder().finish()
        assert names(left.parent) == ["main-20261125T203000Z.parquet"]
        assert len(read_recording(left.with_suffix(".parquet"))) == 20

    def test_files_of_another_running_recorder_are_left_alone(
        self, start_recorder, trajectory, until
    ):
        first = start_recorder()
        offer(first, trajectory(10))
        until(lambda: first.recorded == 10)
        writing = names(first.folder)
        second = start_recorder()
        second.offer_update("main", trajectory(1)[0])
        second.finish()
        assert set(writing) < set(names(first.folder))
        first.finish()
        assert sorted(len(read_recording(path)) for path in first.folder.iterdir()) == [1, 10]


def trajectory_like(recording, updates):
    """Return updates with the recording's capture times; synthetic ones differ at each call."""
    captured = recording.columns["captured"].tolist()
    return [replace(u, captured=at) for u, at in zip(updates, captured, strict=True)]


class TestQuota:
    def test_the_oldest_recordings_are_deleted_and_nothing_else(
        self, tmp_path, start_recorder, until
    ):
        folder = tmp_path / "recordings"
        folder.mkdir()
        for hour in range(4):
            (folder / f"main-2026112{hour}T203000Z.flac").write_bytes(bytes(3000))
        old = ["main-20200101T000000Z.flac.tar", "holiday.flac", "notes.txt"]
        for name in old:
            (folder / name).write_bytes(bytes(100_000))
        start_recorder(limit_gb=7000 / GB).finish()
        kept = ["main-20261122T203000Z.flac", "main-20261123T203000Z.flac"]
        assert names(folder) == sorted([*old, *kept])

    def test_the_quota_holds_while_files_are_finished(self, start_recorder, trajectory):
        recorder = start_recorder(minutes=1, limit_gb=18_000 / GB)
        updates = trajectory(400, step=1.0)
        offer(recorder, updates)
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert sum(path.stat().st_size for path in recorder.folder.iterdir()) <= 18_000
        assert len(recordings) >= 1
        assert list(recordings[-1].updates())[-1] == updates[-1]


class TestFreeSpace:
    def test_recording_pauses_on_low_space_and_resumes(
        self, quick, start_recorder, trajectory, until, log
    ):
        log.set_level(logging.INFO)
        room = [3 * GB]
        recorder = start_recorder(free_gb=2.0, get_free_space=lambda folder: room[0])
        updates = trajectory(30)
        offer(recorder, updates[:10])
        until(lambda: recorder.recorded == 10)
        room[0] = 2 * GB - 1
        until(lambda: recorder.last_error)
        assert "less than 2 GB are free" in recorder.last_error
        until(lambda: names(recorder.folder, "*.parquet"))
        offer(recorder, updates[10:20])
        until(lambda: recorder.dropped == 10)
        room[0] = 2 * GB + 1  # not enough to resume
        time.sleep(0.1)
        assert recorder.last_error
        room[0] = 3 * GB
        until(lambda: not recorder.last_error)
        offer(recorder, updates[20:])
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert [list(each.updates()) for each in recordings] == [updates[:10], updates[20:]]
        assert len(messages(log)) == 1
        assert len([m for m in messages(log, logging.INFO) if "resumes" in m]) == 1

    def test_a_disk_that_is_full_at_the_start_is_retried(
        self, quick, start_recorder, trajectory, until
    ):
        room = [0]
        recorder = start_recorder(free_gb=2.0, get_free_space=lambda folder: room[0])
        offer(recorder, trajectory(5))
        until(lambda: recorder.dropped == 5)
        room[0] = 3 * GB
        until(lambda: not recorder.last_error)
        offer(recorder, trajectory(5))
        recorder.finish()
        assert recorder.recorded == 5


class TestFailingDisk:
    def test_a_full_disk_is_logged_once_and_retried(
        self, quick, start_recorder, trajectory, until, log, monkeypatch
    ):
        log.set_level(logging.INFO)
        recorder = start_recorder()
        updates = trajectory(40)
        offer(recorder, updates[:10])
        until(lambda: recorder.recorded == 10)

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(Journal, "_write", full)
            for update in updates[10:20]:
                recorder.offer_update("main", update)
                time.sleep(0.05)
            until(lambda: recorder.dropped == 10)
            assert "No space left on device" in recorder.last_error
        until(lambda: time.monotonic() > recorder._writer._retry_at)
        offer(recorder, updates[20:])
        until(lambda: recorder.recorded == 30)
        assert recorder.last_error == ""
        recorder.finish()
        recordings = [read_recording(path) for path in sorted(recorder.folder.iterdir())]
        assert [list(each.updates()) for each in recordings] == [updates[:10], updates[20:]]
        assert len(messages(log)) == 1
        assert len([m for m in messages(log, logging.INFO) if "resumes" in m]) == 1

    def test_a_deleted_folder_is_created_again(self, quick, start_recorder, trajectory, until):
        recorder = start_recorder()
        offer(recorder, trajectory(5))
        until(lambda: recorder.recorded == 5)
        shutil.rmtree(recorder.folder)
        until(lambda: recorder.last_error)
        assert "No such file or directory" in recorder.last_error
        until(recorder.folder.exists)
        offer(recorder, trajectory(7))
        recorder.finish()
        assert [len(read_recording(path)) for path in recorder.folder.iterdir()] == [7]

    def test_an_unexpected_error_is_logged_with_its_traceback_and_survived(
        self, quick, start_recorder, trajectory, until, log
    ):
        recorder = start_recorder()
        recorder.offer_update("nowhere", trajectory(1)[0])
        until(lambda: recorder.dropped == 1)
        assert log.records[0].exc_info
        until(lambda: time.monotonic() > recorder._writer._retry_at)
        offer(recorder, trajectory(3))
        recorder.finish()
        assert recorder.recorded == 3


class TestQueue:
    def test_a_full_queue_drops_and_counts_without_blocking(
        self, start_recorder, trajectory, until
    ):
        hung = [True]

        def wait_for_disk(folder):
            until(lambda: not hung[0], 20)
            return 10 * GB

        recorder = start_recorder(get_free_space=wait_for_disk, queue_size=100)
        offer(recorder, trajectory(1000))
        assert hung[0]  # offering returned although the disk hangs
        assert recorder.dropped == 900
        hung[0] = False
        recorder.finish()
        assert recorder.recorded == 100
        [table] = recorder.folder.iterdir()
        assert len(read_recording(table)) == 100


class TestStart:
    def test_a_folder_that_cannot_be_created_is_an_error(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"cannot record in .*file/recordings: Not a dir"):
            Recorder(Record(folder=tmp_path / "file" / "recordings"), {}, model="test")

    def test_a_file_in_place_of_the_folder_is_an_error(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match="cannot record in"):
            Recorder(Record(folder=tmp_path / "file"), {}, model="test")

    def test_no_folder_is_an_error(self):
        with pytest.raises(UsageError, match="--record DIR"):
            Recorder(Record(), {}, model="test")

    def test_without_the_extra_the_error_names_the_install_command(self, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
        with pytest.raises(UsageError, match=r"pyarrow is not installed.*\[record\]"):
            Recorder(Record(folder=tmp_path), {}, model="test")
