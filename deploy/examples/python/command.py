"""Send a command to a zone, and wait for the answer.

pip install "aiomqtt>=2.3,<3"
python command.py hall main freeze on --host 192.168.1.20
"""

import argparse
import asyncio
import json
import os
import sys
import uuid
from typing import Any

import aiomqtt


async def send(host: str, port: int, base: str, name: str, value: str) -> dict[str, Any]:
    """Send a command, and return the answer to it: the one that bears its id."""
    user, password = os.environ.get("MQTT_USER"), os.environ.get("MQTT_PASSWORD")
    command = {"value": value, "id": uuid.uuid4().hex}
    async with aiomqtt.Client(host, port, username=user, password=password) as client:
        await client.subscribe(f"{base}/ack/{name}", qos=1)
        await client.publish(f"{base}/cmd/{name}", json.dumps(command), qos=1)
        async with asyncio.timeout(5):
            while True:
                message = await anext(client.messages)
                answer: dict[str, Any] = json.loads(message.payload)
                if answer["id"] == command["id"]:
                    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Send a command to a zone.")
    for argument in ("node", "zone", "name", "value"):
        parser.add_argument(argument)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=1883)
    given = parser.parse_args()
    base = f"streamer/{given.node}/{given.zone}"
    try:
        answer = asyncio.run(send(given.host, given.port, base, given.name, given.value))
    except TimeoutError:
        sys.exit(f"nobody answers at {base}: is that its --node, and does `streamer run` run?")
    except aiomqtt.MqttError as error:
        sys.exit(f"broker at {given.host}:{given.port}: {error}")
    if not answer["ok"]:
        sys.exit(f"refused: {answer['reason']}")
    print(f"{given.name}: {json.dumps(answer['value'])}")
