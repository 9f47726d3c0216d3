"""Find audio files in folders, by their suffixes."""

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
"""Suffixes of audio files in folders. A file that is given by itself can have any name."""


class InputFile(NamedTuple):
    """An audio file and its partition of a dataset.

    Attributes
    ----------
    path
        As given, or below the given folder.
    folder
        Its folder, from the given one on: "music/rock/live".
    """

    path: Path
    folder: str


def find_audio_files(paths: Iterable[Path]) -> list[InputFile]:
    """List the given files, and the audio files in and below the given folders, sorted by name.

    Hidden files and folders are skipped.

    Raises
    ------
    AudioError
        A folder has no audio file.
    """
    found: dict[Path, InputFile] = {}
    for path in paths:
        if not path.is_dir():
            found.setdefault(path, InputFile(path, path.absolute().parent.name))
            continue
        files = sorted(_audio_files_below(path))
        if not files:
            raise AudioError(f"cannot analyze {path}: no audio file in it; give another folder")
        root = path.resolve()
        for file in files:
            folder = Path(root.name, file.parent.relative_to(path))
            found.setdefault(file, InputFile(file, folder.as_posix()))
    return list(found.values())


def _audio_files_below(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
