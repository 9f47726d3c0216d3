"""DMX over IP: sACN (ANSI E1.31-2018) and Art-Net 4 senders; libraries encode the packets."""

from dataclasses import dataclass, field
from typing import Protocol
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

_SEQUENCE_OFFSET, _LEVELS_OFFSET = 111, 126  # in an E1.31 data packet (Table 4-1)
_TERMINATION_PACKETS = 3
_MAX_SOURCE_NAME_BYTES = 63


class UniverseSender(Protocol):
    """Sends DMX universes."""

    description: str
    udp: UdpSender

    def send(self, universe: int, levels: bytes, now: float) -> None:
        """Send the 512 levels of a universe if they changed, else once a second."""
        ...

    def end(self, universe: int) -> None:
        """Stop sending a universe."""
        ...

    def close(self) -> None:
        """End every universe and close the socket."""
        ...


@dataclass
class _SacnUniverse:
    """Packet of a universe, in which only sequence number and levels change."""

    packet: bytearray
    sequence: int = 0
    throttle: SendThrottle = field(default_factory=lambda: SendThrottle(REPEATS))


class SacnSender:
    """Sends universes by sACN, all as one source.

    There is neither a thread nor universe discovery: `send` transmits the packet itself.

    Parameters
    ----------
    output
        Priority and destination.
    source
        Source name, cut to 63 bytes.
    dry_run
        Send nothing.
    """

    def __init__(self, output: SacnOutput, *, source: str, dry_run: bool = False) -> None:
        self._multicast = output.destination == "multicast"
        self.description = f"sACN priority {output.priority}, {output.destination}"
        self.udp = UdpSender(
            output.name,
            "" if self._multicast else output.destination,
            SACN_PORT,
            interface=output.interface,
            dry_run=dry_run,
        )
        self._priority = output.priority
        self._source = source.encode()[:_MAX_SOURCE_NAME_BYTES].decode(errors="ignore")
        self._cid = tuple(uuid4().bytes)
        self._universes: dict[int, _SacnUniverse] = {}

    def send(self, universe: int, levels: bytes, now: float) -> None:
        """Send the 512 levels of a universe if they changed, else once a second."""
        if universe not in self._universes:
            self._universes[universe] = _SacnUniverse(self._packet(universe))
        stream = self._universes[universe]
        if stream.throttle.should_send(levels, now):
            stream.packet[_LEVELS_OFFSET:] = levels
            self._transmit(universe, stream)

    def end(self, universe: int) -> None:
        """Stop sending a universe: three packets with `Stream_Terminated` (6.2.6)."""
        stream = self._universes.pop(universe, None)
        if stream is not None:
            stream.packet = self._packet(universe, terminated=True)
            for _ in range(_TERMINATION_PACKETS):
                self._transmit(universe, stream)

    def close(self) -> None:
        """End every universe and close the socket."""
        for universe in tuple(self._universes):
            self.end(universe)
        self.udp.close()

    def _packet(self, universe: int, *, terminated: bool = False) -> bytearray:
        packet = DataPacket(
            self._cid,
            self._source,
            universe,
            priority=self._priority,
            streamTerminated=terminated,
        )
        return bytearray(packet.getBytes())

    def _transmit(self, universe: int, stream: _SacnUniverse) -> None:
        stream.packet[_SEQUENCE_OFFSET] = stream.sequence
        stream.sequence = (stream.sequence + 1) % 256
        group = calculate_multicast_addr(universe) if self._multicast else None
        self.udp.send(bytes(stream.packet), group)


class ArtnetSender:
    """Sends universes as ArtDmx packets.

    Parameters
    ----------
    output
        Host, or broadcast.
    dry_run
        Send nothing.
    """

    def __init__(self, output: ArtnetOutput, *, dry_run: bool = False) -> None:
        host = output.host or "255.255.255.255"
        self.description = f"Art-Net {'broadcast ' if output.broadcast else ''}{host}"
        self.udp = UdpSender(
            output.name,
            host,
            ARTNET_PORT,
            interface=output.interface,
            broadcast=output.broadcast,
            dry_run=dry_run,
        )
        self._universes: dict[int, tuple[StupidArtnet, SendThrottle]] = {}

    def send(self, universe: int, levels: bytes, now: float) -> None:
        """Send the 512 levels of a universe if they changed, else once a second."""
        if universe not in self._universes:
            packet = StupidArtnet(universe=universe, packet_size=UNIVERSE_SIZE)
            packet.close()  # its own socket blocks, and prints errors
            self._universes[universe] = packet, SendThrottle(REPEATS)
        packet, throttle = self._universes[universe]
        if throttle.should_send(levels, now):
            packet.sequence = packet.sequence % 255 + 1  # 0 would disable the sequence
            packet.make_artdmx_header()
            packet.set(levels)
            self.udp.send(bytes(packet.packet_header) + bytes(packet.buffer))

    def end(self, universe: int) -> None:
        """Stop sending a universe; Art-Net has no message for that."""
        self._universes.pop(universe, None)

    def close(self) -> None:
        """Close the socket."""
        self.udp.close()
