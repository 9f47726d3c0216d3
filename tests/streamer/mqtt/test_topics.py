import re

from hypothesis import given
from hypothesis import strategies as st

from streamer.mqtt.topics import Topics, default_node, slug

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def test_topics_lie_below_the_base():
    topics = Topics("streamer/kitchen")
    assert topics.status == "streamer/kitchen/status"
    assert topics.va("main") == "streamer/kitchen/main/va"
    assert topics.state("main") == "streamer/kitchen/main/state"
    assert topics.health("main") == "streamer/kitchen/main/health"


@given(st.text(max_size=200))
def test_every_name_becomes_a_level_of_a_topic(name):
    assert SLUG.fullmatch(slug(name))
    assert len(slug(name)) <= 64


def test_a_good_name_stays():
    assert slug("living-room-2") == "living-room-2"
    assert slug("Wohnküche_OG.1") == "wohnk-che-og-1"


def test_the_node_is_the_host_name_without_domain(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Pi-4.example.org")
    assert default_node() == "pi-4"
