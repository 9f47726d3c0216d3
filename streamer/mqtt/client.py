"""Connect an MQTT client to a broker, and find the MQTT version that the broker accepts."""

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

Protocol = Literal["auto", "5", "3.1.1"]
Version = Literal["5", "3.1.1"]

ANONYMOUS = Credentials()
_PROTOCOLS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}
_PAHO_LOGGER = logging.getLogger("streamer.mqtt.wire")
_PAHO_LOGGER.setLevel(logging.CRITICAL)  # its warnings are raised as exceptions too


class MqttClient(aiomqtt.Client):
    """aiomqtt client that closes every socket and fails at once if the broker hangs up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connect_lock = threading.Lock()
        self._cancelled = False

    async def __aenter__(self) -> Self:
        self._client.connect_timeout = self.timeout
        try:
            return await super().__aenter__()
        except ValueError as error:  # a host name that no resolver accepts
            self._release()
            raise aiomqtt.MqttError(f"unknown host ({error})") from None
        except asyncio.CancelledError:
            # The connecting thread cannot be stopped: wait for it, then close what it opened.
            self._cancelled = True
            await asyncio.to_thread(self._connect_lock.acquire)
            self._release()
            raise
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *exc_info: Any) -> None:
        try:
            await super().__aexit__(*exc_info)
        finally:
            self._release()

    def _client_connect(self) -> None:
        with self._connect_lock:
            if not self._cancelled:
                super()._client_connect()

    def _on_disconnect(self, *args: Any, **kwargs: Any) -> None:
        # aiomqtt would wait until the time-out for a broker that closes before its CONNACK.
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(CLOSED_BY_BROKER))
            return
        super()._on_disconnect(*args, **kwargs)

    def _on_socket_register_write(self, client: Any, _userdata: Any, sock: Any) -> None:
        # When the loop runs this, the socket may be closed and its number reused by another one.
        def on_writable() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - whatever it is, the connection is lost
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if sock.fileno() >= 0 and client.want_write():
                self._loop.add_writer(sock.fileno(), on_writable)

        self._loop.call_soon_threadsafe(register)

    def _release(self) -> None:
        """Close what a failed connect or disconnect leaves open: socket, callbacks, task."""
        self._client._sock_close()  # noqa: SLF001 - paho has no public way without DISCONNECT
        if self._misc_task is not None:
            self._misc_task.cancel()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # retrieved, so that asyncio does not report it


class BrokerConnector:
    """Open connections to one broker and remember the MQTT version it accepts.

    Parameters
    ----------
    address
        Address of the broker.
    credentials
        User and password; for `mqtts://` also the TLS context. Default: anonymous.
    protocol
        MQTT version: `5`, `3.1.1`, or `auto` for the first of them that the broker accepts.
    keepalive
        Keep-alive in seconds. Default: 5.
    timeout
        Longest time to wait for an answer, in seconds. Default: 3.
    """

    def __init__(
        self,
        address: BrokerAddress,
        credentials: Credentials = ANONYMOUS,
        *,
        protocol: Protocol = "auto",
        keepalive: int = 5,
        timeout: float = 3.0,
    ) -> None:
        self.address = address
        self.credentials = credentials
        self._versions = _versions(address, protocol)
        self._version_known = False
        self._keepalive = keepalive
        self._timeout = timeout

    @classmethod
    def from_config(cls, config: Mqtt, address: BrokerAddress) -> Self:
        """Return a connector with the credentials and options of the `[mqtt]` table.

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
        """Connect a client while the context is open.

        Parameters
        ----------
        name
            Prefix of the client id; eight random hexadecimal digits follow.
        will
            Last will, which the broker publishes when the connection is lost.

        Yields
        ------
        tuple of MqttClient and Version
            The connected client and its MQTT version.

        Raises
        ------
        aiomqtt.MqttError
            The connection cannot be opened, or is lost; see `describe_failure`.
        """
        async with contextlib.AsyncExitStack() as stack:
            for version in tuple(self._versions):
                client = MqttClient(
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
                    logger=_PAHO_LOGGER,
                )
                try:
                    await stack.enter_async_context(client)
                except aiomqtt.MqttError as error:
                    if version == self._versions[-1] or not self._may_refuse_version(error):
                        raise
                    continue
                self._version_known = True
                self._versions.sort(key=lambda each: each != version)
                break
            yield client, version

    def _may_refuse_version(self, error: aiomqtt.MqttError) -> bool:
        closed = str(error) == CLOSED_BY_BROKER and not self._version_known
        return closed or reason_code(error) in UNSUPPORTED_VERSION


def _versions(address: BrokerAddress, protocol: Protocol) -> list[Version]:
    """Return the MQTT versions to try, in order."""
    if protocol != "auto":
        return [protocol]
    # amqtt supports 3.1.1 only, and never answers an MQTT 5 client with a last will.
    return ["3.1.1"] if address.embedded == "amqtt" else ["5", "3.1.1"]


async def check_connection(
    address: BrokerAddress,
    credentials: Credentials = ANONYMOUS,
    *,
    protocol: Protocol = "auto",
) -> Version:
    """Connect once and return the MQTT version that the broker accepts.

    Raises
    ------
    BrokerError
        The broker cannot be reached or refuses; the message says what to do.
    """
    connector = BrokerConnector(address, credentials, protocol=protocol)
    try:
        async with connector.connect("streamer-check") as (_, version):
            return version
    except aiomqtt.MqttError as error:
        raise BrokerError(describe_failure(error, address, user=credentials.user)) from error


def json_properties(*, expiry_s: int | None = None) -> Properties:
    """Return MQTT 5 properties of a JSON message.

    Parameters
    ----------
    expiry_s
        Seconds after which the broker discards an undelivered message. Default: never.
    """
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = "application/json"
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    return properties
