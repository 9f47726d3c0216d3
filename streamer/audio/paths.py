"""Local files and nothing else: which path is meant, and whether sound is in it."""

import contextlib
import re
from pathlib import Path

import av
from av.error import FFmpegError

from streamer.errors import AudioError


def is_url(name: str) -> bool:
    """Tell whether a name is a URL rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None


def local_path(name: str) -> Path:
    """Return the path of a regular file that can be read and is not empty.

    Parameters
    ----------
    name
        The path; a leading ``~`` is the home folder.

    Raises
    ------
    AudioError
        There is no such file.
    """
    path = Path(name)
    with contextlib.suppress(RuntimeError):  # no such user: the path is meant as it stands
        path = path.expanduser()
    try:
        if not path.exists():
            raise AudioError(f"{path} does not exist; give the path of a sound file")
        if path.is_dir():
            raise AudioError(f"{path} is a folder; give the path of a sound file in it")
        if not path.is_file():
            raise AudioError(f"{path} is no regular file; raw samples are read with the input '-'")
        if not path.stat().st_size:
            raise AudioError(f"{path} is empty; give a sound file")
        with path.open("rb"):
            pass
    except PermissionError:
        raise AudioError(f"{path} cannot be read: allow this user to read it") from None
    except (OSError, ValueError) as error:
        raise AudioError(f"{name!r} cannot be read ({_reason(error)}); give another path") from None
    return path


def open_container(path: Path) -> tuple[av.container.InputContainer, av.AudioStream]:
    """Open a file with FFmpeg and choose its best audio stream.

    Only FFmpeg's file protocol is allowed, whatever a playlist names.

    Raises
    ------
    AudioError
        FFmpeg cannot read it, or it has no audio stream.
    """
    try:
        container = av.open(
            f"file:{path}",
            mode="r",
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (FFmpegError, OSError, ValueError) as error:
        raise AudioError(
            f"{path} is no sound that can be decoded, or it is cut off at its beginning "
            f"({_reason(error)}); give a sound file, for example WAV, FLAC, MP3 or OGG"
        ) from None
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
        container.close()
        raise AudioError(f"{path} holds no sound that can be decoded; give a sound file")
    stream.codec_context.thread_count = 1  # many files are decoded side by side, a thread each
    return container, stream


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).splitlines()[0].lower() if text else type(error).__name__
