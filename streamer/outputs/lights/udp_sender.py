"""Send UDP datagrams without blocking, and throttle unchanged content."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import time

KEEP_ALIVE_S = 0.9
"""Interval between packets with unchanged content; E1.31-2018, 6.6.2, requires 0.8 to 1 s."""

REPEATS = 3
"""Immediate repetitions of the last change, in case a packet is lost (6.6.2)."""

_MULTICAST_TTL = 8  # routers that a multicast packet may pass
_RETRY_LOOKUP_S = 2.0  # for a host name that was not found
_REFRESH_LOOKUP_S = 60.0  # for one that was, since its address may change

logger = logging.getLogger(__name__)


class SendThrottle:
    """Decides when to send: on every change, a few times more, then as keep-alive.

    Parameters
    ----------
    repeats
        Immediate repetitions after the last change. Default: 0.
    """

    def __init__(self, repeats: int = 0) -> None:
        self._repeats = repeats
        self._content: object = None
        self._repeats_left = 0
        self._sent_at = 0.0

    def should_send(self, content: object, now: float) -> bool:
        """Return whether to send this content now; True counts as sent."""
        if content != self._content:
            self._content, self._repeats_left = content, self._repeats
        elif self._repeats_left > 0:
            self._repeats_left -= 1
        elif now - self._sent_at < KEEP_ALIVE_S:
            return False
        self._sent_at = now
        return True


class UdpSender:
    """A non-blocking UDP socket (IPv4) that sends a datagram at once or drops it.

    A failure is logged once per cause; the next datagram tries again. The first datagram opens the
    socket. Host names are resolved in a thread, so they need a running event loop.

    Parameters
    ----------
    name
        Name of the output, for log messages.
    host, port
        Destination: an IPv4 address or a name. The host is empty where each datagram has a group.
    interface
        Address to send from. Default: the system's choice.
    broadcast
        Whether the host is a broadcast address.
    dry_run
        Send nothing.

    Attributes
    ----------
    last_error
        Why the last datagram was not sent; empty if it was.
    sent
        Number of datagrams sent.
    dry_run
        Whether nothing is sent.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        interface: str | None = None,
        broadcast: bool = False,
        dry_run: bool = False,
    ) -> None:
        self.last_error = ""
        self.sent = 0
        self.dry_run = dry_run
        self._name, self._host, self._port = name, host, port
        self._interface, self._broadcast = interface, broadcast
        self._resolved = not host or _is_ipv4_address(host)
        self._address = host if self._resolved else ""
        self._lookup: asyncio.Future[str] | None = None
        self._next_lookup = 0.0
        self._socket: socket.socket | None = None

    def send(self, datagram: bytes, group: str | None = None) -> None:
        """Send to the host, or to a multicast group instead."""
        address = group or self._address
        if self.dry_run:
            return
        if group is None and not self._resolved:
            self._resolve()
        if not address:
            return
        try:
            if self._socket is None:
                self._socket = self._open()
            self._socket.sendto(datagram, (address, self._port))
        except OSError as error:
            self._report((error.strerror or str(error)).lower())
        else:
            self.sent += 1
            if self.last_error:
                self.last_error = ""
                logger.info("output %s sends again", self._name, extra={"cause": self._name})

    def close(self) -> None:
        """Close the socket and cancel the look-up."""
        self._resolved = True
        if self._lookup is not None:
            self._lookup.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _MULTICAST_TTL)
            if self._broadcast:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if self._interface is not None:
                packed = socket.inet_aton(self._interface)
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, packed)
                opened.bind((self._interface, 0))
        except OSError:
            opened.close()
            raise
        return opened

    def _resolve(self) -> None:
        """Start a look-up of the host name if one is due."""
        now = time.monotonic()
        if self._lookup is None and now >= self._next_lookup:
            self._next_lookup = now + (_REFRESH_LOOKUP_S if self._address else _RETRY_LOOKUP_S)
            loop = asyncio.get_running_loop()
            self._lookup = loop.run_in_executor(None, socket.gethostbyname, self._host)
            self._lookup.add_done_callback(self._on_resolved)

    def _on_resolved(self, lookup: "asyncio.Future[str]") -> None:
        self._lookup = None
        with contextlib.suppress(asyncio.CancelledError):
            try:
                self._address = lookup.result()
            except (OSError, UnicodeError):
                self._report(f"unknown host {self._host}")

    def _report(self, error: str) -> None:
        self.last_error = error
        cause = {"cause": f"{self._name}: {error}"}
        logger.warning("output %s cannot send: %s; trying again", self._name, error, extra=cause)


def _is_ipv4_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
