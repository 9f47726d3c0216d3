"""`streamer analyze`: trajectories of audio files as a CSV table."""

import csv
import math
import re

import numpy as np
import pytest

from streamer.batch import analysis
from streamer.batch.analysis import analyze, analyze_files
from streamer.config import Tracking
from streamer.errors import AudioError

pytestmark = pytest.mark.long

COLUMNS = [
    "file", "time", "valence", "arousal", "valence_std", "arousal_std",
    "raw_valence", "raw_arousal", "silence",
]  # fmt: skip
NUMBERS = COLUMNS[1:-1]
HOP_SECONDS = 256 / 22050
RESAMPLER_SECONDS = 0.0039


@pytest.fixture
def song(away, music, write_wav):
    """Write a song of some seconds at 44.1 kHz, stereo."""

    def write(name, seconds=3.0, *, seed=0):
        return write_wav(away / name, music(seconds, 44100, seed), 44100)

    return write


def rows(path):
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


class TestTable:
    def test_it_has_a_row_per_tick_and_the_documented_columns(self, streamer, away, song):
        answer = streamer("analyze", song("a.wav"), "-o", "out.csv")
        assert answer.code == 0
        table = rows(away / "out.csv")
        assert list(table[0]) == COLUMNS
        assert len(table) == 21
        for row in table:
            assert row["file"] == str(away / "a.wav")
            assert row["silence"] in ("0", "1")
            assert all(math.isfinite(float(row[name])) for name in NUMBERS)
            assert -1 <= float(row["valence"]) <= 1
            assert float(row["valence_std"]) > 0

    def test_time_is_the_end_of_the_window(self, streamer, away, song):
        streamer("analyze", song("a.wav"), "-o", "out.csv")
        for tick, row in enumerate(rows(away / "out.csv"), start=10):
            assert 0 <= tick / 10 - float(row["time"]) < HOP_SECONDS + RESAMPLER_SECONDS

    def test_the_rate_option_sets_the_number_of_rows(self, streamer, away, song):
        streamer("analyze", song("a.wav"), "-o", "out.csv", "--rate", "5")
        assert len(rows(away / "out.csv")) == 11

    def test_silence_is_marked(self, streamer, away, write_wav):
        sound = np.zeros(4 * 44100, np.float32)
        sound[:44100] = 0.2 * np.sin(np.arange(44100) / 20)
        streamer("analyze", write_wav(away / "a.wav", sound, 44100), "-o", "out.csv")
        silence = [row["silence"] for row in rows(away / "out.csv")]
        assert silence == sorted(silence)
        assert set(silence) == {"0", "1"}

    def test_files_keep_the_order_of_the_arguments(self, streamer, away, song):
        names = ["c.wav", "a.wav", "b.wav"]
        lengths = [4.0, 1.5, 2.0]  # the first takes longest
        for name, seconds in zip(names, lengths, strict=True):
            song(name, seconds)
        assert streamer("analyze", *names, "-o", "out.csv", "--threads", "3").code == 0
        files = [row["file"] for row in rows(away / "out.csv")]
        assert list(dict.fromkeys(files)) == names
        assert files == sorted(files, key=names.index)

    def test_the_summary_has_speed_and_memory(self, streamer, song):
        answer = streamer("analyze", song("a.wav"), song("b.wav"), "-o", "out.csv")
        assert re.search(
            r"2 files, 6\.0 s of audio in [\d.]+ s: \d+ times real time, peak memory \d+ MB",
            answer.err,
        )


class TestBadFiles:
    def test_the_others_are_written_and_the_failure_is_printed_last(self, streamer, away, song):
        (away / "bad.wav").write_text("no sound\n" * 100)
        answer = streamer("analyze", song("a.wav"), "bad.wav", song("b.wav"), "-o", "out.csv")
        assert answer.code == 1
        last = answer.err.splitlines()[-1]
        assert last.startswith(
            "streamer: 1 of 3 files could not be analyzed: cannot decode bad.wav: not audio"
        )
        assert answer.err.count("streamer: ") == 1
        files = [row["file"] for row in rows(away / "out.csv")]
        assert sorted(set(files)) == [str(away / "a.wav"), str(away / "b.wav")]

    def test_several_failures_are_printed_one_per_line(self, streamer, away, song):
        (away / "bad.wav").touch()
        answer = streamer("analyze", "bad.wav", song("a.wav"), "none.wav", "-o", "out.csv")
        assert answer.code == 1
        assert answer.err.splitlines()[-3:] == [
            "streamer: 2 of 3 files could not be analyzed:",
            "  cannot open bad.wav: it is empty; give an audio file",
            "  cannot open none.wav: it does not exist; give the path of an audio file",
        ]


class TestSamePipeline:
    def test_the_table_does_not_depend_on_the_number_of_threads(self, streamer, away, song):
        files = [song(f"{seed}.wav", 1.5 + seed / 4, seed=seed) for seed in range(5)]
        for threads in (1, 4):
            streamer("analyze", *files, "-o", f"{threads}.csv", "--threads", threads)
        assert (away / "1.csv").read_bytes() == (away / "4.csv").read_bytes()

    def test_later_audio_does_not_change_earlier_rows(self, streamer, away, music, write_wav):
        one, other = music(5, 44100), music(5, 44100, seed=1)
        other[: 3 * 44100] = one[: 3 * 44100]
        write_wav(away / "one.wav", one, 44100)
        write_wav(away / "other.wav", other, 44100)
        streamer("analyze", "one.wav", "-o", "one.csv")
        streamer("analyze", "other.wav", "-o", "other.csv")
        before, after = [], []
        for first, second in zip(rows(away / "one.csv"), rows(away / "other.csv"), strict=True):
            pair = ([first[name] for name in NUMBERS], [second[name] for name in NUMBERS])
            (before if float(first["time"]) <= 2.9 else after).append(pair)
        assert len(before) == 20
        for first, second in before:
            # The resampler looks some milliseconds ahead; batches may round differently.
            np.testing.assert_allclose(
                np.array(first, float), np.array(second, float), rtol=0, atol=2e-6
            )
        assert all(first != second for first, second in after[1:])


class TestMemory:
    def test_few_files_are_in_progress_at_a_time(self, engine, monkeypatch, tmp_path):
        monkeypatch.setattr(analysis, "analyze", lambda *_: ([], 1.0))
        started = 0

        def paths():
            nonlocal started
            for number in range(100):
                started = number + 1
                yield tmp_path / str(number)

        for done, result in enumerate(analyze_files(paths(), engine, Tracking(), (), 2)):
            assert result.path.name == str(done)
            assert started <= done + 6

    def test_it_does_not_grow_with_the_duration_of_a_file(self, program, away, music, write_wav):
        write_wav(away / "long.wav", np.tile(music(4, 44100), 30), 44100)
        answer = program("analyze", "long.wav", "-o", "out.csv")
        peak = re.search(r"120\.0 s of audio .* peak memory (\d+) MB", answer.err)
        assert peak, answer.err
        assert int(peak[1]) < 300


def test_analyze_returns_updates_and_duration(engine, song):
    updates, seconds = analyze(song("a.wav"), engine, Tracking())
    assert seconds == pytest.approx(3.0)
    assert [update.tick for update in updates] == list(range(10, 31))
    with pytest.raises(AudioError):
        analyze(song("a.wav").with_name("none.wav"), engine, Tracking())
