"""Processes of our own that do one thing beside the program.

What a process that decodes untrusted sound is not allowed, where the system has such guards.

The one place of the decoder where systems differ: what one of them lacks is left out.
"""

import contextlib
import os
import signal
import subprocess
import sys


def start_helper(*arguments: str, bufsize: int = -1) -> "subprocess.Popen[bytes]":
    """Start Python in a session of its own, with pipes for standard input and output.

    It is given our environment without our settings, which may hold passwords; proxies and the like
    remain. What it and its libraries write on standard error goes nowhere.

    Parameters
    ----------
    arguments
        A script, or `-m` and a module, and what they are told.
    bufsize
        Of the pipes, as of `subprocess.Popen`.
    """
    ours = os.environ.items()
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-P", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=bufsize,
        env={name: value for name, value in ours if not name.upper().startswith("STREAMER_")},
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


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
