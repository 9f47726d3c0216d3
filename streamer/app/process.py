"""Event loop, signal handlers (stop, SIGHUP: reload) and memory of the main process."""

import asyncio
import contextlib
import ctypes
import gc
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop with `add_reader`, which paho-mqtt needs and Windows' default lacks."""
    return asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()


def install_signal_handlers(*, stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` on SIGINT, SIGTERM and a closed terminal, and `reload` on any other SIGHUP.

    Must be called in a running event loop. Does nothing on Windows, where Ctrl-C cancels the run.
    """
    on_terminal = sys.stderr.isatty()

    def on_hangup() -> None:
        terminal_closed = on_terminal and not sys.stderr.isatty()
        (stop if terminal_closed else reload)()

    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        loop.add_signal_handler(signal.SIGHUP, on_hangup)


def resident_memory() -> int | None:
    """Return the resident memory of this process in bytes, None if unknown."""
    try:
        import resource

        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()
    except (ImportError, OSError):
        return None


def peak_memory() -> int | None:
    """Return the peak resident memory of this process in bytes, None if unknown."""
    with contextlib.suppress(OSError):
        # Not getrusage: a child inherits the peak of the process that started it.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
            return int(found[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def freeze_startup_objects() -> None:
    """Exclude all present objects from garbage collection, so that `release_memory` is quick."""
    gc.collect()
    gc.freeze()


def release_memory() -> None:
    """Collect reference cycles and return free heap to the system.

    Python collects long-lived cycles rarely, and a few of them can hold megabytes of audio.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
