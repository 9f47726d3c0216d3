"""Build Home Assistant's MQTT discovery messages: each zone as a device with sensors and controls.

Format: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (Home Assistant
2024.11 or newer). A zone's configuration is retained on `<prefix>/device/<node>/<zone>/config`; an
empty payload removes the device.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, get_args

from streamer import __version__
from streamer.config import HomeAssistant, Mqtt, schema
from streamer.mqtt.payloads import Health
from streamer.mqtt.topics import Topics, slug
from streamer.tracking.mood import Mood, Quadrant

EXPIRE_AFTER = 30
"""Seconds without a new state until Home Assistant shows a zone's values as unavailable."""

_STATES = get_args(Health.model_fields["state"].annotation)
_HEALTH_ATTRIBUTES = ("reason", "source", "engine", "uptime_s", "drops", "gaps", "latency_ms")


class Discovery:
    """Discovery configuration of this node's zones.

    Parameters
    ----------
    config
        The `[home_assistant]` table.
    mqtt
        The `[mqtt]` table.
    zones
        Names of the zones.
    controlled
        Whether the zones accept commands, so that controls are included.

    Attributes
    ----------
    enabled
        Whether the zones are announced; otherwise earlier announcements are removed.
    birth_topic
        Topic on which Home Assistant publishes `online` when it starts.
    config_filter
        Topic filter that matches the configurations of all zones of this node.
    """

    def __init__(
        self, config: HomeAssistant, mqtt: Mqtt, zones: Iterable[str], *, controlled: bool
    ) -> None:
        self._topics = Topics.from_config(mqtt)
        self._node = _node_id(self._topics.base)
        self._folder = f"{config.prefix}/device/{self._node}"
        self._zones = tuple(zones)
        self.enabled = config.discovery
        self._controlled = controlled
        self.birth_topic = f"{config.prefix}/status"
        self.config_filter = f"{self._folder}/+/config"

    def messages(self) -> dict[str, bytes]:
        """Return each zone's configuration by its topic; empty payloads if discovery is off."""
        return {
            self._topic(zone): json.dumps(self.device_config(zone)).encode()
            if self.enabled
            else b""
            for zone in self._zones
        }

    def device_config(self, zone: str) -> dict[str, Any]:
        """Return the discovery configuration of a zone's device."""
        identifier = f"{self._node}_{zone}"
        components = self._sensors(zone) | (self._controls(zone) if self._controlled else {})
        for name, component in components.items():
            component["unique_id"] = f"{identifier}_{name}"
        label = self._topics.base.removeprefix("streamer/").replace("/", " ")
        return {
            "device": {
                "identifiers": [identifier],
                "name": f"Streamer {label} {zone}",
                "manufacturer": "streamer",
                "model": "Music emotion tracker",
                "sw_version": __version__,
            },
            "origin": {"name": "streamer", "sw_version": __version__},
            "availability_topic": self._topics.status,
            "state_topic": self._topics.state(zone),
            "qos": 1,
            "components": components,
        }

    def _topic(self, zone: str) -> str:
        return f"{self._folder}/{zone}/config"

    def _sensors(self, zone: str) -> dict[str, dict[str, Any]]:
        health = self._topics.health(zone)
        attributes = ", ".join(f"'{name}': value_json.{name}" for name in _HEALTH_ATTRIBUTES)
        return {
            "valence": _number_sensor("Valence", "valence", "mdi:emoticon-happy-outline"),
            "arousal": _number_sensor("Arousal", "arousal", "mdi:lightning-bolt-outline"),
            "mood": _enum_sensor("Mood", "mood", "mdi:music-circle-outline", get_args(Mood)),
            "quadrant": _enum_sensor("Quadrant", "quadrant", "mdi:axis-arrow", get_args(Quadrant)),
            "level": _number_sensor("Level", "level", "mdi:volume-medium", unit="dBFS", decimals=0),
            "silence": {
                "platform": "binary_sensor",
                "name": "Silence",
                "value_template": "{{ 'ON' if value_json.silence else 'OFF' }}",
                "icon": "mdi:volume-off",
                "expire_after": EXPIRE_AFTER,
            },
            "health": {
                **_enum_sensor("Health", "state", "mdi:heart-pulse", _STATES, expires=False),
                "state_topic": health,
                "json_attributes_topic": health,
                "json_attributes_template": f"{{{{ {{{attributes}}} | tojson }}}}",
                "entity_category": "diagnostic",
            },
        }

    def _controls(self, zone: str) -> dict[str, dict[str, Any]]:
        rate = schema.find_node(("tracking", "rate")) or {}
        smoothers = (schema.find_node(("tracking", "smoother")) or {})["enum"]
        controls: dict[str, dict[str, Any]] = {
            "freeze": {
                "platform": "switch",
                "name": "Freeze",
                "icon": "mdi:snowflake",
                "value_template": _control_template(
                    "'on' if value_json.controls.freeze else 'off'"
                ),
                "payload_on": "on",
                "payload_off": "off",
            },
            "smoothing": {
                "platform": "select",
                "name": "Smoothing",
                "icon": "mdi:chart-bell-curve-cumulative",
                "value_template": _control_template("value_json.controls.smoothing"),
                "options": smoothers,
                "entity_category": "config",
            },
            "rate": {
                "platform": "number",
                "name": "Rate",
                "icon": "mdi:metronome",
                "value_template": _control_template("value_json.controls.rate"),
                "min": rate["minimum"],
                "max": rate["maximum"],
                "step": 0.1,
                "mode": "box",
                "unit_of_measurement": "Hz",
                "entity_category": "config",
            },
            "calibrate": {
                "platform": "button",
                "name": "Calibrate",
                "icon": "mdi:tune-vertical",
                "payload_press": "start",
                "entity_category": "config",
            },
            "reload": {
                "platform": "button",
                "name": "Reload configuration",
                "icon": "mdi:reload",
                "payload_press": "now",
                "entity_category": "config",
            },
        }
        for name, control in controls.items():
            control["command_topic"] = self._topics.command(zone, name)
        return controls


def _number_sensor(
    name: str, key: str, icon: str, *, unit: str | None = None, decimals: int = 2
) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "name": name,
        "value_template": f"{{{{ value_json.{key} }}}}",
        "icon": icon,
        "state_class": "measurement",
        "suggested_display_precision": decimals,
        "expire_after": EXPIRE_AFTER,
    } | ({"unit_of_measurement": unit} if unit else {})


def _enum_sensor(
    name: str, key: str, icon: str, options: Iterable[str], *, expires: bool = True
) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "name": name,
        "value_template": f"{{{{ value_json.{key} }}}}",
        "icon": icon,
        "device_class": "enum",
        "options": list(options),
    } | ({"expire_after": EXPIRE_AFTER} if expires else {})


def _control_template(expression: str) -> str:
    """Return a template that renders "None" (unknown) if the zone accepts no commands."""
    return f"{{{{ ({expression}) if value_json.controls else 'None' }}}}"


def _node_id(base: str) -> str:
    """Return a unique id for a base topic, valid as one level of a Home Assistant topic."""
    levels = base.split("/")
    plain = [slug(level) for level in levels]
    if levels == plain:
        return "_".join(plain)
    return f"{'_'.join(plain)}_{sha256(base.encode()).hexdigest()[:8]}"
