from streamer.outputs.recording.file_names import finished, in_progress, unused_stem

OURS = [
    "main-20261125T203000Z.parquet",
    "main-20261125T203000Z.flac",
    "front-bar-20261125T193000Z.parquet",
]
UNFINISHED = [
    "main-20261125T213000Z.journal",
    "main-20261125T213000Z.flac.part",
    "main-20261125T213000Z.parquet.part",
]
FOREIGN = [
    "notes.txt",
    "main.parquet",
    "Main-20261125T203000Z.parquet",
    "main-20261125T203000Z.csv",
    "main-20261125T203000Z.parquet.bak",
    "main-2026-11-25.flac",
    "-20261125T203000Z.flac",
    "x main-20261125T203000Z.flac",
]


def test_finished_files_are_given_the_oldest_first_and_nothing_else_is(tmp_path):
    for name in OURS + UNFINISHED + FOREIGN:
        (tmp_path / name).touch()
    (tmp_path / "dir-20261125T203000Z.parquet").mkdir()
    (tmp_path / "link-20261125T203000Z.parquet").symlink_to(tmp_path / "notes.txt")
    assert [path.name for path in finished(tmp_path)] == [OURS[2], OURS[1], OURS[0]]
    assert {path.name for path in in_progress(tmp_path)} == set(UNFINISHED)


def test_a_name_holds_the_zone_and_the_start_in_utc(tmp_path):
    assert unused_stem(tmp_path, "front-bar", 1795638600.9).name == "front-bar-20261125T203000Z"


def test_a_second_that_is_taken_gives_way_to_the_next(tmp_path):
    (tmp_path / "main-20261125T203000Z.flac").touch()
    (tmp_path / "main-20261125T203001Z.journal").touch()
    assert unused_stem(tmp_path, "main", 1795638600.0).name == "main-20261125T203002Z"


def test_names_of_a_zone_sort_by_time(tmp_path):
    starts = [1795638600.0 + 86400 * days for days in (0, 1, 40, 400)]
    names = [unused_stem(tmp_path, "main", start).name for start in starts]
    assert names == sorted(names)
