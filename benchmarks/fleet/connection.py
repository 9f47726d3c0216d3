"""Non-blocking MQTT connection: paho implements the protocol on the sockets of our loop."""

import errno
import socket
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from benchmarks.fleet.loop import Loop

_TIMEOUT_S = 3.0  # connect and CONNACK timeout, as in streamer/mqtt/client.py


class Connection:
    """MQTT 5 connection; subclasses override the callbacks below.

    Parameters
    ----------
    loop
        Event loop that watches the socket.
    port
        TCP port of the broker on 127.0.0.1.
    keepalive
        Keep-alive interval, s; 0: none.

    Attributes
    ----------
    client
        paho's client; None while neither connected nor connecting.
    """

    acknowledges = True
    """Whether paho acknowledges received messages; else call `client.ack`."""

    def __init__(self, loop: Loop, port: int, *, keepalive: int) -> None:
        self.loop = loop
        self._port = port
        self._keepalive = keepalive
        self._connecting: socket.socket | None = None
        self.client: Paho | None = None

    def open(self, name: str, will: str | None = None) -> None:
        """Connect as a new client, with a last will `offline` on a topic if one is given.

        Does not block: a broker with a full backlog of connections must not delay other nodes.
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
        self._connecting = sock = socket.socket()
        sock.setblocking(False)
        code = sock.connect_ex(("127.0.0.1", self._port))
        if code not in (0, errno.EINPROGRESS):
            self._fail_connect()
            return
        self.loop.watch(sock.fileno(), self._on_writable, writable=True)
        self.loop.call_later(_TIMEOUT_S, lambda: self._on_timeout(client))

    def close(self) -> None:
        """Close the socket without sending DISCONNECT."""
        if self._connecting is not None:
            self._abort_connect()
        if self.client is not None:
            self.client.on_disconnect = None
            self.client._sock_close()  # noqa: SLF001 - paho has no other way
            self.client = None

    def read(self) -> None:
        """Let paho read packets and write its responses."""
        client = self.client
        if client is None:
            return
        client.loop_read()
        # Messages published in a callback are queued until here.
        if client.want_write():
            client.loop_write()

    def connected(self) -> None:
        """Handle CONNACK."""

    def lost(self) -> None:
        """Handle a lost connection or a failed connect."""

    def received(self, message: MQTTMessage) -> None:
        """Handle a received message."""

    def acknowledged(self, number: int) -> None:
        """Handle the PUBACK of one of our QoS 1 messages."""

    def subscribed(self, number: int) -> None:
        """Handle SUBACK."""

    def _on_writable(self) -> None:
        sock, client = self._connecting, self.client
        if sock is None or client is None:
            return
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self._fail_connect()
            return
        self._connecting = None
        client.connected_socket = sock
        client.reconnect()
        self.loop.watch(sock.fileno(), self.read)

    def _on_timeout(self, client: "Paho") -> None:
        if client is self.client and self._connecting is not None:
            self._fail_connect()
        elif client is self.client and not client.is_connected():
            self.close()
            self.lost()

    def _fail_connect(self) -> None:
        self._abort_connect()
        self.client = None
        self.lost()

    def _abort_connect(self) -> None:
        if self._connecting is not None:
            self.loop.unwatch(self._connecting.fileno())
            self._connecting.close()
            self._connecting = None

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
        self.loop.unwatch(sock.fileno())


class Packed(Properties):
    """MQTT properties encoded once, since paho takes 0.1 ms to encode them."""

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties.packetType)  # type: ignore[no-untyped-call]
        object.__setattr__(self, "_packed", properties.pack())  # type: ignore[no-untyped-call]

    def pack(self) -> Any:
        return self.__dict__["_packed"]


class Paho(Client):
    """paho client on an already connected socket, which can also encode packets without sending.

    Attributes
    ----------
    connected_socket
        Socket that paho takes over on `reconnect`.
    """

    def __init__(self, name: str, *, acknowledges: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=not acknowledges,
        )
        self.max_inflight_messages = 0  # unlimited: `Node` may hide acknowledgements from paho
        self.connected_socket: socket.socket | None = None
        self._encoded: bytes | None = None
        self._encoding = False

    def encode(self, topic: str, payload: bytes, properties: Properties) -> bytes:
        """Return the PUBLISH packet of QoS 0 that would be sent; requires an open connection."""
        self._encoding = True
        try:
            self.publish(topic, payload, properties=properties)
        finally:
            self._encoding = False
        if self._encoded is None:
            raise RuntimeError("nothing was encoded")
        return self._encoded

    def _create_socket(self) -> socket.socket:
        if self.connected_socket is None:
            raise RuntimeError("there is no socket yet")
        return self.connected_socket

    def _packet_queue(
        self, command: int, packet: Any, mid: int, qos: int, info: Any = None
    ) -> MQTTErrorCode:
        if self._encoding:
            self._encoded = bytes(packet)
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._packet_queue(command, packet, mid, qos, info)
