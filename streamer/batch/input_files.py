"""Which sounds are meant."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from streamer.errors import AudioError

SUFFIXES = frozenset(
    (
        ".aac", ".aif", ".aifc", ".aiff", ".ape", ".au", ".caf", ".flac", ".m4a", ".m4b", ".mka",
        ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpc", ".oga", ".ogg", ".opus", ".wav", ".wave",
        ".webm", ".wma", ".wv",
    )
)  # fmt: skip
"""What names of sound files end in; a file that is named itself may have any name."""


class Sound(NamedTuple):
    """A file, and the part of a data set that it belongs to.

    Attributes
    ----------
    path
        As it was named, or below the folder that was named.
    folder
        The folder that it lies in, from the one that was named on: "music/rock/live".
    """

    path: Path
    folder: str


def find_sounds(named: Iterable[Path]) -> list[Sound]:
    """List files as they are named, and sound files in and below folders by their names.

    Hidden files and folders are left out.

    Raises
    ------
    AudioError
        A folder holds no sound file.
    """
    found: dict[Path, Sound] = {}
    for path in named:
        if not path.is_dir():
            found.setdefault(path, Sound(path, path.absolute().parent.name))
            continue
        below = sorted(_below(path))
        if not below:
            raise AudioError(f"{path} is a folder that holds no sound file; give one that does")
        root = path.resolve()
        for file in below:
            folder = Path(root.name, file.parent.relative_to(path))
            found.setdefault(file, Sound(file, folder.as_posix()))
    return list(found.values())


def _below(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
