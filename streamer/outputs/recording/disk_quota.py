"""How much of the disk recordings may take."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from streamer.outputs.recording.file_names import finished

GIGABYTE = 1e9
_ROOM_AGAIN = 1.05  # of the floor, so that what is freed by pausing does not end the pause

logger = logging.getLogger(__name__)


def free_space(folder: Path) -> int:
    """Return the bytes that are free on a folder's disk.

    Raises
    ------
    OSError
        The folder is gone.
    """
    return shutil.disk_usage(folder).free


class DiskQuota:
    """Keeps a folder's recordings below a limit, and tells when the disk gets full.

    Parameters
    ----------
    folder
        Where the recordings are.
    limit_gb
        Size of the finished recordings in GB.
    free_gb
        What is left free on the disk in GB.
    look
        Returns the bytes free on a folder's disk.
    """

    def __init__(
        self,
        folder: Path,
        limit_gb: float,
        free_gb: float,
        look: Callable[[Path], int] = free_space,
    ) -> None:
        self._folder = folder
        self._limit = limit_gb * GIGABYTE
        self._floor = free_gb * GIGABYTE
        self._look = look
        self._short = False

    def short(self) -> bool:
        """Whether there is less room than is to be left free; once so, until there is 5 % more.

        Raises
        ------
        OSError
            The folder is gone.
        """
        wanted = self._floor * (_ROOM_AGAIN if self._short else 1.0)
        self._short = self._look(self._folder) < wanted
        return self._short

    def trim(self) -> None:
        """Delete the oldest finished recordings until the rest is within the limit.

        Only files named as recordings are counted and deleted, none in progress, and never those
        of the newest stretch.

        Raises
        ------
        OSError
            One cannot be deleted.
        """
        sizes = {path: path.stat().st_size for path in finished(self._folder)}
        total = sum(sizes.values())
        newest = max((path.stem for path in sizes), default="")
        for path, size in sizes.items():
            if total <= self._limit or path.stem == newest:
                return
            path.unlink(missing_ok=True)
            total -= size
            logger.info("deleted %s: recordings take more than %g GB", path, self._limit / GIGABYTE)
