"""Minimal event loop on epoll: asyncio's overhead per message would distort the load."""

import heapq
import itertools
import select
import time
from collections.abc import Callable


class Loop:
    """Call handlers of ready sockets and expired timers.

    Used by one thread; sockets are non-blocking, and closed by their owners.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def watch(self, fd: int, handler: Callable[[], None], *, writable: bool = False) -> None:
        """Call `handler` when a socket is readable, or instead writable."""
        events = select.EPOLLOUT if writable else select.EPOLLIN
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def unwatch(self, fd: int) -> None:
        """Stop watching a socket; call this before the socket is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` once, after `seconds`."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), call))

    def run_once(self, timeout: float) -> int:
        """Handle ready sockets and due timers; return the number of ready sockets.

        Waits at most `timeout` seconds; epoll's resolution may exceed that by 1 ms.
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

    def run_until(self, condition: Callable[[], object], timeout: float) -> None:
        """Run until a condition holds.

        Raises
        ------
        TimeoutError
            It does not hold within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"condition not met within {timeout:.0f} s")
            self.run_once(0.05)

    def close(self) -> None:
        """Close the epoll object."""
        self._epoll.close()
