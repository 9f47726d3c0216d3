"""Open the configured MQTT broker, or run an embedded one.

An embedded broker is a `mosquitto` child process where that program is installed, else amqtt in
this process. It listens on loopback only, stores nothing on disk and ends with this process.
"""

import asyncio
import contextlib
import importlib.util
import logging
from collections.abc import AsyncIterator
from typing import Literal

from streamer.config.credentials import Credentials, read_credentials
from streamer.config.models import Mqtt
from streamer.errors import BrokerError
from streamer.mqtt.broker_address import DEFAULT_PORT, BrokerAddress, explicit_broker_address
from streamer.mqtt.client import ANONYMOUS, check_connection
from streamer.mqtt.connection_errors import failure_cause
from streamer.mqtt.mosquitto import PortTakenError, find_mosquitto, run_mosquitto

HOST = "127.0.0.1"
"""Listen address of an embedded broker."""

logger = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def open_broker(config: Mqtt, *, port: int = DEFAULT_PORT) -> AsyncIterator[BrokerAddress]:
    """Connect once to the configured broker, or run an embedded one while the context is open.

    The test connection reports a wrong address, user or certificate before anything else starts;
    afterwards a `Publisher` retries for ever.

    Parameters
    ----------
    config
        The `[mqtt]` table. `auto` uses a broker on this machine, else an embedded one.
    port
        TCP port on this machine for `auto` and `embedded`.

    Yields
    ------
    BrokerAddress
        Address of the broker.

    Raises
    ------
    ConfigError
        The broker's address has an unsupported form, or its credentials cannot be read.
    BrokerError
        The broker cannot be reached, refuses the connection, or cannot be started; the message
        says what to do.
    """
    address = explicit_broker_address(config)
    if address is not None:
        credentials = read_credentials(config, address.identity)
        if credentials.password is not None and not address.tls and not _is_local(address):
            logger.warning(
                "the password goes to %s unencrypted; use mqtts:// where the broker offers it",
                address,
            )
        await check_connection(address, credentials, protocol=config.protocol)
        yield address
        return
    local = BrokerAddress("localhost", port)
    credentials = read_credentials(config, local.identity)
    if config.broker == "auto" and await is_listening(local):
        try:
            await check_connection(local, credentials, protocol=config.protocol)
        except BrokerError as error:
            raise BrokerError(f"{error}; or name one: --broker mqtt://HOST[:PORT]") from None
        yield local
        return
    running = run_embedded_broker(port, credentials=credentials, protocol=config.protocol)
    async with running as address:
        if address.embedded is not None:
            logger.info("embedded broker: %s at %s", address.embedded, address)
        yield address


@contextlib.asynccontextmanager
async def run_embedded_broker(
    port: int = DEFAULT_PORT,
    *,
    credentials: Credentials = ANONYMOUS,
    protocol: Literal["auto", "5", "3.1.1"] = "auto",
) -> AsyncIterator[BrokerAddress]:
    """Run a broker on loopback while the context is open.

    If a broker already listens on the port, use that one and leave it running.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1.
    credentials, protocol
        For a broker that already listens there.

    Yields
    ------
    BrokerAddress
        Its `embedded` names the program; None for a broker that was already running.

    Raises
    ------
    BrokerError
        Neither program is installed, another program occupies the port, or the broker does not
        start.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            await _raise_if_port_taken(port)
            if (program := find_mosquitto()) is not None:
                await stack.enter_async_context(run_mosquitto(program, HOST, port))
                address = BrokerAddress(HOST, port, embedded="mosquitto")
            elif importlib.util.find_spec("amqtt") is not None:
                await stack.enter_async_context(_run_amqtt(port))
                address = BrokerAddress(HOST, port, embedded="amqtt")
            else:
                raise BrokerError(
                    "cannot start an embedded broker: none is installed; install mosquitto "
                    "(apt install mosquitto) or the extra 'broker' of this package, or name a "
                    "broker: --broker mqtt://HOST[:PORT]"
                )
        except PortTakenError:
            address = BrokerAddress(HOST, port)
            await _require_broker(address, credentials, protocol)
        yield address


async def is_listening(address: BrokerAddress) -> bool:
    """Return whether a TCP connection to the address succeeds."""
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _raise_if_port_taken(port: int) -> None:
    if await is_listening(BrokerAddress(HOST, port)):
        raise PortTakenError


async def _require_broker(
    address: BrokerAddress, credentials: Credentials, protocol: Literal["auto", "5", "3.1.1"]
) -> None:
    """Raise unless the program on the port is a usable MQTT broker."""
    try:
        await check_connection(address, credentials, protocol=protocol)
    except BrokerError as error:
        cause = failure_cause(error.__cause__ or error)
        raise BrokerError(
            f"cannot start an embedded broker on {address.host} port {address.port}: the port is "
            f"taken by a program that is not a usable broker ({cause}); stop it, or name a "
            "broker: --broker mqtt://HOST[:PORT]"
        ) from None


@contextlib.asynccontextmanager
async def _run_amqtt(port: int) -> AsyncIterator[None]:
    from amqtt.broker import Broker
    from amqtt.errors import BrokerError as AmqttError

    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    try:
        await broker.start()
    except AmqttError as error:
        if await is_listening(BrokerAddress(HOST, port)):
            raise PortTakenError from None
        raise BrokerError(
            f"cannot start the embedded broker (amqtt): {error}; install mosquitto, or name a "
            "broker: --broker mqtt://HOST[:PORT]"
        ) from None
    logger.info("mosquitto is not installed: the embedded broker is amqtt, suitable for trials")
    try:
        yield
    finally:
        await asyncio.sleep(0.1)  # so that the last message reaches its subscribers
        await broker.shutdown()


def _is_local(address: BrokerAddress) -> bool:
    return address.host in ("localhost", "::1") or address.host.startswith("127.")
