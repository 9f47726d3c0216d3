"""Commands that a zone takes over MQTT: reading what arrived, and answering.

A command is a message to `<base>/<zone>/cmd/<name>`. Its payload is the value as plain text
(`kalman`, `5`, `on`), or a JSON object `{"value": ..., "id": ...}` whose id comes back with the
answer on `<base>/<zone>/ack/<name>`. With MQTT 5 the answer also goes to the response topic that
the message names, with its correlation data.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Literal, get_args

import aiomqtt
from paho.mqtt.properties import Properties

from streamer import limits
from streamer.config import schema
from streamer.config.layer import display_value
from streamer.errors import UsageError
from streamer.mqtt.client import json_properties
from streamer.mqtt.payloads import Ack

CommandName = Literal["smoothing", "rate", "freeze", "calibrate", "reload"]
COMMAND_NAMES: tuple[CommandName, ...] = get_args(CommandName)
CommandValue = str | float | bool

logger = logging.getLogger(__name__)

_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


class CommandError(UsageError):
    """A command that is not carried out; its message is the reason that is answered."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is wanted of a zone.

    Attributes
    ----------
    zone
        Its name.
    name
        Of the command.
    value
        smoothing: the name of a smoother. rate: Hz. freeze: whether. calibrate: seconds to listen,
        or "reset". reload: "now".
    respond_to
        Where acknowledgements go.
    """

    zone: str
    name: CommandName
    value: CommandValue
    respond_to: "ResponseTarget"


@dataclass(frozen=True, slots=True)
class ResponseTarget:
    """Where answers to one command go, and what they bring back.

    Attributes
    ----------
    topics
        The topics to answer on.
    id, correlation
        Of the message that asked, where it had them.
    """

    topics: tuple[str, ...]
    id: str | None = None
    correlation: bytes | None = None

    def ok(self, value: CommandValue | None = None) -> Ack:
        """Return the answer that it was done."""
        return Ack(ts=_now(), ok=True, value=value, id=self.id)

    def rejected(self, reason: str) -> Ack:
        """Return the answer that it was not done."""
        return Ack(ts=_now(), ok=False, reason=reason, id=self.id)

    def properties(self) -> Properties:
        """Return the MQTT 5 properties of an answer."""
        properties = json_properties()
        if self.correlation is not None:
            properties.CorrelationData = self.correlation
        return properties


CommandHandler = Callable[[Command], CommandValue | None]
"""Carries out a command at once and returns the value in effect; raises `CommandError`."""


def parse_response_target(message: aiomqtt.Message, topic: str, *, base: str) -> ResponseTarget:
    """Return where to answer a message: on `topic`, and where the message asks for it.

    Not below `base`, where an answer would look like another word of ours.
    """
    content = _object(message.payload)
    identifier = content.get("id") if content else None
    properties = message.properties
    asked = getattr(properties, "ResponseTopic", None)
    topics: tuple[str, ...] = (topic,)
    correlation = getattr(properties, "CorrelationData", None)
    if asked and _may_be_answered(asked, correlation or b"", base):
        topics = (topic, asked)
    else:
        correlation = None
    return ResponseTarget(
        topics,
        None if identifier is None else _sayable(str(identifier)[: limits.MAX_COMMAND_ID_CHARS]),
        correlation,
    )


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command as it arrived, from wherever.

    Attributes
    ----------
    zone, name, payload
        As they were sent.
    retained
        Whether nobody knows when it was sent.
    """

    zone: str
    name: str
    payload: Any
    retained: bool = False


def execute_request(
    request: CommandRequest, zones: Container[str], handler: CommandHandler, reply: ResponseTarget
) -> Ack:
    """Carry out a command, log it, and return the answer; nothing is raised."""
    about = {"zone": request.zone if request.zone in zones else display_value(request.zone)}
    try:
        ack = reply.ok(_carry_out(request, zones, handler, reply))
        logger.info("command %s: %s", request.name, ack.value, extra=about)
    except CommandError as error:
        ack = reply.rejected(str(error))
        logger.warning("command refused: %s", error, extra=about)
    return ack


def _carry_out(
    request: CommandRequest, zones: Container[str], handler: CommandHandler, reply: ResponseTarget
) -> CommandValue | None:
    if request.retained:
        raise CommandError("a retained command is an old one; publish it without retain")
    if request.zone not in zones:
        raise CommandError("there is no such zone")
    name, value = parse_command(request.name, request.payload)
    try:
        return handler(Command(request.zone, name, value, reply))
    except CommandError:
        raise
    except Exception:
        logger.exception("command %s failed", name, extra={"zone": request.zone})
        raise CommandError("it failed; the log of streamer says why") from None


def parse_command(name: str, payload: Any) -> tuple[CommandName, CommandValue]:
    """Return the name and the value of a command.

    Raises
    ------
    CommandError
        There is no such command, or its payload cannot be meant; the message says what can.
    """
    if name not in COMMAND_NAMES:
        near = schema.closest_match(name, COMMAND_NAMES)
        advice = f'did you mean "{near}"?' if near else f"there are {', '.join(COMMAND_NAMES)}"
        raise CommandError(f"there is no command {_shown(name)}; {advice}")
    if not isinstance(payload, bytes):
        payload = b""
    if len(payload) > limits.MAX_COMMAND_BYTES:
        raise CommandError(
            f"the payload has {len(payload)} bytes, {limits.MAX_COMMAND_BYTES} are the most"
        )
    text = _text(payload)
    read: Callable[[str], CommandValue | None] = _READERS[name]
    value = read(text)
    if value is None:
        raise CommandError(f"{_shown(text)} is not possible: send {_WANTED[name]}")
    return name, value


def describe_payload(name: CommandName) -> str:
    """Return in words what the payload of a command may be."""
    return _WANTED[name]


def _may_be_answered(topic: str, correlation: bytes, base: str) -> bool:
    """Whether an answer at a topic harms nobody: every broker takes it, and it is another's."""
    return (
        len(topic) <= limits.MAX_RESPONSE_TOPIC_CHARS
        and len(correlation) <= limits.MAX_CORRELATION_BYTES
        and topic.isprintable()
        and not set(topic) & set("+#")
        and not topic.startswith(("$", f"{base}/"))
    )


def _text(payload: bytes) -> str:
    content = _object(payload)
    try:
        value = content["value"] if content is not None else payload.decode()
    except UnicodeDecodeError:
        raise CommandError("the payload is no text in UTF-8") from None
    except KeyError:
        raise CommandError('the payload is a JSON object without "value"') from None
    if content is not None and content.keys() - {"value", "id"}:
        raise CommandError('a command in JSON has "value" and "id", nothing else')
    if isinstance(value, bool):
        return "on" if value else "off"
    return _sayable(str(value)).strip().strip('"')


def _object(payload: Any) -> dict[str, Any] | None:
    if (
        not isinstance(payload, bytes)
        or len(payload) > limits.MAX_COMMAND_BYTES
        or payload[:1] != b"{"
    ):
        return None
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _rate(text: str) -> float | None:
    number = _number(text)
    node = schema.find_node(("tracking", "rate")) or {}
    within = number is not None and node["minimum"] <= number <= node["maximum"]
    return number if within else None


def _calibrate(text: str) -> CommandValue | None:
    if text in ("start", "reset"):
        return 60.0 if text == "start" else text
    number = _number(text)
    least, most = limits.CALIBRATION_RANGE_S
    return number if number is not None and least <= number <= most else None


_SMOOTHERS = (schema.find_node(("tracking", "smoother")) or {})["enum"]
_READERS: dict[str, Callable[[str], CommandValue | None]] = {
    "smoothing": lambda text: text if text in _SMOOTHERS else None,
    "rate": _rate,
    "freeze": lambda text: _SWITCH.get(text.lower()),
    "calibrate": _calibrate,
    "reload": lambda text: text if text == "now" else None,
}
_WANTED = {
    "smoothing": " or ".join(_SMOOTHERS),
    "rate": schema.describe_allowed(schema.find_node(("tracking", "rate")) or {}),
    "freeze": "on or off",
    "calibrate": "start, reset, or how many seconds to listen, {:g} to {:g}".format(
        *limits.CALIBRATION_RANGE_S
    ),
    "reload": "now",
}


def _shown(text: str) -> str:
    return display_value(text) if text else "an empty payload"


def _sayable(text: str) -> str:
    """Return text that UTF-8 can hold; JSON can name what it cannot."""
    return text.encode(errors="replace").decode()


def _now() -> int:
    return round(time.time() * 1e3)
