"""Unlabelled music: any folder of sound files, each a piece of its own.

`scripts/free-music` fills one with some twenty-seven hours of free game music from Debian.
"""

from pathlib import Path

import numpy as np

from training.datasets.records import Piece

SUFFIXES = {".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav"}
_SHORTEST = 30.0  # seconds; what is shorter in a game is an effect, not music


def read_unlabelled(folder: Path) -> list[Piece]:
    """Read the sound files below `folder` that last at least half a minute.

    The group is the folder directly below `folder`, since versions of one tune lie together.
    """
    nothing = np.empty(0)
    pieces = [
        Piece(
            dataset="unlabelled",
            name=str(source.relative_to(folder)),
            group=source.relative_to(folder).parts[0],
            source=source,
            times=nothing,
            valence=nothing,
            arousal=nothing,
        )
        for source in sorted(folder.rglob("*"))
        if source.suffix.lower() in SUFFIXES and not source.is_symlink() and _lasts(source)
    ]
    if not pieces:
        raise ValueError(f"{folder} holds no sound that lasts {_SHORTEST:g} s")
    return pieces


def _lasts(source: Path) -> bool:
    import av

    try:
        with av.open(str(source), metadata_errors="replace") as container:
            return bool(container.streams.audio) and (container.duration or 0) >= _SHORTEST * 1e6
    except av.FFmpegError:
        return False
