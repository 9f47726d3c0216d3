"""What arrives over one connection: our own status, Home Assistant's birth, commands."""

import asyncio
import logging
from collections.abc import Callable, Container
from dataclasses import dataclass

import aiomqtt
from paho.mqtt.properties import Properties

from streamer import limits
from streamer.helpers import TokenBucket
from streamer.mqtt.commands import (
    CommandHandler,
    CommandRequest,
    ResponseTarget,
    execute_request,
    parse_response_target,
)
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.payloads import Ack
from streamer.mqtt.topics import OFFLINE, ONLINE, Topics

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message that is sent once, in order.

    Attributes
    ----------
    topic, payload, qos, retain
        As MQTT has them.
    properties
        Of MQTT 5; left out before.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties | None = None


def ack_messages(reply: ResponseTarget, ack: Ack) -> list[OutgoingMessage]:
    """Return an answer as it is sent to each of its topics."""
    return [
        OutgoingMessage(topic, ack.to_json(), properties=reply.properties())
        for topic in reply.topics
    ]


class IncomingMessages:
    """Deals with each message that arrives; what is to be said in turn is posted.

    Parameters
    ----------
    topics
        Of this node.
    zones
        Names of its zones.
    discovery
        What Home Assistant is told; None for nothing.
    handler
        Carries out commands; None where none are taken.
    post
        Takes what is to be sent.
    welcome
        Called when Home Assistant has started and wants to hear everything again.

    Attributes
    ----------
    confirmed
        Set once our own status came back.
    announced
        Set once what we announced of a zone came back.
    ignored_commands
        Commands that were neither carried out nor answered.
    """

    def __init__(
        self,
        topics: Topics,
        zones: Container[str],
        *,
        discovery: Discovery | None,
        handler: CommandHandler | None,
        post: Callable[[OutgoingMessage], None],
        welcome: Callable[[], None],
    ) -> None:
        self.confirmed = asyncio.Event()
        self.announced = asyncio.Event()
        self.ignored_commands = 0
        self._topics = topics
        self._zones = zones
        self._discovery = discovery
        self._devices = discovery.messages() if discovery else {}
        self._handler = handler
        self._post = post
        self._welcome = welcome
        self._bucket = TokenBucket(limits.COMMANDS_PER_SECOND, limits.COMMAND_BURST)

    @property
    def filters(self) -> list[str]:
        """What is to be subscribed to."""
        filters = [self._topics.status]
        if self._handler is not None:
            filters.append(self._topics.command_filter)
        if self._discovery is not None:
            filters += [self._discovery.birth_topic, self._discovery.config_filter]
        return filters

    def announce(self) -> None:
        """Post every zone's device, or that there is none."""
        for topic, device in self._devices.items():
            self._post(OutgoingMessage(topic, device, qos=1, retain=True))

    def take(self, message: aiomqtt.Message) -> None:
        """Deal with a message; nothing it holds is raised."""
        topic, payload = str(message.topic), message.payload
        if topic == self._topics.status:
            if payload == ONLINE:
                self.confirmed.set()
            elif payload == OFFLINE:
                self._post(OutgoingMessage(topic, ONLINE, qos=1, retain=True))
        elif self._discovery is not None and topic == self._discovery.birth_topic:
            if payload == ONLINE:
                self.announce()
                self._welcome()
        elif self._discovery is not None and message.topic.matches(self._discovery.config_filter):
            if payload == self._devices.get(topic):
                self.announced.set()
        elif (asked := self._topics.parse_command_topic(topic)) is not None:
            self._command(*asked, message)

    def _command(self, zone: str, name: str, message: aiomqtt.Message) -> None:
        topic = self._topics.ack(zone, name)
        if len(topic) > limits.MAX_COMMAND_TOPIC_CHARS or not topic.isprintable():
            self._leave_out("a command's topic is too long, or is not printable: it is left out")
            return
        if not self._bucket.try_acquire():
            self._leave_out("commands come too fast, some are left out")
            return
        reply = parse_response_target(message, topic, base=self._topics.base)
        asked = CommandRequest(zone, name, message.payload, retained=message.retain)
        assert self._handler is not None  # noqa: S101 - or we had not subscribed
        for letter in ack_messages(
            reply, execute_request(asked, self._zones, self._handler, reply)
        ):
            self._post(letter)

    def _leave_out(self, why: str) -> None:
        self.ignored_commands += 1
        logger.warning("%s", why)
