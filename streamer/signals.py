"""What ends a program that runs for long, and what makes it read its files again."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable


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
