"""Home Assistant discovery: payloads, when they are published, and how they are removed."""

import asyncio
import json

import aiomqtt
import jinja2
import jsonschema
import pytest

from streamer.config.models import HomeAssistant, Mqtt
from streamer.mqtt import Controls, Health, State
from streamer.mqtt.discovery import Discovery
from streamer.tracking import Affect

CONFIG = "homeassistant/device/streamer_test/main/config"
STATE = "streamer/test/main/state"
CONTROLS = Controls(smoothing="one-euro", rate=5, freeze=True, gain_db=3, calibrating=False)


def announced_configs(controlled=True, **mqtt):
    discovery = Discovery(
        HomeAssistant(), Mqtt(**{"node": "test", **mqtt}), ["main", "bar"], controlled=controlled
    )
    return {topic: json.loads(payload) for topic, payload in discovery.messages().items()}


def do_nothing(command):
    return command.value


class TestPayload:
    @pytest.mark.parametrize("controlled", [True, False])
    def test_every_payload_is_valid_against_home_assistants_documentation(
        self, device_schema, controlled
    ):
        for payload in announced_configs(controlled).values():
            jsonschema.validate(payload, device_schema)

    def test_the_schema_rejects_undocumented_fields(self, device_schema):
        for component, key, value in (
            ("valence", "suggested_precision", 2),
            ("mood", "state_class", "measurement"),
            ("level", "entity_category", "config"),
            ("freeze", "platform", "lamp"),
            ("calibrate", "options", ["a"]),
        ):
            payload = announced_configs()[CONFIG]
            payload["components"][component][key] = value
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(payload, device_schema)

    def test_every_zone_is_a_device_of_its_own(self):
        devices = announced_configs()
        assert set(devices) == {CONFIG, CONFIG.replace("main", "bar")}
        ids = [
            component["unique_id"]
            for device in devices.values()
            for component in device["components"].values()
        ]
        assert len(ids) == len(set(ids)) == 24

    def test_nodes_do_not_share_ids_and_a_base_topic_counts(self):
        one, other = announced_configs(node="hall"), announced_configs(node="bar")
        based = announced_configs(base_topic="venue/club 1/mood")
        assert not set(one) & set(other)
        [topic, _] = based
        assert topic.startswith("homeassistant/device/venue_club-1_mood_")

    def test_similar_base_topics_get_different_ids(self):
        bases = ["a/b", "a-b", "a/B", "音楽/左", "舞台/右", "x" * 70, "x" * 71]
        devices = [announced_configs(base_topic=base) for base in bases]
        assert len({topic for device in devices for topic in device}) == 2 * len(bases)
        one, other = announced_configs(node="hall"), announced_configs(node="hall-main")
        ids = [
            {each["components"]["mood"]["unique_id"] for each in node.values()}
            for node in (one, other)
        ]
        assert not ids[0] & ids[1]

    def test_values_published_every_second_expire(self):
        components = announced_configs()[CONFIG]["components"]
        expiring = {name for name, each in components.items() if "expire_after" in each}
        assert expiring == {"valence", "arousal", "mood", "quadrant", "level", "silence"}

    def test_templates_match_the_messages_fields(self, update):
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML
        affect = Affect(0.123456, -0.5, 0.1, 0.1)
        state = State.from_update(update(smooth=affect, silence=True), epoch=0.0, controls=CONTROLS)
        health = Health(ts=1, state="degraded", reason="slow", source="demo", uptime_s=1)

        def rendered(template, message):
            value = json.loads(message.to_json())
            return environment.from_string(template).render(value_json=value)

        values = {}
        for name, component in announced_configs()[CONFIG]["components"].items():
            message = health if "state_topic" in component else state
            if "value_template" in component:
                values[name] = rendered(component["value_template"], message)
                if "options" in component:
                    assert values[name] in component["options"]
            if "json_attributes_template" in component:
                attributes = json.loads(rendered(component["json_attributes_template"], message))
                assert attributes["reason"] == "slow"
        assert values == {
            "valence": "0.1235", "arousal": "-0.5", "mood": "sleepy", "quadrant": "Q4",
            "level": "-20.0", "silence": "ON", "health": "degraded", "freeze": "on",
            "smoothing": "one-euro", "rate": "5.0",
        }  # fmt: skip

    def test_controls_of_a_zone_without_commands_are_unknown(self, update):
        state = json.loads(State.from_update(update(), epoch=0.0).to_json())
        for name in ("freeze", "smoothing", "rate"):
            template = announced_configs()[CONFIG]["components"][name]["value_template"]
            rendered = jinja2.Environment().from_string(template)  # noqa: S701 - no HTML
            assert rendered.render(value_json=state) == "None"


@pytest.mark.peer
class TestAtABroker:
    async def test_configs_are_retained_and_republished_after_a_broker_restart(
        self, launch, subscribe, publish, device_schema
    ):
        broker = launch()
        options = {"home_assistant": HomeAssistant(), "handler": do_nothing}
        async with publish(broker.address, **options) as publisher:
            for _ in range(2):
                async with subscribe(broker.address) as seen:
                    await seen.until(lambda seen=seen: seen.on(CONFIG) and seen.on(STATE))
                    jsonschema.validate(seen.payloads(CONFIG)[0], device_schema)
                async with subscribe(broker.address) as late:
                    await late.until(lambda late=late: late.on(CONFIG))
                    assert late.on(CONFIG)[0].retain
                broker.kill()
                broker.start()  # without its retained messages
            assert publisher.reconnects >= 1

    async def test_home_assistants_birth_message_republishes_configs_and_states(
        self, mosquitto, subscribe, publish
    ):
        async with (
            subscribe(mosquitto.address) as seen,
            publish(mosquitto.address, home_assistant=HomeAssistant()) as publisher,
            aiomqtt.Client(mosquitto.address.host, mosquitto.address.port) as home_assistant,
        ):
            await publisher.wait_connected()
            await seen.until(lambda: seen.on(CONFIG) and seen.on(STATE))
            await home_assistant.publish("homeassistant/status", "offline")
            configs, states = len(seen.on(CONFIG)), len(seen.on(STATE))
            await home_assistant.publish("homeassistant/status", "online")
            await seen.until(lambda: len(seen.on(CONFIG)) > configs, 3)
            await seen.until(lambda: len(seen.on(STATE)) > states, 3)
            assert len(seen.on(CONFIG)) == configs + 1

    async def test_turning_discovery_off_removes_the_devices(self, mosquitto, subscribe, publish):
        async with (
            subscribe(mosquitto.address) as seen,
            publish(mosquitto.address, home_assistant=HomeAssistant()),
        ):
            await seen.until(lambda: seen.on(CONFIG))
        off = HomeAssistant(discovery=False)
        async with (
            subscribe(mosquitto.address) as seen,
            publish(mosquitto.address, home_assistant=off),
        ):
            await seen.until(lambda: "" in seen.texts(CONFIG))
        assert not await retained(subscribe, mosquitto.address, "homeassistant/")

    async def test_devices_of_other_zones_and_nodes_stay(self, mosquitto, subscribe, publish):
        others = {CONFIG.replace("main", "bar"), CONFIG.replace("_test", "_bar")}
        async with aiomqtt.Client(mosquitto.address.host, mosquitto.address.port) as client:
            for topic in others:
                await client.publish(topic, "{}", qos=1, retain=True)
        off = HomeAssistant(discovery=False)
        async with (
            subscribe(mosquitto.address) as seen,
            publish(mosquitto.address, home_assistant=off),
        ):
            await seen.until(lambda: "" in seen.texts(CONFIG))
        assert await retained(subscribe, mosquitto.address, "homeassistant/") == others

    async def test_a_broker_that_denies_discovery_is_logged(self, launch, publish, log, tmp_path):
        rules = tmp_path / "rules.acl"
        rules.write_text("topic readwrite streamer/#\n")
        broker = launch("allow_anonymous true", f"acl_file {rules}")
        async with publish(broker.address, home_assistant=HomeAssistant()) as publisher:
            await publisher.wait_connected()
            async with asyncio.timeout(8):
                while "cannot announce the zones to Home Assistant" not in log.text:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)


async def retained(subscribe, address, below):
    """Return the topics of the retained messages that a new subscriber receives."""
    async with subscribe(address) as late:
        await late.until(lambda: late.on(STATE))
        return {
            str(message.topic)
            for _, message in late.messages
            if message.retain and str(message.topic).startswith(below)
        }
