"""Art-Net on the wire (Art-Net 4, Artistic Licence); the packets are the library's."""

from stupidArtnet import StupidArtnet  # type: ignore[import-untyped]

from streamer.outputs.lights.cadence import REPEATS, Cadence
from streamer.outputs.lights.patch import SIZE
from streamer.outputs.lights.show import ArtnetOutput
from streamer.outputs.lights.wire import Wire

PORT = 6454


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
        self.wire = Wire(
            output.name,
            host,
            PORT,
            interface=output.interface,
            broadcast=output.broadcast,
            dry=dry,
        )
        self._packets: dict[int, StupidArtnet] = {}
        self._cadences: dict[int, Cadence] = {}

    def send(self, universe: int, levels: bytes, now: float) -> None:
        """Send the levels of a universe (512) if they changed, and once a second if not."""
        if universe not in self._packets:
            packet = StupidArtnet(universe=universe, packet_size=SIZE)
            packet.close()  # its own socket waits, and prints what goes wrong
            self._packets[universe] = packet
            self._cadences[universe] = Cadence(REPEATS)
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
