"""Parse, execute and acknowledge the commands that a zone accepts over MQTT.

A command is a message to `<base>/<zone>/cmd/<name>`. Its payload is the value as plain text
(`kalman`, `5`, `on`), or a JSON object `{"value": ..., "id": ...}` whose id is returned with the
acknowledgement on `<base>/<zone>/ack/<name>`. With MQTT 5, the acknowledgement is also published on
the message's response topic, with its correlation data.
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
from streamer.mqtt.pending import OutgoingMessage

CommandName = Literal["smoothing", "rate", "freeze", "calibrate", "reload"]
COMMAND_NAMES: tuple[CommandName, ...] = get_args(CommandName)
CommandValue = str | float | bool

logger = logging.getLogger(__name__)

_BOOLEANS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


class CommandError(UsageError):
    """A rejected command; the message is the reason in the acknowledgement."""


@dataclass(frozen=True, slots=True)
class Command:
    """Valid command to a zone.

    Attributes
    ----------
    zone
        Name of the zone.
    name
        Name of the command.
    value
        smoothing: name of a smoother. rate: Hz. freeze: bool. calibrate: seconds to measure, or
        "reset". reload: "now".
    respond_to
        Where acknowledgements are published.
    """

    zone: str
    name: CommandName
    value: CommandValue
    respond_to: "ResponseTarget"


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """Command as received, not yet validated.

    Attributes
    ----------
    zone, name, payload
        As received.
    retained
        Whether the broker had retained it, so that its age is unknown.
    """

    zone: str
    name: str
    payload: Any
    retained: bool = False


@dataclass(frozen=True, slots=True)
class ResponseTarget:
    """Where a command's acknowledgements go, and the data they return.

    Attributes
    ----------
    topics
        Topics to publish on.
    id, correlation
        Id and MQTT 5 correlation data of the request; None if it had none.
    """

    topics: tuple[str, ...]
    id: str | None = None
    correlation: bytes | None = None

    def ok(self, value: CommandValue | None = None) -> Ack:
        """Return a positive acknowledgement."""
        return Ack(ts=_epoch_ms(), ok=True, value=value, id=self.id)

    def rejected(self, reason: str) -> Ack:
        """Return a negative acknowledgement."""
        return Ack(ts=_epoch_ms(), ok=False, reason=reason, id=self.id)

    def properties(self) -> Properties:
        """Return the MQTT 5 properties of an acknowledgement."""
        properties = json_properties()
        if self.correlation is not None:
            properties.CorrelationData = self.correlation
        return properties


CommandHandler = Callable[[Command], CommandValue | None]
"""Executes a command without blocking and returns the value in effect; raises `CommandError`."""


def ack_messages(respond_to: ResponseTarget, ack: Ack) -> list[OutgoingMessage]:
    """Return one message with the acknowledgement for each response topic."""
    properties = respond_to.properties()
    return [
        OutgoingMessage(topic, ack.to_json(), properties=properties) for topic in respond_to.topics
    ]


def parse_response_target(message: aiomqtt.Message, ack_topic: str, *, base: str) -> ResponseTarget:
    """Return the response target of a command message: `ack_topic` and its response topic, if any.

    A response topic below `base` is ignored: there, the acknowledgement would pass for another
    message of this node.
    """
    content = _json_object(message.payload)
    identifier = content.get("id") if content else None
    response_topic = getattr(message.properties, "ResponseTopic", None)
    correlation = getattr(message.properties, "CorrelationData", None)
    topics: tuple[str, ...] = (ack_topic,)
    if response_topic and _is_safe_response(response_topic, correlation or b"", base):
        topics = (ack_topic, response_topic)
    else:
        correlation = None
    return ResponseTarget(
        topics,
        None if identifier is None else _encodable(str(identifier)[: limits.MAX_COMMAND_ID_CHARS]),
        correlation,
    )


def execute_request(
    request: CommandRequest,
    zones: Container[str],
    handler: CommandHandler,
    respond_to: ResponseTarget,
) -> Ack:
    """Validate and execute a command, log it, and return its acknowledgement. Never raises."""
    fields = {"zone": request.zone if request.zone in zones else display_value(request.zone)}
    try:
        ack = respond_to.ok(_execute(request, zones, handler, respond_to))
        logger.info("command %s: %s", request.name, ack.value, extra=fields)
    except CommandError as error:
        ack = respond_to.rejected(str(error))
        logger.warning("rejected a command: %s", error, extra=fields)
    return ack


def _execute(
    request: CommandRequest,
    zones: Container[str],
    handler: CommandHandler,
    respond_to: ResponseTarget,
) -> CommandValue | None:
    if request.retained:
        raise CommandError("a retained command may be old; publish it without the retain flag")
    if request.zone not in zones:
        raise CommandError("there is no such zone")
    name, value = parse_command(request.name, request.payload)
    try:
        return handler(Command(request.zone, name, value, respond_to))
    except CommandError:
        raise
    except Exception:
        logger.exception("command %s failed", name, extra={"zone": request.zone})
        raise CommandError("the command failed; see the log of streamer") from None


def parse_command(name: str, payload: Any) -> tuple[CommandName, CommandValue]:
    """Return the name and the value of a command.

    Raises
    ------
    CommandError
        The command is unknown or its payload invalid; the message names the valid ones.
    """
    if name not in COMMAND_NAMES:
        nearest = schema.closest_match(name, COMMAND_NAMES)
        advice = (
            f'did you mean "{nearest}"?' if nearest else f"there are {', '.join(COMMAND_NAMES)}"
        )
        raise CommandError(f"there is no command {_quoted(name)}; {advice}")
    if not isinstance(payload, bytes):
        payload = b""
    if len(payload) > limits.MAX_COMMAND_BYTES:
        raise CommandError(
            f"the payload has {len(payload)} bytes; send at most {limits.MAX_COMMAND_BYTES}"
        )
    text = _value_text(payload)
    parse: Callable[[str], CommandValue | None] = _PARSERS[name]
    value = parse(text)
    if value is None:
        raise CommandError(f"{_quoted(text)} is invalid: send {_VALID_PAYLOADS[name]}")
    return name, value


def describe_payload(name: CommandName) -> str:
    """Return in words which payloads a command accepts."""
    return _VALID_PAYLOADS[name]


def _is_safe_response(topic: str, correlation: bytes, base: str) -> bool:
    """Return whether a broker accepts a response on the topic, and the topic is not ours."""
    return (
        len(topic) <= limits.MAX_RESPONSE_TOPIC_CHARS
        and len(correlation) <= limits.MAX_CORRELATION_BYTES
        and topic.isprintable()
        and not set(topic) & set("+#")
        and not topic.startswith(("$", f"{base}/"))
    )


def _value_text(payload: bytes) -> str:
    """Return the value in a payload as text, whether plain or JSON."""
    content = _json_object(payload)
    try:
        value = content["value"] if content is not None else payload.decode()
    except UnicodeDecodeError:
        raise CommandError("the payload is not UTF-8 text; send plain text or JSON") from None
    except KeyError:
        raise CommandError('the payload is a JSON object without "value"; add it') from None
    if content is not None and content.keys() - {"value", "id"}:
        raise CommandError('a JSON command has only "value" and "id"; remove the other fields')
    if isinstance(value, bool):
        return "on" if value else "off"
    return _encodable(str(value)).strip().strip('"')


def _json_object(payload: Any) -> dict[str, Any] | None:
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


def _parse_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parse_rate(text: str) -> float | None:
    number = _parse_number(text)
    if number is None or not _RATE["minimum"] <= number <= _RATE["maximum"]:
        return None
    return number


def _parse_calibrate(text: str) -> CommandValue | None:
    if text in ("start", "reset"):
        return 60.0 if text == "start" else text
    number = _parse_number(text)
    shortest, longest = limits.CALIBRATION_RANGE_S
    return number if number is not None and shortest <= number <= longest else None


_RATE = schema.find_node(("tracking", "rate")) or {}
_SMOOTHERS = (schema.find_node(("tracking", "smoother")) or {})["enum"]
_PARSERS: dict[str, Callable[[str], CommandValue | None]] = {
    "smoothing": lambda text: text if text in _SMOOTHERS else None,
    "rate": _parse_rate,
    "freeze": lambda text: _BOOLEANS.get(text.lower()),
    "calibrate": _parse_calibrate,
    "reload": lambda text: text if text == "now" else None,
}
_VALID_PAYLOADS = {
    "smoothing": " or ".join(_SMOOTHERS),
    "rate": schema.describe_allowed(_RATE),
    "freeze": "on or off",
    "calibrate": "start, reset, or the seconds to measure, {:g} to {:g}".format(
        *limits.CALIBRATION_RANGE_S
    ),
    "reload": "now",
}


def _quoted(text: str) -> str:
    return display_value(text) if text else "an empty payload"


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot encode, such as the lone surrogates that JSON may contain."""
    return text.encode(errors="replace").decode()


def _epoch_ms() -> int:
    return round(time.time() * 1e3)
