"""Fixtures: small data sets in their official layouts, and the real ones if present."""

import csv
from pathlib import Path

import pytest

DATA = Path(__file__).parents[4] / "shared/data"


@pytest.fixture
def put(tmp_path):
    """Write a file below the test's folder, empty by default; return its path."""

    def write(path, content=""):
        path = tmp_path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
        return path

    return write


@pytest.fixture(scope="session")
def real_set():
    """Return the folder of a complete real data set, or skip the test."""

    def find(name):
        if not (DATA / name).is_dir():
            pytest.skip(f"{DATA / name} is not there")
        return DATA / name

    return find


@pytest.fixture(scope="session")
def real_labels(tmp_path_factory):
    """Return a folder with the real label tables of a set and an empty file per song."""

    def build(name):
        tables = DATA / "annotations" / name
        if not tables.is_dir():
            pytest.skip(f"{tables} is not there")
        folder = tmp_path_factory.mktemp(name)
        for table in tables.glob("*.csv"):
            (folder / table.name).symlink_to(table)
        with (tables / "static_annotations.csv").open(encoding="utf-8") as file:
            songs = [row["song_id"] for row in csv.DictReader(file)]
        (folder / "audio").mkdir()
        for song in songs:
            (folder / f"audio/{song}.mp3").touch()
        return folder

    return build


@pytest.fixture(scope="session")
def by_name():
    """Return pieces by name; assert that names are unique."""

    def index(pieces):
        named = {piece.name: piece for piece in pieces}
        assert len(named) == len(pieces)
        return named

    return index
