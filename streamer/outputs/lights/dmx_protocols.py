"""sACN on the wire (ANSI E1.31-2018); the packets are the library's.

Art-Net on the wire (Art-Net 4, Artistic Licence); the packets are the library's.
"""

from dataclasses import dataclass, field
from uuid import uuid4

from sacn.messages.data_packet import (  # type: ignore[import-untyped]
    DataPacket,
    calculate_multicast_addr,
)
from stupidArtnet import StupidArtnet  # type: ignore[import-untyped]

from streamer.outputs.lights.dmx_patch import UNIVERSE_SIZE
from streamer.outputs.lights.show import ArtnetOutput, SacnOutput
from streamer.outputs.lights.udp_sender import REPEATS, SendThrottle, UdpSender

SACN_PORT, ARTNET_PORT = 5568, 6454
_SEQUENCE, _LEVELS = 111, 126  # octets of a packet (Table 4-1)
_TERMINATIONS = 3
_LONGEST_SOURCE = 63  # bytes


@dataclass
class _Stream:
    """A universe: its packet, in which only sequence and levels change."""

    packet: bytearray
    sequence: int = 0
    cadence: SendThrottle = field(default_factory=lambda: SendThrottle(REPEATS))


class SacnSender:
    """Universes by E1.31, as one source.

    There is no thread and no universe discovery: a packet leaves in the call that makes it.

    Parameters
    ----------
    output
        Its priority and destination.
    source
        What the source is called; 63 bytes are kept.
    dry
        Send nothing.
    """

    def __init__(self, output: SacnOutput, *, source: str, dry: bool = False) -> None:
        self._multicast = output.destination == "multicast"
        self.where = f"sACN priority {output.priority}, {output.destination}"
        self.wire = UdpSender(
            output.name,
            "" if self._multicast else output.destination,
            SACN_PORT,
            interface=output.interface,
            dry=dry,
        )
        self._priority = output.priority
        self._source = source.encode()[:_LONGEST_SOURCE].decode(errors="ignore")
        self._cid = tuple(uuid4().bytes)
        self._streams: dict[int, _Stream] = {}

    def send(self, universe: int, levels: bytes, now: float) -> None:
        """Send the levels of a universe (512) if they changed, and once a second if not."""
        if universe not in self._streams:
            self._streams[universe] = _Stream(self._packet(universe))
        stream = self._streams[universe]
        if stream.cadence.due(levels, now):
            stream.packet[_LEVELS:] = levels
            self._transmit(universe, stream)

    def end(self, universe: int) -> None:
        """Say that a universe ends: three packets with `Stream_Terminated` (6.2.6)."""
        stream = self._streams.pop(universe, None)
        if stream is not None:
            stream.packet = self._packet(universe, ended=True)
            for _ in range(_TERMINATIONS):
                self._transmit(universe, stream)

    def close(self) -> None:
        """End every universe, and close the socket."""
        for universe in tuple(self._streams):
            self.end(universe)
        self.wire.close()

    def _packet(self, universe: int, *, ended: bool = False) -> bytearray:
        packet = DataPacket(
            self._cid,
            self._source,
            universe,
            priority=self._priority,
            streamTerminated=ended,
        )
        return bytearray(packet.getBytes())

    def _transmit(self, universe: int, stream: _Stream) -> None:
        stream.packet[_SEQUENCE] = stream.sequence
        stream.sequence = (stream.sequence + 1) % 256
        group = calculate_multicast_addr(universe) if self._multicast else None
        self.wire.send(bytes(stream.packet), group)


class ArtnetSender:
    """Universes as ArtDmx packets.

    Parameters
    ----------
    output
        Its host.
    dry
        Send nothing.
    """

    def __init__(self, output: ArtnetOutput, *, dry: bool = False) -> None:
        host = output.host or "255.255.255.255"
        self.where = f"Art-Net {'broadcast ' if output.broadcast else ''}{host}"
        self.wire = UdpSender(
            output.name,
            host,
            ARTNET_PORT,
            interface=output.interface,
            broadcast=output.broadcast,
            dry=dry,
        )
        self._packets: dict[int, StupidArtnet] = {}
        self._cadences: dict[int, SendThrottle] = {}

    def send(self, universe: int, levels: bytes, now: float) -> None:
        """Send the levels of a universe (512) if they changed, and once a second if not."""
        if universe not in self._packets:
            packet = StupidArtnet(universe=universe, packet_size=UNIVERSE_SIZE)
            packet.close()  # its own socket waits, and prints what goes wrong
            self._packets[universe] = packet
            self._cadences[universe] = SendThrottle(REPEATS)
        if self._cadences[universe].due(levels, now):
            packet = self._packets[universe]
            packet.sequence = packet.sequence % 255 + 1  # 0 would say that there is no order
            packet.make_artdmx_header()
            packet.set(levels)
            self.wire.send(bytes(packet.packet_header) + bytes(packet.buffer))

    def end(self, universe: int) -> None:
        """Send a universe no more; Art-Net has no word for that."""
        self._packets.pop(universe, None)
        self._cadences.pop(universe, None)

    def close(self) -> None:
        """Close the socket."""
        self.wire.close()
