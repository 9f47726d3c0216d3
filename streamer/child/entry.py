"""What a child process does first: apply resource limits, take over its pipes, watch its parent."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import IO, Any, NoReturn

from streamer.child.framing import read_message

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # prctl(2)
_PIPE_BUFFER_BYTES = 1 << 16


def restrict_process(memory_bytes: int, open_files: int) -> None:
    """Limit the resources of this process for good, as far as the system can.

    It writes no core dump and no file, and cannot use more address space or more open files than
    given. On Linux it also gains no privileges by running another program, and is killed when the
    thread that started it ends. Windows has none of these limits.
    """
    with contextlib.suppress(ImportError):  # Windows
        import resource

        for which, value in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, open_files),
            (resource.RLIMIT_AS, memory_bytes),
        ):
            hard = resource.getrlimit(which)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(which, (value, value))
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def claim_stdout() -> IO[bytes]:
    """Return standard output for messages; what libraries print goes to standard error instead."""
    pipe = os.fdopen(os.dup(1), "wb", _PIPE_BUFFER_BYTES)
    os.dup2(2, 1)
    return pipe


def read_until_parent_exits(handle: Callable[[dict[str, Any]], object]) -> NoReturn:
    """Pass on each message from the parent; exit the process once the parent closes the pipe.

    The exit is immediate, whatever other threads do: a library may hang.
    """
    try:
        while isinstance(message := read_message(sys.stdin.buffer, trusted=True), dict):
            handle(message)
    finally:
        os._exit(0)
