"""Send a command to a zone, and wait for its acknowledgement.

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
    """Send a command; return the acknowledgement with the same id."""
    user, password = os.environ.get("MQTT_USER"), os.environ.get("MQTT_PASSWORD")
    command = {"value": value, "id": uuid.uuid4().hex}
    async with aiomqtt.Client(host, port, username=user, password=password) as client:
        await client.subscribe(f"{base}/ack/{name}", qos=1)
        await client.publish(f"{base}/cmd/{name}", json.dumps(command), qos=1)
        async with asyncio.timeout(5):
            while True:
                message = await anext(client.messages)
                ack: dict[str, Any] = json.loads(message.payload)
                if ack["id"] == command["id"]:
                    return ack


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Send a command to a zone.")
    for argument in ("node", "zone", "name", "value"):
        parser.add_argument(argument)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=1883)
    options = parser.parse_args()
    base = f"streamer/{options.node}/{options.zone}"
    try:
        ack = asyncio.run(send(options.host, options.port, base, options.name, options.value))
    except TimeoutError:
        sys.exit(f"no answer from {base}; check --node and that `streamer run` is running")
    except aiomqtt.MqttError as error:
        sys.exit(f"broker at {options.host}:{options.port}: {error}")
    if not ack["ok"]:
        sys.exit(f"refused: {ack['reason']}")
    print(f"{options.name}: {json.dumps(ack['value'])}")
