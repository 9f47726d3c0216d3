"""Folders that are written to."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import damer.views
from streamer.doctor.finding import Finding


def examine_storage() -> Iterator[Finding]:
    """Yield where compiled code is kept, which saves a second or two at every start."""
    for folder in cache_folders(os.environ):
        existing = next(each for each in (folder, *folder.parents) if os.access(each, os.F_OK))
        if os.access(existing, os.W_OK):
            yield Finding("cache", "ok", f"compiled code is kept in {folder}")
            return
    yield Finding(
        "cache",
        "warn",
        "no folder can be written: code is compiled anew at every start",
        "let NUMBA_CACHE_DIR name a folder that this user can write",
    )


def cache_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return where Numba looks for a place, in its order."""
    if environ.get("NUMBA_CACHE_DIR"):
        return [Path(environ["NUMBA_CACHE_DIR"])]
    beside = Path(str(damer.views.__file__)).parent / "__pycache__"
    home = Path(environ.get("HOME") or "/")
    if sys.platform == "win32":
        user = Path(environ.get("LOCALAPPDATA") or home)
    elif sys.platform == "darwin":
        user = home / "Library" / "Caches"
    else:
        user = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return [beside, user / "numba"]
