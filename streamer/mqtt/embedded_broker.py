"""A broker of our own, for those who have none.

It listens on loopback only, keeps nothing on disk and ends with us.
"""

import asyncio
import contextlib
import importlib.util
import logging
from collections.abc import AsyncIterator
from typing import Literal

from streamer.config.credentials import Credentials
from streamer.errors import BrokerError
from streamer.mqtt.broker_address import DEFAULT_PORT, Address
from streamer.mqtt.client import ANONYMOUS, check
from streamer.mqtt.connection_errors import cause_of
from streamer.mqtt.mosquitto import PortTakenError, find_mosquitto, run_mosquitto

HOST = "127.0.0.1"

logger = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def embedded_broker(
    port: int = DEFAULT_PORT,
    *,
    credentials: Credentials = ANONYMOUS,
    protocol: Literal["auto", "5", "3.1.1"] = "auto",
) -> AsyncIterator[Address]:
    """Run a broker on loopback for the length of the context.

    It is a `mosquitto` child where that program is installed, else amqtt in this process. Where a
    broker listens on the port already, that one is used and left alone at the end.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1.
    credentials, protocol
        For a broker that listens there already.

    Yields
    ------
    Address
        Where it is; `embedded` names the program, None if it is not ours.

    Raises
    ------
    BrokerError
        Neither program is installed, the port is taken by something else, or it does not start.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            await _expect_free(port)
            if (program := find_mosquitto()) is not None:
                await stack.enter_async_context(run_mosquitto(program, HOST, port))
                address = Address(HOST, port, embedded="mosquitto")
            elif importlib.util.find_spec("amqtt") is not None:
                await stack.enter_async_context(_amqtt(port))
                address = Address(HOST, port, embedded="amqtt")
            else:
                raise BrokerError(
                    "no broker to embed is installed; install mosquitto (apt install mosquitto) "
                    "or the extra 'broker' of this package, or name one: --broker mqtt://HOST[:PORT]"
                )
        except PortTakenError:
            address = Address(HOST, port)
            await _expect_broker(address, credentials, protocol)
        yield address


async def listens(address: Address) -> bool:
    """Return whether anything accepts TCP connections there."""
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _expect_free(port: int) -> None:
    if await listens(Address(HOST, port)):
        raise PortTakenError


async def _expect_broker(
    address: Address, credentials: Credentials, protocol: Literal["auto", "5", "3.1.1"]
) -> None:
    try:
        await check(address, credentials, protocol=protocol)
    except BrokerError as error:
        cause = cause_of(error.__cause__ or error)
        raise BrokerError(
            f"port {address.port} on {address.host} is taken by a program that is no broker for us "
            f"({cause}); stop it, or name a broker: --broker mqtt://HOST[:PORT]"
        ) from None


@contextlib.asynccontextmanager
async def _amqtt(port: int) -> AsyncIterator[None]:
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
        if await listens(Address(HOST, port)):
            raise PortTakenError from None
        raise BrokerError(
            f"the embedded amqtt did not start ({error}); "
            "install mosquitto, or name a broker: --broker mqtt://HOST[:PORT]"
        ) from None
    logger.info(
        "no mosquitto is installed: the embedded broker is amqtt, meant for trying things out"
    )
    try:
        yield
    finally:
        await asyncio.sleep(0.1)  # for the last message to reach its subscribers
        await broker.shutdown()
