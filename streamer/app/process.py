"""What ends a program that runs for long, and what makes it read its files again.

The event loop that MQTT needs.

What only the operating system can tell. The one place where systems differ.
"""

import asyncio
import contextlib
import ctypes
import gc
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path


def heed_signals(*, stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` on SIGINT, SIGTERM and the end of the terminal, and `reload` on SIGHUP else.

    To be called in a running event loop. On Windows nothing is heeded: there the interrupt cancels
    what runs.
    """
    on_terminal = sys.stderr.isatty()

    def hang_up() -> None:
        gone = on_terminal and not sys.stderr.isatty()  # its window was closed
        (stop if gone else reload)()

    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        loop.add_signal_handler(signal.SIGHUP, hang_up)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop with `add_reader`, which paho-mqtt wants and Windows' default lacks."""
    return asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()


def resident_memory() -> int | None:
    """Resident memory of this process in bytes; None where it is not known."""
    try:
        import resource

        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()
    except (ImportError, OSError):
        return None


def settle_memory() -> None:
    """Take all that is there now as meant to stay, so that `release_memory` need not look at it."""
    gc.collect()
    gc.freeze()


def release_memory() -> None:
    """Free what is kept by nothing but itself, and give it back where the C library would keep it.

    Python looks for cycles of long-lived objects seldom, and knows nothing of the megabytes of
    sound in a few of them.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int | None:
    """Greatest resident memory of this process so far in bytes; None where it is not known."""
    with contextlib.suppress(OSError):
        # Not getrusage, whose figure a process inherits from the one that started it.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE):
            return int(found[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
