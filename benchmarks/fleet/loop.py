"""An event loop of a few lines: asyncio's own work per message would be a good part of it all."""

import heapq
import itertools
import select
import time
from collections.abc import Callable


class Loop:
    """Calls back what a socket is ready for, and what is due.

    Owned by one thread; sockets are not blocking and closed by whoever opened them.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def watch(self, fd: int, handler: Callable[[], None], *, writable: bool = False) -> None:
        """Call `handler` when a socket has something to read, or (else) room to write."""
        events = select.EPOLLOUT if writable else select.EPOLLIN
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Watch a socket no longer; to be called before it is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call once, so many seconds from now."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), call))

    def turn(self, timeout: float) -> int:
        """Wait for something to do, at most `timeout` seconds; do it, and return how much it was.

        The kernel waits for whole milliseconds, so a timeout may be exceeded by one.
        """
        if self._timers:
            timeout = max(0.0, min(timeout, self._timers[0][0] - time.monotonic()))
        ready = self._epoll.poll(timeout)
        for fd, _ in ready:
            if (handler := self._handlers.get(fd)) is not None:
                handler()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        return len(ready)

    def until(self, true: Callable[[], object], seconds: float) -> None:
        """Turn until something is true.

        Raises
        ------
        TimeoutError
            It is not after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:.0f} s")
            self.turn(0.05)

    def close(self) -> None:
        """Give the poll object back."""
        self._epoll.close()
