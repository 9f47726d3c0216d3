"""One connection to a broker, and the MQTT version it is opened with."""

import asyncio
import contextlib
import logging
import secrets
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any, Literal, Self

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from streamer.errors import BrokerError
from streamer.mqtt.address import Address

Version = Literal["5", "3.1.1"]

HUNG_UP = "it closed the connection"
_UNSUPPORTED_VERSION = (1, 132)
_BAD_CREDENTIALS = (4, 5, 134, 135)
_WIRE = logging.getLogger("streamer.mqtt.wire")
_WIRE.setLevel(logging.CRITICAL)  # what it would warn of reaches us as exceptions


class Link(aiomqtt.Client):
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
            self._connected.set_exception(aiomqtt.MqttError(HUNG_UP))
            return
        super()._on_disconnect(*args, **kwargs)

    def _abandon(self) -> None:
        """Close what a failed connect or disconnect leaves open: socket, callbacks, task."""
        self._client._sock_close()  # noqa: SLF001 - paho has no other way to close without a word
        if self._misc_task is not None:
            self._misc_task.cancel()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # seen, so that asyncio does not report it


class Dialler:
    """Opens connections to one broker, and remembers the MQTT version it speaks.

    Parameters
    ----------
    address
        Where the broker is.
    protocol
        `5`, `3.1.1`, or `auto` for the first of them that it accepts.
    keepalive
        Keep-alive in seconds.
    timeout
        How long to wait for an answer, in seconds.
    """

    def __init__(
        self,
        address: Address,
        *,
        protocol: Literal["auto", "5", "3.1.1"] = "auto",
        keepalive: int = 5,
        timeout: float = 3.0,
    ) -> None:
        self.address = address
        self._versions = _versions(address, protocol)
        self._settled = False
        self._keepalive = keepalive
        self._timeout = timeout

    @contextlib.asynccontextmanager
    async def dial(
        self, name: str, will: aiomqtt.Will | None = None
    ) -> AsyncIterator[tuple[Link, Version]]:
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
            It cannot be opened, or was lost; `explain` puts it into words.
        """
        async with contextlib.AsyncExitStack() as stack:
            for version in tuple(self._versions):
                link = Link(
                    self.address.host,
                    self.address.port,
                    identifier=f"{name}-{secrets.token_hex(4)}",
                    protocol=_PROTOCOLS[version],
                    will=will,
                    keepalive=self._keepalive,
                    timeout=self._timeout,
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
        hung_up = str(error) == HUNG_UP and not self._settled
        return hung_up or code_of(error) in _UNSUPPORTED_VERSION


def _versions(address: Address, protocol: Literal["auto", "5", "3.1.1"]) -> list[Version]:
    if protocol != "auto":
        return [protocol]
    # amqtt knows 3.1.1 only, and to a client of 5 that brings a will it says nothing at all.
    return ["3.1.1"] if address.embedded == "amqtt" else ["5", "3.1.1"]


_PROTOCOLS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}


async def check(address: Address, *, protocol: Literal["auto", "5", "3.1.1"] = "auto") -> Version:
    """Return the MQTT version a broker accepts.

    Raises
    ------
    BrokerError
        It cannot be reached or refuses; the message says what to do.
    """
    dialler = Dialler(address, protocol=protocol)
    try:
        async with dialler.dial("streamer-check") as (_, version):
            return version
    except aiomqtt.MqttError as error:
        raise BrokerError(explain(error, address)) from error


def code_of(error: aiomqtt.MqttError) -> int | None:
    """Return the reason code of a refusal, None where there is none."""
    code = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    return code.value if isinstance(code, ReasonCode) else code


def cause_of(error: BaseException) -> str:
    """Return in a few words why a connection failed or was lost."""
    code = code_of(error) if isinstance(error, aiomqtt.MqttError) else None
    source = error.__context__
    if isinstance(error, MqttConnectError):
        if code in _UNSUPPORTED_VERSION:
            return "it refuses this MQTT version"
        if code in _BAD_CREDENTIALS:
            return "it wants a user and password, or does not authorise us"
        return f"it refuses us: {error}"
    if isinstance(source, socket.gaierror):
        return "unknown host"
    if isinstance(source, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(source, TimeoutError | asyncio.TimeoutError):
        return "no answer"
    if isinstance(source, OSError):
        return source.strerror or str(source)
    if isinstance(error, aiomqtt.MqttCodeError):
        return "the connection was lost"
    return str(error) or type(error).__name__


def explain(error: aiomqtt.MqttError, address: Address) -> str:
    """Return one line on why `address` cannot be used, and what to do about it."""
    cause = cause_of(error)
    code = code_of(error)
    if code in _UNSUPPORTED_VERSION:
        do = 'set protocol = "auto" in [mqtt]'
    elif code in _BAD_CREDENTIALS:
        do = "allow anonymous clients there, or use another broker (--broker embedded)"
    elif cause == HUNG_UP:
        do = "check that an MQTT broker listens on that port"
    else:
        do = "start the broker, correct the address, or use --broker embedded"
    return f"cannot use the MQTT broker at {address}: {cause}; {do}"


def json_properties(*, seconds: int | None = None) -> Properties:
    """Return MQTT 5 properties of a JSON message, which expires after `seconds` if given."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = "application/json"
    if seconds is not None:
        properties.MessageExpiryInterval = seconds
    return properties
