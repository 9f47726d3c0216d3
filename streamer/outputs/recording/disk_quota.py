"""Disk quota of recordings: delete the oldest, and detect when the disk is nearly full."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from streamer.outputs.recording.file_names import finished_files

GIGABYTE = 1e9
_RESUME_FACTOR = 1.05  # of the minimum free space, so that a pause does not end by its own effect

logger = logging.getLogger(__name__)


def free_space(folder: Path) -> int:
    """Return the free bytes on a folder's disk.

    Raises
    ------
    OSError
        The folder does not exist.
    """
    return shutil.disk_usage(folder).free


class DiskQuota:
    """Limits the size of a folder's recordings, and reports low disk space.

    Parameters
    ----------
    folder
        Folder of the recordings.
    limit_gb
        Largest total size of finished recordings, in GB.
    free_gb
        Free disk space to keep, in GB.
    get_free_space
        Returns the free bytes on a folder's disk.
    """

    def __init__(
        self,
        folder: Path,
        limit_gb: float,
        free_gb: float,
        get_free_space: Callable[[Path], int] = free_space,
    ) -> None:
        self._folder = folder
        self._limit = limit_gb * GIGABYTE
        self._min_free = free_gb * GIGABYTE
        self._get_free_space = get_free_space
        self._low = False

    def is_low(self) -> bool:
        """Return whether less than `free_gb` is free; then stays True until there is 5 % more.

        Raises
        ------
        OSError
            The folder does not exist.
        """
        required = self._min_free * (_RESUME_FACTOR if self._low else 1.0)
        self._low = self._get_free_space(self._folder) < required
        return self._low

    def delete_oldest(self) -> None:
        """Delete the oldest finished recordings until the rest is within the limit.

        Counts and deletes only files named as recordings, none in progress, and never those of the
        newest period.

        Raises
        ------
        OSError
            A file cannot be deleted.
        """
        sizes = {path: path.stat().st_size for path in finished_files(self._folder)}
        total = sum(sizes.values())
        newest = max((path.stem for path in sizes), default="")
        for path, size in sizes.items():
            if total <= self._limit or path.stem == newest:
                return
            path.unlink(missing_ok=True)
            total -= size
            logger.info("deleted %s: recordings exceed %g GB", path, self._limit / GIGABYTE)
