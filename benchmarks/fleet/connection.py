"""Non-blocking MQTT connection: paho implements the protocol, our loop waits for sockets."""

import errno
import socket
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from benchmarks.fleet.loop import Loop

_PATIENCE = 3.0  # seconds for an answer, as streamer/mqtt/client.py


class Connection:
    """One MQTT 5 connection; subclasses say what it is for.

    Parameters
    ----------
    loop
        Calls us when there is something to do.
    port
        The broker's, on 127.0.0.1.
    keepalive
        Seconds; 0 for none.

    Attributes
    ----------
    client
        paho's; None while there is no connection and none is being made.
    """

    acknowledges = True
    """Whether paho acknowledges what arrives, or we do by `client.ack`."""

    def __init__(self, loop: Loop, port: int, *, keepalive: int) -> None:
        self.loop = loop
        self._port = port
        self._keepalive = keepalive
        self._dialling: socket.socket | None = None
        self.client: Paho | None = None

    def open(self, name: str, will: str | None = None) -> None:
        """Connect as a new client, with a last will `offline` on a topic if one is given.

        Never waits: a broker whose queue of newcomers is full holds nobody else up.
        """
        self.client = client = Paho(name, acknowledges=self.acknowledges)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_socket_close = self._on_socket_close
        if will is not None:
            client.will_set(will, b"offline", qos=1, retain=True)
        client.connect_async("127.0.0.1", self._port, self._keepalive)
        self._dialling = sock = socket.socket()
        sock.setblocking(False)
        code = sock.connect_ex(("127.0.0.1", self._port))
        if code not in (0, errno.EINPROGRESS):
            self._give_up()
            return
        self.loop.watch(sock.fileno(), self._on_answer, writable=True)
        self.loop.later(_PATIENCE, lambda: self._on_timeout(client))

    def close(self) -> None:
        """Hang up without a word."""
        if self._dialling is not None:
            self._hang_up()
        if self.client is not None:
            self.client.on_disconnect = None
            self.client._sock_close()  # noqa: SLF001 - paho has no other way
            self.client = None

    def read(self) -> None:
        """Let paho read a packet and write what that asks for."""
        client = self.client
        if client is None:
            return
        client.loop_read()
        # What is published inside a callback waits for this.
        if client.want_write():
            client.loop_write()

    def connected(self) -> None:
        """The broker has accepted us."""

    def lost(self) -> None:
        """The connection is lost, or was not to be had."""

    def received(self, message: MQTTMessage) -> None:
        """A message has come."""

    def acknowledged(self, number: int) -> None:
        """A message of ours with QoS 1 has reached the broker."""

    def subscribed(self, number: int) -> None:
        """A subscription is made."""

    def _on_answer(self) -> None:
        sock, client = self._dialling, self.client
        if sock is None or client is None:
            return
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self._give_up()
            return
        self._dialling = None
        client.dialled = sock
        client.reconnect()
        self.loop.watch(sock.fileno(), self.read)

    def _on_timeout(self, client: "Paho") -> None:
        if client is self.client and self._dialling is not None:
            self._give_up()
        elif client is self.client and not client.is_connected():
            self.close()
            self.lost()

    def _give_up(self) -> None:
        self._hang_up()
        self.client = None
        self.lost()

    def _hang_up(self) -> None:
        if self._dialling is not None:
            self.loop.forget(self._dialling.fileno())
            self._dialling.close()
            self._dialling = None

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            raise RuntimeError(f"the broker refuses: {code}")
        self.connected()

    def _on_disconnect(self, *_event: Any) -> None:
        self.client = None
        self.lost()

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        self.received(message)

    def _on_publish(self, _client: Any, _data: Any, number: int, _code: Any, _more: Any) -> None:
        self.acknowledged(number)

    def _on_subscribe(self, _client: Any, _data: Any, number: int, codes: Any, _more: Any) -> None:
        if any(code.is_failure for code in codes):
            raise RuntimeError(f"the broker refuses a subscription: {codes}")
        self.subscribed(number)

    def _on_socket_close(self, _client: Any, _data: Any, sock: Any) -> None:
        self.loop.forget(sock.fileno())


class Packed(Properties):
    """Properties that are encoded once: paho takes a tenth of a millisecond for one of them."""

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties.packetType)  # type: ignore[no-untyped-call]
        object.__setattr__(self, "_packed", properties.pack())  # type: ignore[no-untyped-call]

    def pack(self) -> Any:
        return self.__dict__["_packed"]


class Paho(Client):
    """paho's client, on a socket that is connected already; gives a packet in place of sending it.

    Attributes
    ----------
    dialled
        The socket.
    """

    def __init__(self, name: str, *, acknowledges: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=not acknowledges,
        )
        self.max_inflight_messages = 0  # as many as are sent: acknowledgements may be kept from it
        self.dialled: socket.socket | None = None
        self._encoded: bytes | None = None
        self._encoding = False

    def encode(self, topic: str, payload: bytes, properties: Properties) -> bytes:
        """Return the PUBLISH packet of QoS 0 that would be sent; wants an open connection."""
        self._encoding = True
        try:
            self.publish(topic, payload, properties=properties)
        finally:
            self._encoding = False
        if self._encoded is None:
            raise RuntimeError("nothing was encoded")
        return self._encoded

    def _create_socket(self) -> socket.socket:
        if self.dialled is None:
            raise RuntimeError("there is no socket yet")
        return self.dialled

    def _packet_queue(
        self, command: int, packet: Any, mid: int, qos: int, info: Any = None
    ) -> MQTTErrorCode:
        if self._encoding:
            self._encoded = bytes(packet)
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._packet_queue(command, packet, mid, qos, info)
