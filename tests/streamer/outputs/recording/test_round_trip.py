"""Recordings are read back exactly, from Parquet and from journals cut anywhere."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from streamer import limits
from streamer.errors import UsageError
from streamer.outputs.recording import read_recording
from streamer.outputs.recording.journal import COLUMNS, Journal, Row, read_journal
from streamer.outputs.recording.recovery import finalize_journal
from streamer.tracking import Affect, Update

EPOCH = 1.7e9
METADATA = {"zone": "main", "source": "Küche 🎤", "version": "1", "model": "test"}
numbers = st.floats(-limits.MAX_RECORDING_ESTIMATE, limits.MAX_RECORDING_ESTIMATE)
times = st.floats(0, 1e8)
affects = st.builds(Affect, numbers, numbers, numbers, numbers)
updates = st.builds(
    Update, st.integers(-(2**63) + 1, 2**63 - 1), times, times, affects, affects, st.booleans(),
    numbers, numbers,
)  # fmt: skip


def write_journal(path, updates):
    path.unlink(missing_ok=True)
    journal = Journal(path, METADATA)
    for update in updates:
        journal.append(Row.from_update(update, EPOCH))
    journal.close()
    return path


@given(st.lists(updates, min_size=1, max_size=30))
@settings(max_examples=60)
def test_any_sequence_of_updates_is_read_back_equal(tmp_path_factory, written):
    journal = write_journal(tmp_path_factory.getbasetemp() / "any.journal", written)
    unfinished = read_recording(journal)
    finished = read_recording(finalize_journal(journal))
    assert not journal.exists()
    for recording in (unfinished, finished):
        assert list(recording.updates()) == written
        assert METADATA.items() <= recording.metadata.items()
    assert finished.columns["ts"].tolist() == [round((u.captured + EPOCH) * 1e3) for u in written]


@given(updates)
@settings(max_examples=20)
def test_a_journal_cut_at_any_byte_yields_its_complete_lines(tmp_path_factory, update):
    path = write_journal(tmp_path_factory.getbasetemp() / "cut.journal", [update] * 3)
    content = path.read_bytes()
    ends = [at for at, byte in enumerate(content) if byte in b"\n"]  # of complete lines
    for length in range(len(content) + 1):
        entries = list(read_journal(io.BytesIO(content[:length])))
        assert len(entries) == sum(end <= length for end in ends)
        assert entries[1:] == [Row.from_update(update, EPOCH)] * (len(entries) - 1)


def test_a_recording_cut_at_any_byte_has_its_complete_rows_or_one_clear_error(tmp_path, trajectory):
    path = write_journal(tmp_path / "cut.journal", trajectory(3))
    content = path.read_bytes()
    first_row = content.index(b"\n", content.index(b"\n") + 1)
    lengths = []
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        if length < first_row:
            with pytest.raises(UsageError, match="no estimates yet"):
                read_recording(path)
        else:
            lengths.append(len(read_recording(path)))
    assert [length for length, _ in itertools.groupby(lengths)] == [1, 2, 3]


def test_reading_stops_at_a_damaged_line(tmp_path, trajectory):
    path = write_journal(tmp_path / "damaged.journal", trajectory(5))
    for damage in (b"\xff\xfe\n", b"[1,2,3]\n", b"[" * 100_000 + b"\n", b'{"a":1}\n', b"\n"):
        lines = path.read_bytes().splitlines(keepends=True)
        damaged = tmp_path / "now.journal"
        damaged.write_bytes(b"".join([*lines[:4], damage, *lines[4:]]))
        assert len(read_recording(damaged)) == 3


def test_numpy_numbers_are_recorded_exactly(tmp_path, update):
    third = np.float32(1) / np.float32(3)
    one = update(1, level=third, silence=np.True_, smooth=Affect(third, third, third, third))
    [read] = read_recording(write_journal(tmp_path / "numpy.journal", [one])).updates()
    assert read.smooth.valence == third
    assert read.silence is True


def test_the_table_has_documented_columns_and_metadata(record, trajectory):
    path = record(trajectory(20))
    table = parquet.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert COLUMNS[:9] == (
        "ts", "tick", "time", "valence", "arousal", "valence_std", "arousal_std", "raw_valence",
        "raw_arousal",
    )  # fmt: skip
    assert str(table.schema.field("ts").type) == "timestamp[ms, tz=UTC]"
    metadata = parquet.read_metadata(path).metadata
    assert metadata[b"zone"] == b"main"
    assert metadata[b"source"] == b"main microphone"
    assert metadata[b"model"] == b"test"
    assert metadata[b"version"]


@pytest.mark.parametrize("rows", [999, 1000, 2001])
def test_many_rows_are_written_in_groups(tmp_path, trajectory, rows):
    written = trajectory(rows)
    path = finalize_journal(write_journal(tmp_path / "long.journal", written))
    assert list(read_recording(path).updates()) == written
