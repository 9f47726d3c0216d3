"""JSON Schemas of the device discovery payloads that Home Assistant documents.

From https://www.home-assistant.io/integrations/mqtt/ (device discovery) and the pages of its
platforms sensor.mqtt, binary_sensor.mqtt, switch.mqtt, select.mqtt, number.mqtt, button.mqtt.
"""

import pytest

TEXT = {"type": "string", "minLength": 1}
TEMPLATE = {"type": "string", "pattern": r"^\{\{.*\}\}$"}
TOPIC = {"type": "string", "pattern": r"^[^+#\u0000]+$"}
FLAG = {"type": "boolean"}
SECONDS = {"type": "integer", "minimum": 0}
QOS = {"enum": [0, 1, 2]}
ICON = {"type": "string", "pattern": "^mdi:[a-z0-9-]+$"}

AVAILABILITY = {
    "availability_topic": TOPIC,
    "availability_template": TEMPLATE,
    "availability_mode": {"enum": ["all", "any", "latest"]},
    "payload_available": TEXT,
    "payload_not_available": TEXT,
}
ENTITY = {
    **AVAILABILITY,
    "default_entity_id": TEXT,
    "enabled_by_default": FLAG,
    "encoding": TEXT,
    "entity_category": {"enum": ["config", "diagnostic"]},
    "entity_picture": TEXT,
    "icon": ICON,
    "json_attributes_template": TEMPLATE,
    "json_attributes_topic": TOPIC,
    "name": {"type": ["string", "null"]},
    "platform": TEXT,
    "qos": QOS,
    "unique_id": TEXT,
    "value_template": TEMPLATE,
    "state_topic": TOPIC,
}
READ = {
    "expire_after": SECONDS,
    "force_update": FLAG,
    "entity_category": {"const": "diagnostic"},  # a read-only entity has no configuration
}
WRITTEN = {"command_topic": TOPIC, "command_template": TEMPLATE, "retain": FLAG}


def _platform(own, required=(), **more):
    return {
        "type": "object",
        "properties": {**ENTITY, **own},
        "required": ["platform", "unique_id", *required],
        "additionalProperties": False,
        **more,
    }


PLATFORMS = {
    "sensor": _platform(
        {
            **READ,
            "device_class": {"enum": ["enum", "duration", "timestamp", "sound_pressure"]},
            "last_reset_value_template": TEMPLATE,
            "options": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
            "suggested_display_precision": {"type": "integer", "minimum": 0},
            "state_class": {"enum": ["measurement", "total", "total_increasing"]},
            "unit_of_measurement": TEXT,
        },
        allOf=[
            {  # only enumerations have options; they have no state class and no unit
                "if": {"required": ["options"]},
                "then": {
                    "properties": {
                        "device_class": {"const": "enum"},
                        "state_class": False,
                        "unit_of_measurement": False,
                    },
                    "required": ["device_class"],
                },
            }
        ],
    ),
    "binary_sensor": _platform(
        {
            **READ,
            "device_class": {"enum": ["sound", "running", "problem"]},
            "off_delay": SECONDS,
            "payload_on": TEXT,
            "payload_off": TEXT,
        },
    ),
    "switch": _platform(
        {
            **WRITTEN,
            "device_class": {"enum": ["outlet", "switch"]},
            "optimistic": FLAG,
            "payload_on": TEXT,
            "payload_off": TEXT,
            "state_on": TEXT,
            "state_off": TEXT,
        },
        ["command_topic"],
    ),
    "select": _platform(
        {
            **WRITTEN,
            "optimistic": FLAG,
            "options": {"type": "array", "items": TEXT, "minItems": 1},
        },
        ["command_topic", "options"],
    ),
    "number": _platform(
        {
            **WRITTEN,
            "device_class": TEXT,
            "min": {"type": "number"},
            "max": {"type": "number"},
            "step": {"type": "number", "minimum": 0.001},
            "mode": {"enum": ["auto", "box", "slider"]},
            "optimistic": FLAG,
            "payload_reset": TEXT,
            "unit_of_measurement": TEXT,
        },
        ["command_topic"],
    ),
    "button": _platform(
        {
            **WRITTEN,
            "device_class": {"enum": ["identify", "restart", "update"]},
            "payload_press": TEXT,
        },
        ["command_topic"],
    ),
}

DEVICE = {
    "type": "object",
    "properties": {
        "configuration_url": TEXT,
        "connections": {"type": "array"},
        "hw_version": TEXT,
        "identifiers": {"type": ["string", "array"], "minItems": 1},
        "manufacturer": TEXT,
        "model": TEXT,
        "model_id": TEXT,
        "name": TEXT,
        "serial_number": TEXT,
        "suggested_area": TEXT,
        "sw_version": TEXT,
        "via_device": TEXT,
    },
    "anyOf": [{"required": ["identifiers"]}, {"required": ["connections"]}],
    "additionalProperties": False,
}
ORIGIN = {
    "type": "object",
    "properties": {"name": TEXT, "sw_version": TEXT, "support_url": TEXT},
    "required": ["name"],
    "additionalProperties": False,
}

PAYLOAD = {
    "type": "object",
    "properties": {
        **AVAILABILITY,
        "device": DEVICE,
        "origin": ORIGIN,
        "components": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "required": ["platform"],
                "properties": {"platform": {"enum": list(PLATFORMS)}},
                "allOf": [
                    {
                        "if": {"properties": {"platform": {"const": name}}},
                        "then": schema,
                    }
                    for name, schema in PLATFORMS.items()
                ],
            },
        },
        "state_topic": TOPIC,
        "command_topic": TOPIC,
        "qos": QOS,
        "encoding": TEXT,
    },
    "required": ["device", "origin", "components"],
    "additionalProperties": False,
}


@pytest.fixture(scope="session")
def device_schema():
    """Return the schema of the message at `<prefix>/device/<node>/<object>/config`."""
    return PAYLOAD
