"""Handle each message that a session receives: own status, Home Assistant's birth, commands."""

import asyncio
import logging
from collections.abc import Callable, Container

import aiomqtt

from streamer import limits
from streamer.helpers import TokenBucket
from streamer.mqtt.commands import (
    CommandHandler,
    CommandRequest,
    ack_messages,
    execute_request,
    parse_response_target,
)
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.pending import OutgoingMessage
from streamer.mqtt.topics import OFFLINE, ONLINE, Topics

logger = logging.getLogger(__name__)


class IncomingMessages:
    """Handler of received messages; it enqueues what has to be published in response.

    Parameters
    ----------
    topics
        Topics of this node.
    zones
        Names of its zones.
    discovery
        Home Assistant configuration of the zones; None to leave Home Assistant alone.
    handler
        Executes commands; None to subscribe to no commands.
    enqueue
        Queues a message for publishing.
    on_home_assistant_start
        Called when Home Assistant has started and needs the states again.

    Attributes
    ----------
    status_echoed
        Set once the broker has returned our own status.
    discovery_echoed
        Set once the broker has returned a zone's discovery configuration.
    ignored_commands
        Count of commands neither executed nor acknowledged.
    """

    def __init__(
        self,
        topics: Topics,
        zones: Container[str],
        *,
        discovery: Discovery | None,
        handler: CommandHandler | None,
        enqueue: Callable[[OutgoingMessage], None],
        on_home_assistant_start: Callable[[], None],
    ) -> None:
        self.status_echoed = asyncio.Event()
        self.discovery_echoed = asyncio.Event()
        self.ignored_commands = 0
        self._topics = topics
        self._zones = zones
        self._discovery = discovery
        self._device_configs = discovery.messages() if discovery else {}
        self._handler = handler
        self._enqueue = enqueue
        self._on_home_assistant_start = on_home_assistant_start
        self._command_limit = TokenBucket(limits.COMMANDS_PER_SECOND, limits.COMMAND_BURST)

    @property
    def filters(self) -> list[str]:
        """Topic filters to subscribe to."""
        filters = [self._topics.status]
        if self._handler is not None:
            filters.append(self._topics.command_filter)
        if self._discovery is not None:
            filters += [self._discovery.birth_topic, self._discovery.config_filter]
        return filters

    def announce_devices(self) -> None:
        """Enqueue every zone's discovery configuration, or its removal where discovery is off."""
        for topic, config in self._device_configs.items():
            self._enqueue(OutgoingMessage(topic, config, qos=1, retain=True))

    def handle(self, message: aiomqtt.Message) -> None:
        """Handle one message. Never raises, whatever the message contains."""
        topic, payload = str(message.topic), message.payload
        if topic == self._topics.status:
            if payload == ONLINE:
                self.status_echoed.set()
            elif payload == OFFLINE:
                # The last will of an old session: assert that this node is online.
                self._enqueue(OutgoingMessage(topic, ONLINE, qos=1, retain=True))
        elif self._discovery is not None and topic == self._discovery.birth_topic:
            if payload == ONLINE:
                self.announce_devices()
                self._on_home_assistant_start()
        elif self._discovery is not None and message.topic.matches(self._discovery.config_filter):
            if payload == self._device_configs.get(topic):
                self.discovery_echoed.set()
        elif (command := self._topics.parse_command_topic(topic)) is not None:
            self._handle_command(*command, message)

    def _handle_command(self, zone: str, name: str, message: aiomqtt.Message) -> None:
        ack_topic = self._topics.ack(zone, name)
        if len(ack_topic) > limits.MAX_COMMAND_TOPIC_CHARS or not ack_topic.isprintable():
            self._ignore_command("its topic is too long or not printable")
            return
        if not self._command_limit.try_acquire():
            self._ignore_command(f"more than {limits.COMMANDS_PER_SECOND:g} per second")
            return
        respond_to = parse_response_target(message, ack_topic, base=self._topics.base)
        request = CommandRequest(zone, name, message.payload, retained=message.retain)
        assert self._handler is not None  # noqa: S101 - else we had not subscribed to commands
        ack = execute_request(request, self._zones, self._handler, respond_to)
        for response in ack_messages(respond_to, ack):
            self._enqueue(response)

    def _ignore_command(self, reason: str) -> None:
        self.ignored_commands += 1
        logger.warning("ignored a command: %s", reason)
