"""Topic names, slugs and the default node."""

import re

from hypothesis import given
from hypothesis import strategies as st

from streamer.mqtt.topics import Topics, default_node, slug

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def test_topics_start_with_the_base_topic():
    topics = Topics("streamer/kitchen")
    assert topics.status == "streamer/kitchen/status"
    assert topics.va("main") == "streamer/kitchen/main/va"
    assert topics.state("main") == "streamer/kitchen/main/state"
    assert topics.health("main") == "streamer/kitchen/main/health"


@given(st.text(max_size=200))
def test_a_slug_of_any_text_is_a_valid_topic_level(name):
    assert SLUG.fullmatch(slug(name))
    assert len(slug(name)) <= 64


def test_a_slug_keeps_valid_names_and_replaces_other_characters():
    assert slug("living-room-2") == "living-room-2"
    assert slug("Wohnküche_OG.1") == "wohnk-che-og-1"


def test_the_default_node_is_the_host_name_without_domain(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Pi-4.example.org")
    assert default_node() == "pi-4"
