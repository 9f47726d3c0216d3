"""Names of recording files."""

from streamer.outputs.recording.file_names import finished_files, unfinished_files, unused_stem

FINISHED = [
    "main-20261125T203000Z.parquet",
    "main-20261125T203000Z.flac",
    "front-bar-20261125T193000Z.parquet",
]
UNFINISHED = [
    "main-20261125T213000Z.journal",
    "main-20261125T213000Z.flac.part",
    "main-20261125T213000Z.parquet.part",
]
OTHERS = [
    "notes.txt",
    "main.parquet",
    "Main-20261125T203000Z.parquet",
    "main-20261125T203000Z.csv",
    "main-20261125T203000Z.parquet.bak",
    "main-2026-11-25.flac",
    "-20261125T203000Z.flac",
    "x main-20261125T203000Z.flac",
]


def test_finished_files_are_listed_oldest_first_without_others(tmp_path):
    for name in FINISHED + UNFINISHED + OTHERS:
        (tmp_path / name).touch()
    (tmp_path / "dir-20261125T203000Z.parquet").mkdir()
    (tmp_path / "link-20261125T203000Z.parquet").symlink_to(tmp_path / "notes.txt")
    assert [path.name for path in finished_files(tmp_path)] == [
        FINISHED[2],
        FINISHED[1],
        FINISHED[0],
    ]
    assert {path.name for path in unfinished_files(tmp_path)} == set(UNFINISHED)


def test_a_name_contains_the_zone_and_the_start_in_utc(tmp_path):
    assert unused_stem(tmp_path, "front-bar", 1795638600.9).name == "front-bar-20261125T203000Z"


def test_a_used_second_is_skipped(tmp_path):
    (tmp_path / "main-20261125T203000Z.flac").touch()
    (tmp_path / "main-20261125T203001Z.journal").touch()
    assert unused_stem(tmp_path, "main", 1795638600.0).name == "main-20261125T203002Z"


def test_names_of_a_zone_sort_by_time(tmp_path):
    starts = [1795638600.0 + 86400 * days for days in (0, 1, 40, 400)]
    names = [unused_stem(tmp_path, "main", start).name for start in starts]
    assert names == sorted(names)
