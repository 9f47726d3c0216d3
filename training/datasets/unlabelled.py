"""Read unlabelled music: folders of audio files, each one piece.

`scripts/free-music` fills such a folder with 27 hours of free game music from Debian.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.datasets.pieces import Piece

AUDIO_SUFFIXES = {".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav"}
_MIN_SECONDS = 30.0  # shorter files of a game are effects, not music


def read_unlabelled(folder: Path) -> list[Piece]:
    """Read the audio files below `folder` that last at least 30 s.

    The group is the folder directly below `folder`, because versions of one tune are in one folder.

    Raises
    ------
    ValueError
        There is no such file.
    """
    return _read_audio_files(folder, "unlabelled", lambda path: path.parts[0])


def read_recordings(folder: Path) -> list[Piece]:
    """Read excerpts of songs, named SONG-NUMBER; the group is the song.

    Raises
    ------
    ValueError
        There is no audio file of at least 30 s.
    """
    return _read_audio_files(folder, "recordings", lambda path: path.stem.rpartition("-")[0])


def _read_audio_files(folder: Path, dataset: str, group: Callable[[Path], str]) -> list[Piece]:
    no_labels = np.empty(0)
    pieces = [
        Piece(
            dataset=dataset,
            name=str(source.relative_to(folder)),
            group=group(source.relative_to(folder)) or source.stem,
            source=source,
            times=no_labels,
            valence=no_labels,
            arousal=no_labels,
        )
        for source in sorted(folder.rglob("*"))
        if source.suffix.lower() in AUDIO_SUFFIXES
        and not source.is_symlink()
        and _is_long_enough(source)
    ]
    if not pieces:
        raise ValueError(f"cannot read {dataset}: {folder} has no audio file of {_MIN_SECONDS:g} s")
    return pieces


def _is_long_enough(source: Path) -> bool:
    import av

    try:
        with av.open(str(source), metadata_errors="replace") as container:
            return bool(container.streams.audio) and (container.duration or 0) >= _MIN_SECONDS * 1e6
    except av.FFmpegError:
        return False
