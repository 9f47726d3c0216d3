"""What a process that decodes untrusted sound is not allowed, where the system has such guards.

The one place of the decoder where systems differ: what one of them lacks is left out.
"""

import contextlib
import signal
import sys

_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES = 1, 38  # PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS of prctl(2)


def guard(memory: int, files: int) -> None:
    """Limit this process for good.

    It leaves no core, writes no file, and where it wants more than `memory` bytes of address space
    or more than `files` open files, it is refused. On Linux it gains no rights by running
    something else, and dies with the thread that started it.
    """
    with contextlib.suppress(ImportError):  # Windows
        import resource

        for which, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, files),
            (resource.RLIMIT_AS, memory),
        ):
            hard = resource.getrlimit(which)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(which, (most, most))
    if sys.platform == "linux":
        import ctypes

        library = ctypes.CDLL(None)
        library.prctl(_DIE_WITH_PARENT, int(signal.SIGKILL), 0, 0, 0)
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
