"""MQTT messages and their JSON Schemas."""

import json
import math

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamer.mqtt import VA, Drops, Health, Latency, State, json_schemas
from streamer.tracking import Affect

SCHEMAS = json_schemas()

coordinate = st.floats(-1.5, 1.5)
deviation = st.floats(0, 2)
affects = st.builds(Affect, coordinate, coordinate, deviation, deviation)


def test_an_estimate_has_the_documented_fields_rounded(update):
    smooth = Affect(0.123456, -0.00001, 0.2, 0.3)
    tick = update(smooth=smooth, raw=Affect(1.2, -1.0, 0.2, 0.3), captured=100.0, warm=0.5)
    message = VA.from_update(tick, seq=7, epoch=1_700_000_000.0, latency=0.08768)
    assert json.loads(message.to_json()) == {
        "v": 1,
        "ts": 1_700_000_100_000,
        "seq": 7,
        "valence": 0.1235,
        "arousal": 0.0,
        "valence_std": 0.2,
        "arousal_std": 0.3,
        "raw": {"valence": 1.0, "arousal": -1.0},
        "silence": False,
        "warm": 0.5,
        "latency_ms": 87.7,
    }
    assert b"-0.0," not in message.to_json()


def test_a_state_has_the_documented_fields_and_the_mood(update):
    tick = update(smooth=Affect(0.6, 0.6, 0.2, 0.3), captured=1.0, level=-23.456, silence=True)
    assert json.loads(State.from_update(tick, epoch=1.0).to_json()) == {
        "v": 1,
        "ts": 2000,
        "valence": 0.6,
        "arousal": 0.6,
        "valence_std": 0.2,
        "arousal_std": 0.3,
        "quadrant": "Q1",
        "mood": "excited",
        "silence": True,
        "level": -23.5,
        "title": None,
        "controls": None,
    }
    assert (
        json.loads(State.from_update(tick, epoch=1.0, title="So What").to_json())["title"]
        == "So What"
    )


@given(smooth=affects, raw=affects, warm=st.floats(0, 1), latency=st.floats(0, 1e3))
def test_every_message_is_valid_against_its_schema(update, smooth, raw, warm, latency):
    tick = update(smooth=smooth, raw=raw, warm=warm, captured=5.0)
    messages = {
        "va": VA.from_update(tick, seq=0, epoch=0.0, latency=latency),
        "state": State.from_update(tick, epoch=0.0),
    }
    for kind, message in messages.items():
        jsonschema.validate(json.loads(message.to_json()), SCHEMAS[kind])


def test_health_is_valid_against_its_schema_minimal_and_full():
    minimal = Health(ts=1, state="ok", source="demo", uptime_s=1.234)
    full = minimal.model_copy(
        update={
            "drops": Drops(capture=1, inference=2, publish=3),
            "latency_ms": Latency(p50=1.26, p99=2.0, max=3.0),
            "drift_ppm": -12.3,
            "versions": {"streamer": "0.1.0"},
        }
    )
    for health in (minimal, full):
        jsonschema.validate(json.loads(health.to_json()), SCHEMAS["health"])
    assert json.loads(full.to_json())["latency_ms"]["p50"] == 1.3
    assert json.loads(minimal.to_json())["uptime_s"] == 1.2


@pytest.mark.parametrize("kind", ["va", "state", "health"])
def test_schemas_are_valid_json_schemas(kind):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


def test_nan_is_rejected(update):
    tick = update(smooth=Affect(math.nan, 0.0, 0.1, 0.1))
    with pytest.raises(ValidationError):
        VA.from_update(tick, seq=0, epoch=0.0, latency=0.0)
    with pytest.raises(ValidationError):
        State.from_update(tick, epoch=0.0)
