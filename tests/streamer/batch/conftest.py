"""A small collection of audio files, and readers of the Parquet dataset made of it."""

from pathlib import Path

import pyarrow.dataset
import pytest


@pytest.fixture
def collection(away, music, write_wav) -> Path:
    """Write five songs in three folders, a damaged file, an image and a hidden file."""
    for number, name in enumerate(
        ("rock/a.wav", "rock/b.wav", "rock/live/c.WAV", "d.wav", "e.wav")
    ):
        path = away / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, music(1.5 + number / 4, 22050, number), 22050, channels=1)
    (away / "music" / "broken.wav").write_text("no sound\n" * 100)
    (away / "music" / "cover.jpg").touch()
    (away / "music" / ".hidden.wav").touch()
    return away / "music"


def table(folder: Path) -> pyarrow.Table:
    """Read a dataset with pyarrow, sorted."""
    rows = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive").to_table()
    return rows.sort_by([("folder", "ascending"), ("file", "ascending"), ("time", "ascending")])


def parts(folder: Path) -> list[Path]:
    """List the complete parts."""
    return sorted(folder.glob("folder=*/*.parquet"))
