"""OSC sender: messages of an output over UDP (Open Sound Control 1.0)."""

from collections.abc import Mapping

from pythonosc.osc_message_builder import OscMessageBuilder

from streamer.outputs.lights.show import OscMessage, OscOutput
from streamer.outputs.lights.udp_sender import SendThrottle, UdpSender

Value = float | int | str | tuple[float, float, float]


class OscSender:
    """Sends each message in a datagram of its own.

    Parameters
    ----------
    output
        Host, port and messages.
    zone, node
        Values of {zone} and {node} in addresses.
    dry_run
        Send nothing.
    """

    def __init__(self, output: OscOutput, *, zone: str, node: str, dry_run: bool = False) -> None:
        self.description = f"OSC {output.host}:{output.port}"
        self.udp = UdpSender(output.name, output.host, output.port, dry_run=dry_run)
        self._messages = [
            (message.address.format(zone=zone, node=node), _key(message), SendThrottle())
            for message in output.messages
        ]

    def send(self, values: Mapping[str, Value], now: float) -> None:
        """Send every message whose value changed, and the others once a second."""
        for address, key, throttle in self._messages:
            value = values[key]
            if throttle.should_send(value, now):
                self.udp.send(_datagram(address, value))

    def close(self) -> None:
        """Close the socket."""
        self.udp.close()


def color_key(palette: str) -> str:
    """Return the key of a palette's colour in the values of `OscSender.send`."""
    return f"color {palette}"


def _key(message: OscMessage) -> str:
    return message.value if message.palette is None else color_key(message.palette)


def _datagram(address: str, value: Value) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in value if isinstance(value, tuple) else (value,):
        builder.add_arg(argument)
    return builder.build().dgram
