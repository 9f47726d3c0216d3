"""A broker that says what no broker should: nothing of it is raised, and it is tried again."""

import asyncio
import contextlib

import pytest

from streamer.config.models import HomeAssistant, Mqtt
from streamer.mqtt import BrokerAddress, Publisher

pytestmark = pytest.mark.long

ACCEPTED = b"\x20\x03\x00\x00\x00"
"""CONNACK of MQTT 5."""


def message(topic, payload=b"x", properties=b"\x00"):
    """PUBLISH with QoS 0."""
    body = len(topic).to_bytes(2, "big") + topic + properties + payload
    length, left = b"", len(body)
    while True:
        left, byte = left >> 7, left & 0x7F
        length += bytes([byte | (0x80 if left else 0)])
        if not left:
            return b"\x30" + length + body


WORDS = {
    "noise": b"\xff\xfe\x00" * 50,
    "a topic that is no text": message(b"streamer/\xff\xfe"),
    "a topic with a wildcard": message(b"streamer/test/main/cmd/#"),
    "no topic": message(b""),
    "properties that end too soon": message(b"streamer/test/main/cmd/rate", b"", b"\x7f\x08"),
    "a response topic that is no text": message(
        b"streamer/test/main/cmd/rate", b"5", b"\x06\x08\x00\x03\xff\xfe\xfd"
    ),
    "an endless length": b"\x30\xff\xff\xff\xff\xff\xff",
    "an answer to nothing": b"\x40\x02\x12\x34" * 100,
    "half a packet": message(b"streamer/test/main/cmd/rate", b"5" * 5000)[:100],
    "a second welcome": ACCEPTED * 3,
    "a farewell": b"\xe0\x00",
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
async def test_whatever_a_broker_says(words, caplog):
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        with contextlib.closing(writer), contextlib.suppress(OSError, TimeoutError):
            await reader.read(1)
            writer.write(ACCEPTED + words)
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
    said = [each for each in caplog.records if each.name.startswith("streamer")]
    assert said
    assert all(each.getMessage().isprintable() and not each.exc_info for each in said)
