"""OSC on the wire (Open Sound Control 1.0); the packets are the library's."""

from collections.abc import Mapping

from pythonosc.osc_message_builder import OscMessageBuilder

from streamer.outputs.lights import osc_address
from streamer.outputs.lights.show import OscMessage, OscOutput
from streamer.outputs.lights.udp_sender import SendThrottle, UdpSender

Value = float | int | str | tuple[float, float, float]


class OscSender:
    """Messages, each in a datagram of its own.

    Parameters
    ----------
    output
        Its host, port and messages.
    zone, node
        What stands for {zone} and {node} in addresses.
    dry
        Send nothing.
    """

    def __init__(self, output: OscOutput, *, zone: str, node: str, dry: bool = False) -> None:
        self.where = f"OSC {output.host}:{output.port}"
        self.wire = UdpSender(output.name, output.host, output.port, dry=dry)
        self._messages = [
            (osc_address.fill(message.address, zone=zone, node=node), _key(message), SendThrottle())
            for message in output.messages
        ]

    def send(self, values: Mapping[str, Value], now: float) -> None:
        """Send the messages whose value changed, and each once a second if not."""
        for address, key, cadence in self._messages:
            value = values[key]
            if cadence.due(value, now):
                self.wire.send(_datagram(address, value))

    def close(self) -> None:
        """Close the socket."""
        self.wire.close()


def color_key(palette: str) -> str:
    """Return the name of a palette's colour among the values."""
    return f"color {palette}"


def _key(message: OscMessage) -> str:
    return message.value if message.palette is None else color_key(message.palette)


def _datagram(address: str, value: Value) -> bytes:
    builder = OscMessageBuilder(address)
    for part in value if isinstance(value, tuple) else (value,):
        builder.add_arg(part)
    return builder.build().dgram
