"""Test the fleet load test against a real mosquitto, and docs/fleet.md's bridge between two."""

import asyncio
import contextlib
import re
import shlex
import ssl
import subprocess
import time
from pathlib import Path

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fleet.frames import Frames, ReceivedMessage
from benchmarks.fleet.measure import limit, measure_fleet, measure_storm
from benchmarks.fleet.report import fit
from streamer.config.models import Mqtt
from streamer.mqtt import Health, Publisher
from streamer.tracking import Affect, Update
from tests.support.mosquitto import Certificates, Mosquitto

pytestmark = pytest.mark.peer

PAGE = Path(__file__).parents[2] / "docs/fleet.md"
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
PASSWORD = "change-me"  # noqa: S105 - the page's example


@pytest.fixture(scope="module")
def small():
    return measure_fleet(5, 2.0, readers=2, settling=0.5)


def test_a_small_fleet_loses_no_message_and_has_low_latency(small):
    found = small
    assert found["sent"] == pytest.approx(5 * 10 * 2, abs=5)
    assert (found["lost"], found["disordered"]) == (0, 0)
    assert 0 < found["latency_ms"]["p50"] < 50
    assert found["delivered_per_s"] == pytest.approx(5 * (2 * 10 + 1.1), rel=0.2)
    assert found["broker_kb"] > 1000
    assert found["generator"]["left_out"] == 0


def test_each_message_is_delivered_to_exactly_one_consumer(small):
    found = small["shared"]
    assert found["sent"] >= 5 * 4  # online, an initial state, two within the measurement
    assert (found["lost"], found["twice"]) == (0, 0)
    assert sum(found["by_consumer"]) == found["sent"]
    assert min(found["by_consumer"]) > 0


def test_all_nodes_reconnect_after_a_storm():
    found = measure_storm(5, outage=0.5, settling=0.5)
    assert 0 < found["online_seconds"]["p50"] <= found["online_seconds"]["max"] < 10
    assert found["tries"] >= 1


STREAM = b"".join(
    [
        b"\x30\x0b\x00\x03a/b\x02\x01\x00one",
        b"\x40\x02\x00\x01",  # PUBACK, not a message
        b"\x32\xd2\x01\x00\x01c\x00\x07\x00" + 204 * b"x",
        b"\x30\x04\x00\x01d\x00",
    ]
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_messages_do_not_depend_on_the_chunks_of_the_stream(cuts):
    frames, at, messages = Frames(), 0, []
    for cut in [*sorted(cuts), len(STREAM)]:
        messages += frames.feed(STREAM[at:cut])
        at = cut
    assert messages == [
        ReceivedMessage(b"a/b", b"one", 0),
        ReceivedMessage(b"c", 204 * b"x", 7),
        ReceivedMessage(b"d", b"", 0),
    ]


def size(nodes, percent, late=1.0, p99=2.0, lost=0, name="", readers=1):
    return {
        "nodes": nodes, "readers": readers, "published_per_s": 11.0 * nodes,
        "delivered_per_s": 11.0 * nodes, "broker_percent": percent,
        "broker_kb": 8000 + 15.0 * nodes, "limit": name,
        "latency_ms": {"p50": 1.0, "p99": p99}, "lost": lost, "shared": {"lost": 0},
        "generator": {"late_ms": {"p50": 0.5, "p99": late}, "left_out": 0},
    }  # fmt: skip


def test_slopes_are_fitted_to_sizes_at_which_the_broker_kept_pace():
    kept_pace = [size(nodes, percent=1 + 22 * nodes * 20e-4) for nodes in (100, 200, 400)]
    others = [size(9000, 100, name="broker"), size(50, 70, readers=4)]
    assert fit([*kept_pace, *others]) == pytest.approx({"broker_us": 20, "node_kb": 15})
    assert fit(kept_pace[:1]) is None


def test_the_limit_names_the_bottleneck():
    assert limit(size(1, 10)) == ""
    assert limit(size(1, 10, late=21)) == "generator"
    assert limit(size(1, 10, late=21, p99=900)) == "generator"
    assert limit(size(1, 10, p99=101)) == "broker"
    assert limit(size(1, 10, lost=1)) == "broker"
    assert limit(size(1, 99)) == "broker"


def block(words):
    """Return the page's code block whose first line contains the words."""
    return next(each for each in BLOCKS if words in each.partition("\n")[0])


class Centre:
    """Central broker configured as on the page, with test certificates and users."""

    def __init__(self, folder, *venues):
        self.certificates = Certificates(folder)
        self.ca = self.certificates.ca
        passwords, acl = folder / "passwords", folder / "acl"
        passwords.touch()
        acl.write_text(block("acl, at the centre"))
        for user in ("monitor", *venues):
            subprocess.run(["mosquitto_passwd", "-b", passwords, user, PASSWORD], check=True)
        for file in (passwords, acl):
            file.chmod(0o600)
        text = substitute(
            block("conf.d/centre.conf, at the centre"),
            {
                "/etc/mosquitto/certs/centre-ca.pem": self.ca,
                "/etc/mosquitto/certs/centre.pem": self.certificates.server,
                "/etc/mosquitto/certs/centre.key": self.certificates.server_key,
                "/etc/mosquitto/passwords": passwords,
                "/etc/mosquitto/acl": acl,
                "listener 8883\n": "",  # the test's listener is on loopback
            },
        )
        self.broker = Mosquitto(folder, *text.splitlines())

    def client(self, user):
        return aiomqtt.Client(
            "localhost",
            self.broker.port,
            username=user,
            password=PASSWORD,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=ssl.create_default_context(cafile=str(self.ca)),
        )


def substitute(text, replacements):
    for placeholder, value in replacements.items():
        assert placeholder in text, placeholder
        text = text.replace(placeholder, str(value))
    return text


@pytest.fixture
def centre(tmp_path):
    folder = tmp_path / "centre"
    folder.mkdir()
    centre = Centre(folder, "venue-1", "venue-17")
    centre.broker.start()
    yield centre
    centre.broker.kill()


@contextlib.asynccontextmanager
async def subscribed(client, *filters):
    """Subscribe; yield a growing list of received topics and payloads."""
    received = []

    async def read():
        async for message in client.messages:
            received.append((str(message.topic), message.payload))  # noqa: PERF401 - endless

    async with client:
        for each in filters:
            await client.subscribe(each, qos=1)
        task = asyncio.create_task(read())
        try:
            yield received
        finally:
            task.cancel()
            await asyncio.wait({task})


async def wait_until(condition, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - arbitrary condition
            await asyncio.sleep(0.02)


async def test_a_venue_can_neither_publish_nor_subscribe_to_topics_of_another(centre):
    mine, other = "streamer/venue-1/stage/main/state", "streamer/venue-17/stage/main/state"
    async with (
        subscribed(centre.client("monitor"), "#") as all_messages,
        subscribed(centre.client("venue-17"), "#") as venue_messages,
        centre.client("venue-1") as venue,
    ):
        for topic in (other, "homeassistant/device/x/main/config", "streamer/status", mine):
            await venue.publish(topic, "mine", qos=1)
        await wait_until(lambda: all_messages)
        async with centre.client("venue-17") as another:
            await another.publish(other, "theirs", qos=1)
        await wait_until(lambda: venue_messages)
        assert all_messages == [(mine, b"mine"), (other, b"theirs")]
        assert venue_messages == [(other, b"theirs")]


@contextlib.asynccontextmanager
async def streaming(address, base):
    """Run a streamer's publisher with one zone and ten estimates per second."""
    publisher = Publisher(Mqtt(node="stage", base_topic=base), address, zones=["main"])
    affect = Affect(0.5, 0.25, 0.1, 0.2)

    async def play():
        tick = 0
        while True:
            update = Update(
                tick=tick, time=tick / 10, captured=time.monotonic() - 0.01, raw=affect,
                smooth=affect, silence=False, warm=1.0, level=-20.0,
            )  # fmt: skip
            publisher.offer_update("main", update)
            if tick % 10 == 0:
                health = Health(ts=1, state="ok", source="mic", uptime_s=0)
                publisher.offer_health("main", health)
            tick += 1
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(publisher.run()), asyncio.create_task(play())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_only_state_health_and_status_cross_the_bridge(centre, tmp_path):
    base = "streamer/venue-17/stage"
    text = substitute(
        block("conf.d/centre.conf, in the venue"),
        {
            "centre.example:8883": f"localhost:{centre.broker.port}",
            "/etc/mosquitto/certs/centre-ca.pem": centre.ca,
        },
    )
    venue = Mosquitto(tmp_path, "allow_anonymous true", *text.splitlines())
    venue.start()
    try:
        async with (
            subscribed(centre.client("monitor"), "#") as received,
            subscribed(aiomqtt.Client("127.0.0.1", venue.port), f"{base}/main/va") as desk,
            streaming(venue.address, base),
        ):
            crossing = {f"{base}/{kind}" for kind in ("main/state", "main/health", "status")}
            await wait_until(
                lambda: crossing <= {topic for topic, _ in received} and len(desk) > 10
            )
            await asyncio.to_thread(check_monitor_command, centre)
            assert {topic for topic, _ in received} == {*crossing, "streamer/venue-17/bridge"}
            assert (f"{base}/status", b"online") in received
            venue.kill()
            await wait_until(lambda: ("streamer/venue-17/bridge", b"0") in received)
        await check_retained_messages(centre, base)
    finally:
        venue.kill()


def check_monitor_command(centre):
    """Run the page's `mosquitto_sub` until it has received three states."""
    command = substitute(
        block("mosquitto_sub"),
        {
            "centre.example": "localhost",
            "8883": str(centre.broker.port),
            "centre-ca.pem": str(centre.ca),
        },
    )
    options = [*shlex.split(command), "-v", "-C", "3", "-W", "10"]
    output = subprocess.run(options, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in output.splitlines()} == {
        "streamer/venue-17/stage/main/state"
    }


async def check_retained_messages(centre, base):
    """Check that a late subscriber receives the retained state and status of an offline venue."""
    async with subscribed(centre.client("monitor"), "streamer/#") as received:
        await wait_until(lambda: len(received) == 3)
        assert {f"{base}/main/state", f"{base}/status", "streamer/venue-17/bridge"} == {
            topic for topic, _ in received
        }
