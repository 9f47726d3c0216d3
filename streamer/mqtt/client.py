"""One connection to a broker, and the MQTT version it is opened with."""

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import AsyncIterator
from typing import Any, Literal, Self

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streamer import limits
from streamer.config.credentials import Credentials, read_credentials
from streamer.config.models import Mqtt
from streamer.errors import BrokerError
from streamer.mqtt.broker_address import BrokerAddress
from streamer.mqtt.connection_errors import (
    CLOSED_BY_BROKER,
    UNSUPPORTED_VERSION,
    describe_failure,
    reason_code,
)

Version = Literal["5", "3.1.1"]

ANONYMOUS = Credentials()
_WIRE = logging.getLogger("streamer.mqtt.wire")
_WIRE.setLevel(logging.CRITICAL)  # what it would warn of reaches us as exceptions


class MqttClient(aiomqtt.Client):
    """An aiomqtt client that leaves nothing open, and fails at once when the broker hangs up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dialling = threading.Lock()
        self._given_up = False

    async def __aenter__(self) -> Self:
        self._client.connect_timeout = self.timeout
        try:
            return await super().__aenter__()
        except ValueError as error:  # a host name no resolver takes
            self._abandon()
            raise aiomqtt.MqttError(f"unknown host ({error})") from None
        except asyncio.CancelledError:
            # The thread that connects cannot be stopped; what it opens yet must be closed.
            self._given_up = True
            await asyncio.to_thread(self._dialling.acquire)
            self._abandon()
            raise
        except BaseException:
            self._abandon()
            raise

    async def __aexit__(self, *exc_info: Any) -> None:
        try:
            await super().__aexit__(*exc_info)
        finally:
            self._abandon()

    def _client_connect(self) -> None:
        with self._dialling:
            if not self._given_up:
                super()._client_connect()

    def _on_disconnect(self, *args: Any, **kwargs: Any) -> None:
        # A broker that hangs up in place of an answer would otherwise be waited for.
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(CLOSED_BY_BROKER))
            return
        super()._on_disconnect(*args, **kwargs)

    def _on_socket_register_write(self, client: Any, _userdata: Any, sock: Any) -> None:
        # By its turn the socket may be closed, and its number belong to another one.
        def on_writable() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - the connection is lost, however
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if sock.fileno() >= 0 and client.want_write():
                self._loop.add_writer(sock.fileno(), on_writable)

        self._loop.call_soon_threadsafe(register)

    def _abandon(self) -> None:
        """Close what a failed connect or disconnect leaves open: socket, callbacks, task."""
        self._client._sock_close()  # noqa: SLF001 - paho has no other way to close without a word
        if self._misc_task is not None:
            self._misc_task.cancel()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # seen, so that asyncio does not report it


class BrokerConnector:
    """Opens connections to one broker, and remembers the MQTT version it speaks.

    Parameters
    ----------
    address
        Where the broker is.
    credentials
        What it wants to see; for `mqtts://` they hold the trust in it too.
    protocol
        `5`, `3.1.1`, or `auto` for the first of them that it accepts.
    keepalive
        Keep-alive in seconds.
    timeout
        How long to wait for an answer, in seconds.
    """

    def __init__(
        self,
        address: BrokerAddress,
        credentials: Credentials = ANONYMOUS,
        *,
        protocol: Literal["auto", "5", "3.1.1"] = "auto",
        keepalive: int = 5,
        timeout: float = 3.0,
    ) -> None:
        self.address = address
        self.credentials = credentials
        self._versions = _versions(address, protocol)
        self._settled = False
        self._keepalive = keepalive
        self._timeout = timeout

    @classmethod
    def from_config(cls, config: Mqtt, address: BrokerAddress) -> Self:
        """Return the one that a configuration asks for.

        Raises
        ------
        ConfigError
            The credentials cannot be read.
        """
        return cls(
            address,
            read_credentials(config, address.identity),
            protocol=config.protocol,
            keepalive=config.keepalive,
        )

    @contextlib.asynccontextmanager
    async def connect(
        self, name: str, will: aiomqtt.Will | None = None
    ) -> AsyncIterator[tuple[MqttClient, Version]]:
        """Open a connection for the length of the context.

        Parameters
        ----------
        name
            Beginning of the client id; eight random digits follow.
        will
            What the broker publishes when the connection is lost.

        Raises
        ------
        aiomqtt.MqttError
            It cannot be opened, or was lost; `describe_failure` puts it into words.
        """
        async with contextlib.AsyncExitStack() as stack:
            for version in tuple(self._versions):
                link = MqttClient(
                    self.address.host,
                    self.address.port,
                    identifier=f"{name}-{secrets.token_hex(4)}",
                    protocol=_PROTOCOLS[version],
                    username=self.credentials.user,
                    password=self.credentials.password,
                    tls_context=self.credentials.tls,
                    will=will,
                    keepalive=self._keepalive,
                    timeout=self._timeout,
                    max_queued_incoming_messages=limits.MAX_INCOMING_MESSAGES,
                    logger=_WIRE,
                )
                try:
                    await stack.enter_async_context(link)
                except aiomqtt.MqttError as error:
                    if version == self._versions[-1] or not self._may_be_the_version(error):
                        raise
                    continue
                self._settled = True
                self._versions.sort(key=lambda each: each != version)
                break
            yield link, version

    def _may_be_the_version(self, error: aiomqtt.MqttError) -> bool:
        hung_up = str(error) == CLOSED_BY_BROKER and not self._settled
        return hung_up or reason_code(error) in UNSUPPORTED_VERSION


def _versions(address: BrokerAddress, protocol: Literal["auto", "5", "3.1.1"]) -> list[Version]:
    if protocol != "auto":
        return [protocol]
    # amqtt knows 3.1.1 only, and to a client of 5 that brings a will it says nothing at all.
    return ["3.1.1"] if address.embedded == "amqtt" else ["5", "3.1.1"]


_PROTOCOLS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}


async def check_connection(
    address: BrokerAddress,
    credentials: Credentials = ANONYMOUS,
    *,
    protocol: Literal["auto", "5", "3.1.1"] = "auto",
) -> Version:
    """Return the MQTT version a broker accepts.

    Raises
    ------
    BrokerError
        It cannot be reached or refuses; the message says what to do.
    """
    dialler = BrokerConnector(address, credentials, protocol=protocol)
    try:
        async with dialler.connect("streamer-check") as (_, version):
            return version
    except aiomqtt.MqttError as error:
        raise BrokerError(describe_failure(error, address, user=credentials.user)) from error


def json_properties(*, seconds: int | None = None) -> Properties:
    """Return MQTT 5 properties of a JSON message, which expires after `seconds` if given."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = "application/json"
    if seconds is not None:
        properties.MessageExpiryInterval = seconds
    return properties
