"""Which files another process is still writing. The one place of a recording where systems differ.

A lock ends with the process that holds it, however that dies.
"""

from typing import IO

try:
    import fcntl
except ImportError:  # Windows, which lets nobody rename or delete a file that is open

    def claim(file: IO[bytes]) -> bool:
        """Claim an open file for this process until it is closed; tell whether that could be."""
        return not file.closed
else:

    def claim(file: IO[bytes]) -> bool:
        """Claim an open file for this process until it is closed; tell whether that could be."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system that knows no locks
            return True
        return True
