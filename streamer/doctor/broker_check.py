"""The way to the broker, step by step: name, TCP, TLS, login, publishing.

The broker, step by step.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiomqtt

from streamer.config import Mqtt
from streamer.config.credentials import Credentials, read_credentials
from streamer.doctor.finding import Finding
from streamer.errors import StreamerError
from streamer.mqtt.broker import is_listening
from streamer.mqtt.broker_address import BrokerAddress, explicit_broker_address
from streamer.mqtt.client import BrokerConnector, MqttClient
from streamer.mqtt.connection_errors import failure_cause, suggest_remedy
from streamer.mqtt.mosquitto import find_mosquitto
from streamer.mqtt.session import ECHO_TIMEOUT
from streamer.mqtt.topics import OFFLINE, Topics

_TIMEOUT = 5.0  # seconds for a step
_NEXT_ADDRESS = 0.25  # seconds after which the next address of a name is tried beside the first
_RETAINED_WITHIN = 0.3  # seconds in which a retained status follows a subscription
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes
    ----------
    name
        "name", "TCP", "TLS", "login", "publish".
    ok
        Whether it was taken.
    seen
        What was seen, in one line.
    advice
        What to do where it was not.
    """

    name: str
    ok: bool
    seen: str
    advice: str = ""


async def broker_steps(config: Mqtt) -> AsyncIterator[Step]:
    """Go to the configured broker; yield each step, up to the first that fails.

    The status that is retained there is published once more; nothing else is.

    Raises
    ------
    ConfigError
        The broker is not named in a form that is supported, or its credentials cannot be read.
    """
    address = explicit_broker_address(config)
    here = BrokerAddress("localhost", config.port)
    credentials = read_credentials(config, (address or here).identity)
    if address is None and not await is_listening(here):
        yield _embedded(here)
        return
    address = address or here
    for take in (_resolve, _connect, _shake_hands):
        try:
            async with asyncio.timeout(_TIMEOUT):
                step = await take(address, credentials)
        except (OSError, ValueError) as error:
            name = _NAMES[take]
            yield Step(
                name, False, f"{address}: {failure_cause(error)}", suggest_remedy(error, address)
            )
            return
        if step is not None:
            yield step
    dialler = BrokerConnector(
        address, credentials, protocol=config.protocol, keepalive=config.keepalive
    )
    topics = Topics.from_config(config)
    logged_in = False
    try:
        async with dialler.connect("streamer-doctor") as (link, version):
            logged_in = True
            user = f'user "{credentials.user}"' if credentials.user else "no user"
            yield Step("login", True, f"MQTT {version}, {user}")
            yield await _publish(link, topics)
    except aiomqtt.MqttError as error:
        if logged_in:  # some brokers hang up on whom they forbid to publish
            yield Step("publish", False, f"{topics.status}: {failure_cause(error)}", _allow(topics))
        else:
            advice = suggest_remedy(error, address, user=credentials.user)
            yield Step("login", False, f"{address}: {failure_cause(error)}", advice)


def _embedded(address: BrokerAddress) -> Step:
    program = find_mosquitto()
    if program is not None:
        return Step("embedded", True, f"nothing listens at {address}; {program} would be started")
    with contextlib.suppress(ImportError):
        import amqtt

        return Step("embedded", True, f"nothing listens at {address}; {amqtt.__name__} would serve")
    return Step(
        "embedded",
        False,
        f"nothing listens at {address}, and there is no broker to embed",
        "install mosquitto (apt install mosquitto), or name one: --broker mqtt://HOST[:PORT]",
    )


async def _resolve(address: BrokerAddress, _: Credentials) -> Step:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror from None
    numbers = sorted({str(each[4][0]) for each in found})
    return Step("name", True, f"{address.host} is {', '.join(numbers)}")


async def _connect(address: BrokerAddress, _: Credentials) -> Step:
    begun = time.perf_counter()
    _reader, writer = await asyncio.open_connection(
        address.host, address.port, happy_eyeballs_delay=_NEXT_ADDRESS
    )
    took = (time.perf_counter() - begun) * 1e3
    await _hang_up(writer)
    return Step("TCP", True, f"port {address.port} answers after {took:.1f} ms")


async def _shake_hands(address: BrokerAddress, credentials: Credentials) -> Step | None:
    if credentials.tls is None:
        return None
    _reader, writer = await asyncio.open_connection(
        address.host,
        address.port,
        ssl=credentials.tls,
        server_hostname=address.host,
        happy_eyeballs_delay=_NEXT_ADDRESS,
    )
    secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = secured.getpeercert() or {}
    days = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY
    await _hang_up(writer)
    return Step("TLS", True, f"{secured.version()}, certificate valid for {days:.0f} more days")


_NAMES = {_resolve: "name", _connect: "TCP", _shake_hands: "TLS"}


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _publish(link: MqttClient, topics: Topics) -> Step:
    """Publish the status as it is, and see whether it comes back."""
    await link.subscribe(topics.status, qos=1)
    status = await _next_status(link, _RETAINED_WITHIN)
    await link.publish(topics.status, OFFLINE if status is None else status, qos=1, retain=True)
    if await _next_status(link, ECHO_TIMEOUT) is not None:
        return Step("publish", True, f"own status seen on {topics.status}")
    return Step(
        "publish",
        False,
        f"what is published on {topics.status} does not come back",
        _allow(topics),
    )


def _allow(topics: Topics) -> str:
    return (
        "let the broker's access control list (ACL) allow this user to write and read "
        f"{topics.base}/#"
    )


async def _next_status(link: MqttClient, seconds: float) -> bytes | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for message in link.messages:
                if isinstance(message.payload, bytes):
                    return message.payload
    return None


async def check_broker(config: Mqtt) -> AsyncIterator[Finding]:
    """Yield each step on the way to the broker, up to the first that fails."""
    try:
        async for step in broker_steps(config):
            yield Finding(
                f"broker: {step.name}", "ok" if step.ok else "fail", step.seen, step.advice
            )
    except StreamerError as error:
        yield Finding.from_error("broker", error)
