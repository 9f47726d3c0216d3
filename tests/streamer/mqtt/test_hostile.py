"""Invalid packets from a broker: logged without a traceback, then a reconnect."""

import asyncio
import contextlib

import pytest

from streamer.config.models import HomeAssistant, Mqtt
from streamer.mqtt import BrokerAddress, Publisher

pytestmark = pytest.mark.long

ACCEPTED = b"\x20\x03\x00\x00\x00"
"""CONNACK of MQTT 5."""


def publish_packet(topic, payload=b"x", properties=b"\x00"):
    """Return a PUBLISH packet with QoS 0."""
    body = len(topic).to_bytes(2, "big") + topic + properties + payload
    length, rest = b"", len(body)
    while True:
        rest, byte = rest >> 7, rest & 0x7F
        length += bytes([byte | (0x80 if rest else 0)])
        if not rest:
            return b"\x30" + length + body


PACKETS = {
    "noise": b"\xff\xfe\x00" * 50,
    "a topic that is not UTF-8": publish_packet(b"streamer/\xff\xfe"),
    "a topic with a wildcard": publish_packet(b"streamer/test/main/cmd/#"),
    "no topic": publish_packet(b""),
    "truncated properties": publish_packet(b"streamer/test/main/cmd/rate", b"", b"\x7f\x08"),
    "a response topic that is not UTF-8": publish_packet(
        b"streamer/test/main/cmd/rate", b"5", b"\x06\x08\x00\x03\xff\xfe\xfd"
    ),
    "an endless length": b"\x30\xff\xff\xff\xff\xff\xff",
    "an unsolicited acknowledgement": b"\x40\x02\x12\x34" * 100,
    "half a packet": publish_packet(b"streamer/test/main/cmd/rate", b"5" * 5000)[:100],
    "a second CONNACK": ACCEPTED * 3,
    "a DISCONNECT": b"\xe0\x00",
}


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS.keys())
async def test_an_invalid_packet_leads_to_a_reconnect(packet, caplog):
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        with contextlib.closing(writer), contextlib.suppress(OSError, TimeoutError):
            await reader.read(1)
            writer.write(ACCEPTED + packet)
            await writer.drain()
            while await asyncio.wait_for(reader.read(1000), 0.3):
                pass

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        publisher = Publisher(
            Mqtt(node="test", protocol="5", keepalive=1),
            BrokerAddress("127.0.0.1", port),
            zones=["main"],
            home_assistant=HomeAssistant(),
            handler=lambda command: command.value,
        )
        running = asyncio.create_task(publisher.run())
        async with asyncio.timeout(15):
            while connections < 2:
                assert not running.done()
                await asyncio.sleep(0.05)
        await asyncio.wait_for(publisher.close(), 10)
        await running
    records = [record for record in caplog.records if record.name.startswith("streamer")]
    assert records
    assert all(record.getMessage().isprintable() and not record.exc_info for record in records)
