"""Local files and nothing else: which path is meant, and whether it can be read."""

import contextlib
import re
from pathlib import Path

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


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).splitlines()[0].lower() if text else type(error).__name__
