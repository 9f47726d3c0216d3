"""The dashboard and the automations name what discovery announces, and nothing else."""

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


def announced(node, zone):
    """The components by their entity ids: of the device's name and their own, as all of MQTT's."""
    discovery = Discovery(HomeAssistant(), Mqtt(node=node), [zone], controlled=True)
    told = discovery.device_config(zone)
    return {
        f"{each['platform']}.{slugified(told['device']['name'], each['name'])}": each
        for each in told["components"].values()
    }


def slugified(*names):
    return re.sub(r"[^a-z0-9]+", "_", " ".join(names).lower())


def named(content, key=""):
    """Yield every entity id in a part of a file."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from named(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from named(value, key)
    elif key in ("entity", "entity_id", "entities"):
        yield content


def parts(content):
    """Yield every mapping in a part of a file."""
    if isinstance(content, dict):
        yield content
    for value in content.values() if isinstance(content, dict) else content:
        if isinstance(value, dict | list):
            yield from parts(value)


def test_the_dashboard_shows_all_that_is_announced_and_nothing_else():
    assert set(named(DASHBOARD)) == set(announced("hall", "main"))


def test_the_automations_know_no_other_entities_but_the_light():
    used = set(named(AUTOMATIONS))
    assert used - set(announced("hall", "main")) == {"light.lounge"}
    assert len(used) == 4


def test_other_names_are_put_in_as_the_dashboard_says():
    other = (FOLDER / "dashboard.yaml").read_text().replace("hall_main", "club_2_bar")
    assert set(named(yaml.safe_load(other))) == set(announced("club-2", "bar"))


def test_every_card_is_built_in():
    cards = [card for section in DASHBOARD["views"][0]["sections"] for card in section["cards"]]
    assert {card["type"] for card in cards} == CARDS


def test_every_attribute_is_one_that_health_has():
    components = announced("hall", "main")
    rows = [part for part in parts(DASHBOARD) if part.get("type") == "attribute"]
    assert len(rows) == 3
    for row in rows:
        assert f"'{row['attribute']}'" in components[row["entity"]]["json_attributes_template"]


def test_the_automations_need_no_template_and_wait_for_states_that_there_are():
    assert "{{" not in (FOLDER / "automation.yaml").read_text()
    triggers = [trigger for each in AUTOMATIONS for trigger in each["triggers"]]
    waited = [state for trigger in triggers for state in trigger.get("to", [])]
    assert set(waited) - {"unavailable"} == set(STATES) - {"ok", "warming", "silent"}


@pytest.mark.parametrize("automation", AUTOMATIONS, ids=lambda automation: automation["id"])
def test_an_automation_has_what_home_assistant_asks_for(automation):
    assert {"id", "alias", "triggers", "actions"} <= set(automation)
    assert set(automation) <= {
        "id", "alias", "description", "triggers", "conditions", "actions", "mode",
    }  # fmt: skip
