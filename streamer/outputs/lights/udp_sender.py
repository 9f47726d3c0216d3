"""Datagrams to one place, never waiting, whatever becomes of the network."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import time

logger = logging.getLogger(__name__)

_TTL = 8  # routers that multicast may pass
_RETRY = 2.0  # seconds until a name that is not known is looked up again
_AGAIN = 60.0  # seconds until one that is known is, since its address may change


class UdpSender:
    """A UDP socket (IPv4) that sends or drops at once.

    What cannot be sent is told once for each cause, and tried again with the next datagram. It is
    opened by the first datagram. Names are looked up in a thread, so they need a running
    event loop.

    Parameters
    ----------
    name
        What the output is called, for messages.
    host, port
        Where to; an IPv4 address or a name. The host may be empty where each datagram has a group.
    interface
        Address to send from; None lets the system choose.
    broadcast
        Whether the host is a broadcast address.
    dry
        Send nothing.

    Attributes
    ----------
    trouble
        Why the last datagram was not sent; empty where it was.
    sent
        Datagrams sent.
    dry
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
        dry: bool = False,
    ) -> None:
        self.trouble = ""
        self.sent = 0
        self._name, self._host, self._port = name, host, port
        self.dry = dry
        self._interface, self._broadcast = interface, broadcast
        self._fixed = not host or _is_address(host)
        self._address = host if self._fixed else ""
        self._lookup: asyncio.Future[str] | None = None
        self._next_lookup = 0.0
        self._socket: socket.socket | None = None

    def send(self, datagram: bytes, group: str | None = None) -> None:
        """Send to the host, or to a multicast group in its place."""
        address = group or self._address
        if self.dry:
            return
        if group is None and not self._fixed:
            self._look_up()
        if not address:
            return
        try:
            if self._socket is None:
                self._socket = self._open()
            self._socket.sendto(datagram, (address, self._port))
        except OSError as error:
            self._tell((error.strerror or str(error)).lower())
        else:
            self.sent += 1
            if self.trouble:
                self.trouble = ""
                logger.info("output %s sends again", self._name, extra={"cause": self._name})

    def close(self) -> None:
        """Close the socket; a later datagram would open it again, but look up no name."""
        self._fixed = True
        if self._lookup is not None:
            self._lookup.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _TTL)
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

    def _look_up(self) -> None:
        now = time.monotonic()
        if self._lookup is None and now >= self._next_lookup:
            self._next_lookup = now + (_AGAIN if self._address else _RETRY)
            loop = asyncio.get_running_loop()
            self._lookup = loop.run_in_executor(None, socket.gethostbyname, self._host)
            self._lookup.add_done_callback(self._found)

    def _found(self, lookup: "asyncio.Future[str]") -> None:
        self._lookup = None
        with contextlib.suppress(asyncio.CancelledError):
            try:
                self._address = lookup.result()
            except (OSError, UnicodeError):
                self._tell(f"unknown host {self._host}")

    def _tell(self, trouble: str) -> None:
        self.trouble = trouble
        cause = {"cause": f"{self._name}: {trouble}"}
        logger.warning("output %s cannot send: %s; trying again", self._name, trouble, extra=cause)


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


KEEP_ALIVE = 0.9
"""Seconds after which what did not change is sent again; E1.31-2018, 6.6.2, asks for 0.8 to 1."""

REPEATS = 3
"""How often the last change is sent again at once, in case a packet is lost (6.6.2)."""


class SendThrottle:
    """Says when something is to be sent: when it changed, and now and then when it did not.

    Parameters
    ----------
    repeats
        How often to send once more what no longer changes, before waiting for the keep-alive.
    """

    def __init__(self, repeats: int = 0) -> None:
        self._repeats = repeats
        self._content: object = None
        self._left = 0
        self._sent = 0.0

    def due(self, content: object, now: float) -> bool:
        """Whether to send this now; if so, it counts as sent."""
        if content != self._content:
            self._content, self._left = content, self._repeats
        elif self._left > 0:
            self._left -= 1
        elif now - self._sent < KEEP_ALIVE:
            return False
        self._sent = now
        return True
