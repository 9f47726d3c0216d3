"""Check that dashboard and automations use exactly the entities that discovery announces."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from streamer.config.models import HomeAssistant, Mqtt
from streamer.mqtt import Health
from streamer.mqtt.discovery import Discovery

FOLDER = Path(__file__).parents[3] / "deploy" / "examples" / "home-assistant"
DASHBOARD = yaml.safe_load((FOLDER / "dashboard.yaml").read_text())
AUTOMATIONS = yaml.safe_load((FOLDER / "automation.yaml").read_text())
CARDS = {"heading", "gauge", "tile", "history-graph", "entities"}
STATES = get_args(Health.model_fields["state"].annotation)


def announced_components(node, zone):
    """Return the components that discovery announces, by entity id."""
    discovery = Discovery(HomeAssistant(), Mqtt(node=node), [zone], controlled=True)
    config = discovery.device_config(zone)
    return {
        f"{each['platform']}.{slugify(config['device']['name'], each['name'])}": each
        for each in config["components"].values()
    }


def slugify(*names):
    return re.sub(r"[^a-z0-9]+", "_", " ".join(names).lower())


def entity_ids(content, key=""):
    """Yield every entity id in a parsed YAML node."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from entity_ids(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from entity_ids(value, key)
    elif key in ("entity", "entity_id", "entities"):
        yield content


def mappings(content):
    """Yield every mapping in a parsed YAML node."""
    if isinstance(content, dict):
        yield content
    for value in content.values() if isinstance(content, dict) else content:
        if isinstance(value, dict | list):
            yield from mappings(value)


def test_the_dashboard_shows_exactly_the_announced_entities():
    assert set(entity_ids(DASHBOARD)) == set(announced_components("hall", "main"))


def test_the_automations_use_only_announced_entities_and_the_light():
    used = set(entity_ids(AUTOMATIONS))
    assert used - set(announced_components("hall", "main")) == {"light.lounge"}
    assert len(used) == 4


def test_replacing_the_name_prefix_adapts_the_dashboard_to_another_zone():
    other = (FOLDER / "dashboard.yaml").read_text().replace("hall_main", "club_2_bar")
    assert set(entity_ids(yaml.safe_load(other))) == set(announced_components("club-2", "bar"))


def test_every_card_is_built_in():
    cards = [card for section in DASHBOARD["views"][0]["sections"] for card in section["cards"]]
    assert {card["type"] for card in cards} == CARDS


def test_every_attribute_row_is_an_attribute_of_its_entity():
    components = announced_components("hall", "main")
    rows = [part for part in mappings(DASHBOARD) if part.get("type") == "attribute"]
    assert len(rows) == 3
    for row in rows:
        assert f"'{row['attribute']}'" in components[row["entity"]]["json_attributes_template"]


def test_the_automations_are_template_free_and_trigger_on_existing_states():
    assert "{{" not in (FOLDER / "automation.yaml").read_text()
    triggers = [trigger for each in AUTOMATIONS for trigger in each["triggers"]]
    triggering = [state for trigger in triggers for state in trigger.get("to", [])]
    assert set(triggering) - {"unavailable"} == set(STATES) - {"ok", "warming", "silent"}


@pytest.mark.parametrize("automation", AUTOMATIONS, ids=lambda automation: automation["id"])
def test_an_automation_has_the_keys_required_by_home_assistant(automation):
    assert {"id", "alias", "triggers", "actions"} <= set(automation)
    assert set(automation) <= {
        "id", "alias", "description", "triggers", "conditions", "actions", "mode",
    }  # fmt: skip
