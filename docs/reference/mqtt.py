"""Generate the MQTT reference: topics, messages, commands."""

import inspect
import json
import time
from dataclasses import replace
from typing import get_args

from docs.reference.markdown import block, code, pretty, prose, table
from docs.reference.schema import Node, Schema
from docs.reference.wire import Delivery, deliveries
from streamer import __version__, limits
from streamer.mqtt import (
    VA,
    Ack,
    Controls,
    Delays,
    Health,
    Latency,
    State,
    Topics,
    commands,
    json_schemas,
    payloads,
)
from streamer.tracking import Affect, Update, mood

PAGE = "reference/mqtt.md"
_BEGIN = (
    "Every topic, message and command of this version. `<base>` is `streamer/<node>` unless "
    "`base_topic` is set."
)
_FIELDS = ("field", "type", "range", "description")
_EPOCH = 1_795_389_690.0  # fixed, so that every build writes the same example
_UPDATE = Update(
    tick=1234,
    time=123.4,
    captured=0.0,
    raw=Affect(valence=0.5121, arousal=0.4302, valence_std=0.2841, arousal_std=0.2247),
    smooth=Affect(valence=0.4873, arousal=0.4519, valence_std=0.2764, arousal_std=0.2195),
    silence=False,
    warm=1.0,
    level=-21.3,
)
_CONTROLS = Controls(smoothing="kalman", rate=10, freeze=False, gain_db=0, calibrating=False)
_HEALTH = Health(
    ts=round(_EPOCH * 1e3),
    state="ok",
    source="demo",
    engine="ONNX Runtime, CPU",
    uptime_s=124.4,
    estimates=1235,
    rate_hz=10,
    drift_ppm=0,
    latency_ms=Latency(p50=8.0, p99=10.4, max=14.2),
    delays=Delays(resampler_ms=3.8, smoother_ms=240),
    versions={"streamer": __version__},
    cpu_percent=4.9,
    memory_mb=254,
)
_ACK = Ack(ts=round(_EPOCH * 1e3), ok=True, value=True, id="desk-7")
_COMMANDS = {
    "smoothing": "one-euro",
    "rate": "5",
    "freeze": '{"value": "on", "id": "desk-7"}',
    "calibrate": "start",
    "reload": "now",
}
_MODELS: dict[str, type[payloads.Message]] = payloads.KINDS


def generate_files() -> dict[str, str]:
    """Return the page, and a JSON Schema for each message kind."""
    schemas = {
        f"reference/schemas/{kind}.json": json.dumps(schema, indent=2) + "\n"
        for kind, schema in json_schemas().items()
    }
    return {PAGE: _page(), **schemas}


def _page() -> str:
    sent = deliveries(replace(_UPDATE, captured=time.monotonic()), _HEALTH, _ACK)
    examples = {
        "va": VA.from_update(_UPDATE, seq=1233, epoch=_EPOCH, latency=0.008),
        "state": State.from_update(_UPDATE, epoch=_EPOCH, controls=_CONTROLS),
        "health": _HEALTH,
        "ack": _ACK,
    }
    parts = [
        "# MQTT messages",
        f"{_BEGIN} {_units()}",
        "## Topics",
        _topics(sent),
        *(_message(kind, sent[kind], example) for kind, example in examples.items()),
        _status(sent["status"]),
        _mood_words(),
        _commands(),
    ]
    return "\n\n".join(parts) + "\n"


def _units() -> str:
    """Return the paragraph on rounding and units of the payloads module."""
    return prose(_paragraphs(payloads)[1])


def _topics(sent: dict[str, Delivery]) -> str:
    rows = []
    for kind in ("status", "va", "state", "health", "ack"):
        one = sent[kind]
        retained = "yes" if one.retain else "no"
        rows.append((code(one.topic), f"[{kind}](#{kind})", str(one.qos), retained, _expiry(one)))
    command_topic = Topics("<base>").command("<zone>", "<name>")
    rows.append((code(command_topic), "[command](#commands)", "up to 1", "refused", ""))
    head = ("topic", "message", "QoS", "retained", "expires, MQTT 5")
    return table(head, rows, kind="topics")


def _expiry(one: Delivery) -> str:
    return f"after {one.expiry} s" if one.expiry is not None else ""


def _message(kind: str, sent: Delivery, example: payloads.Message) -> str:
    model = _MODELS[kind]
    schema = Schema(model.model_json_schema(mode="serialization"))
    retained = "retained" if sent.retain else "not retained"
    link = f'[JSON Schema](schemas/{kind}.json){{ download="{kind}.json" }}'
    parts = [
        f"## {kind} {{#{kind}}}",
        f"{prose(inspect.getdoc(model) or '')} QoS {sent.qos}, {retained}. {link}",
        block(pretty(example.to_json()), "json"),
        _fields(schema, schema.root, kind),
    ]
    for name, node in schema.nested:
        parts += [
            f"### {kind}: {name} {{#{kind}-{name.lower()}}}",
            prose(node.get("description", "")),
            _fields(schema, node, kind),
        ]
    return "\n\n".join(parts)


def _fields(schema: Schema, node: Node, kind: str) -> str:
    rows = []
    for name, field in node["properties"].items():
        kinds = schema.type(field, f"#{kind}-{{}}")
        rows.append((code(name), kinds, schema.range(field), prose(field.get("description", ""))))
    return table(_FIELDS, rows, kind="fields")


def _status(sent: Delivery) -> str:
    text = inspect.getdoc(Topics.status) or ""
    return f"## status {{#status}}\n\n`{sent.topic}`: {text} QoS {sent.qos}. Plain text, not JSON."


def _mood_words() -> str:
    rows = []
    for index, word in enumerate(mood.WORDS):
        begin = 30 * index
        rows.append((code(word), code(f"Q{index // 3 + 1}"), f"{begin}° to {begin + 30}°"))
    quadrants = ", ".join(code(each) for each in get_args(mood.Quadrant))
    text = (
        f"Quadrants are {quadrants}, counter-clockwise. Angles are measured counter-clockwise from "
        f"positive valence. Closer than {mood.NEUTRAL_RADIUS:g} to the centre the word is "
        "`neutral`."
    )
    rows_of_words = table(("word", "quadrant", "angle"), rows)
    parts = ["## Mood words {#words}", prose(_paragraphs(mood)[1]), text, rows_of_words]
    return "\n\n".join(parts)


def _commands() -> str:
    rows = [
        (code(name), prose(commands.describe_payload(name)), code(_COMMANDS[name]))
        for name in commands.COMMAND_NAMES
    ]
    text = (
        f"A payload has at most {limits.MAX_COMMAND_BYTES} bytes, an id at most "
        f"{limits.MAX_COMMAND_ID_CHARS} characters. At most {limits.COMMANDS_PER_SECOND:g} "
        f"commands per second are accepted, after a pause {limits.COMMAND_BURST:g} at once; more "
        "are ignored. What each does: "
        "[Home Assistant, Node-RED and commands](../home-assistant.md#commands)."
    )
    parts = [
        "## Commands {#commands}",
        prose(" ".join(_paragraphs(commands)[1:])),
        table(("name", "send", "example"), rows, kind="fields"),
        text,
    ]
    return "\n\n".join(parts)


def _paragraphs(module: object) -> list[str]:
    """Return the paragraphs of a docstring, each on one line."""
    text = inspect.getdoc(module) or ""
    return [" ".join(part.split()) for part in text.split("\n\n")]
