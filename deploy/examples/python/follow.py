"""Follow every zone of every node: print a bar of arousal and a mood per estimate.

pip install "aiomqtt>=2.3,<3"
python follow.py --host 192.168.1.20
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time

import aiomqtt

MAX_AGE = 1.0
"""Maximum age of an estimate, s. Requires synchronised clocks on both machines."""


def mood(valence: float, arousal: float) -> str:
    """Return the word for a quadrant; the topic `state` has a finer mood, one of thirteen."""
    if arousal > 0:
        return "happy" if valence > 0 else "tense"
    return "calm" if valence > 0 else "sad"


def show(topic: str, payload: bytes) -> None:
    """Print an estimate; skip one older than `MAX_AGE`."""
    va = json.loads(payload)
    if time.time() - va["ts"] / 1000 < MAX_AGE:
        _, node, zone, _ = topic.split("/")
        bar = "#" * round(10 * (va["arousal"] + 1))
        word = mood(va["valence"], va["arousal"])
        print(f"{node}/{zone} |{bar:20}| {va['arousal']:+.2f} {word}", flush=True)


async def follow(host: str, port: int) -> None:
    """Subscribe and print every estimate; reconnect every 2 s if the broker is unavailable."""
    user, password = os.environ.get("MQTT_USER"), os.environ.get("MQTT_PASSWORD")
    while True:
        try:
            client = aiomqtt.Client(host, port, username=user, password=password, keepalive=5)
            async with client:
                await client.subscribe("streamer/+/+/va")
                async for message in client.messages:
                    show(message.topic.value, message.payload)
        except aiomqtt.MqttError as error:
            print(f"{host}:{port}: {error}; trying again", file=sys.stderr)
        await asyncio.sleep(2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Follow every zone.")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=1883)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(**vars(parser.parse_args())))
