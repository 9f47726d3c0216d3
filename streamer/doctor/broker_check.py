"""Check the broker connection step by step: name, TCP, TLS, login, publishing."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator

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

_STEP_TIMEOUT = 5.0  # seconds
_HAPPY_EYEBALLS_DELAY = 0.25  # seconds until the host's next IP address is tried in parallel
_RETAINED_TIMEOUT = 0.3  # seconds to wait for the retained status after subscribing
_DAY = 86400.0  # seconds


async def check_broker(config: Mqtt) -> AsyncIterator[Finding]:
    """Connect to the configured broker; yield a finding per step, up to the first failure.

    The retained status is published once more; nothing else is published.
    """
    try:
        async for finding in _check_steps(config):
            yield finding
    except StreamerError as error:
        yield Finding.from_error("broker", error)


async def _check_steps(config: Mqtt) -> AsyncIterator[Finding]:
    explicit = explicit_broker_address(config)
    address = explicit or BrokerAddress("localhost", config.port)
    credentials = read_credentials(config, address.identity)
    if explicit is None and not await is_listening(address):
        yield _check_embedded(address)
        return
    for name, check in _NETWORK_CHECKS.items():
        try:
            async with asyncio.timeout(_STEP_TIMEOUT):
                seen = await check(address, credentials)
        except (OSError, ValueError) as error:
            yield _failed(
                name, f"{address}: {failure_cause(error)}", suggest_remedy(error, address)
            )
            return
        if seen is not None:
            yield _passed(name, seen)
    connector = BrokerConnector(
        address, credentials, protocol=config.protocol, keepalive=config.keepalive
    )
    topics = Topics.from_config(config)
    logged_in = False
    try:
        async with connector.connect("streamer-doctor") as (client, version):
            logged_in = True
            user = f'user "{credentials.user}"' if credentials.user else "no user"
            yield _passed("login", f"MQTT {version}, {user}")
            yield await _check_publishing(client, topics)
    except aiomqtt.MqttError as error:
        if logged_in:  # some brokers disconnect a client that may not publish
            yield _failed(
                "publish", f"{topics.status}: {failure_cause(error)}", _acl_remedy(topics)
            )
        else:
            remedy = suggest_remedy(error, address, user=credentials.user)
            yield _failed("login", f"{address}: {failure_cause(error)}", remedy)


def _passed(step: str, seen: str) -> Finding:
    return Finding(f"broker: {step}", "ok", seen)


def _failed(step: str, seen: str, advice: str) -> Finding:
    return Finding(f"broker: {step}", "fail", seen, advice)


def _check_embedded(address: BrokerAddress) -> Finding:
    program = find_mosquitto()
    if program is None:
        with contextlib.suppress(ImportError):
            import amqtt

            program = amqtt.__name__
    if program is not None:
        return _passed("embedded", f"nothing listens at {address}; {program} would be started")
    return _failed(
        "embedded",
        f"nothing listens at {address}, and no broker to embed is installed",
        "install mosquitto (apt install mosquitto), or name a broker: --broker mqtt://HOST[:PORT]",
    )


async def _check_name(address: BrokerAddress, _: Credentials) -> str:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror from None
    ip_addresses = sorted({str(each[4][0]) for each in found})
    return f"{address.host} is {', '.join(ip_addresses)}"


async def _check_tcp(address: BrokerAddress, _: Credentials) -> str:
    start = time.perf_counter()
    _reader, writer = await asyncio.open_connection(
        address.host, address.port, happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY
    )
    elapsed_ms = (time.perf_counter() - start) * 1e3
    await _close(writer)
    return f"port {address.port} answers after {elapsed_ms:.1f} ms"


async def _check_tls(address: BrokerAddress, credentials: Credentials) -> str | None:
    """Return the TLS version and the certificate's validity; None without TLS."""
    if credentials.tls is None:
        return None
    _reader, writer = await asyncio.open_connection(
        address.host,
        address.port,
        ssl=credentials.tls,
        server_hostname=address.host,
        happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY,
    )
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert() or {}
    days = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY
    await _close(writer)
    return f"{tls.version()}, certificate valid for {days:.0f} more days"


_NETWORK_CHECKS = {"name": _check_name, "TCP": _check_tcp, "TLS": _check_tls}


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _check_publishing(client: MqttClient, topics: Topics) -> Finding:
    """Publish the status unchanged, and check that it comes back."""
    await client.subscribe(topics.status, qos=1)
    status = await _receive_status(client, _RETAINED_TIMEOUT)
    await client.publish(topics.status, OFFLINE if status is None else status, qos=1, retain=True)
    if await _receive_status(client, ECHO_TIMEOUT) is not None:
        return _passed("publish", f"own status received on {topics.status}")
    return _failed(
        "publish",
        f"what is published on {topics.status} does not come back",
        _acl_remedy(topics),
    )


def _acl_remedy(topics: Topics) -> str:
    return (
        "let the broker's access control list (ACL) allow this user to write and read "
        f"{topics.base}/#"
    )


async def _receive_status(client: MqttClient, seconds: float) -> bytes | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    return message.payload
    return None
