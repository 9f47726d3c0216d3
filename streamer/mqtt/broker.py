"""Which broker to use."""

import contextlib
import logging
from collections.abc import AsyncIterator

from streamer.config.credentials import read_credentials
from streamer.config.models import Mqtt
from streamer.errors import BrokerError
from streamer.mqtt.broker_address import DEFAULT_PORT, Address, parse_address
from streamer.mqtt.client import check
from streamer.mqtt.embedded_broker import embedded_broker, listens

logger = logging.getLogger(__name__)


def resolve_broker(config: Mqtt) -> Address | None:
    """Return the broker that the configuration names, None for `auto` and `embedded`.

    Raises
    ------
    ConfigError
        It is none of `auto`, `embedded`, `mqtt://HOST[:PORT]`, `mqtts://HOST[:PORT]`.
    """
    return None if config.broker in ("auto", "embedded") else parse_address(config.broker)


def broker_elsewhere(config: Mqtt) -> Address:
    """Return the broker that another process publishes to; none is started for it.

    Raises
    ------
    ConfigError
        See `resolve_broker`.
    """
    return resolve_broker(config) or Address("localhost", config.port)


@contextlib.asynccontextmanager
async def open_broker(config: Mqtt, *, port: int = DEFAULT_PORT) -> AsyncIterator[Address]:
    """Find the configured broker, or run one for the length of the context.

    It is reached once before the context begins, so that what is wrong at the start is told at
    once; a `Publisher` never gives up later.

    Parameters
    ----------
    config
        The `[mqtt]` table. `auto` is the broker on this machine, and an embedded one if nothing
        listens there.
    port
        Port on this machine for `auto` and `embedded`.

    Raises
    ------
    ConfigError
        The broker is not named in a form that is supported, or its credentials cannot be read.
    BrokerError
        It cannot be reached, refuses, or cannot be started; the message says what to do.
    """
    address = resolve_broker(config)
    if address is not None:
        credentials = read_credentials(config, address.peer)
        if credentials.password is not None and not address.tls and not _is_here(address):
            logger.warning(
                "the password goes to %s unencrypted; use mqtts:// where the broker offers it",
                address,
            )
        await check(address, credentials, protocol=config.protocol)
        yield address
        return
    local = Address("localhost", port)
    credentials = read_credentials(config, local.peer)
    if config.broker == "auto" and await listens(local):
        try:
            await check(local, credentials, protocol=config.protocol)
        except BrokerError as error:
            raise BrokerError(f"{error}; or name one: --broker mqtt://HOST[:PORT]") from None
        yield local
        return
    async with embedded_broker(port, credentials=credentials, protocol=config.protocol) as address:
        if address.embedded is not None:
            logger.info("embedded broker: %s at %s", address.embedded, address)
        yield address


def _is_here(address: Address) -> bool:
    return address.host in ("localhost", "::1") or address.host.startswith("127.")
