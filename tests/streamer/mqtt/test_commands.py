"""Commands over MQTT 5 and 3.1.1: parsing, execution, acknowledgements."""

import asyncio
import json

import aiomqtt
import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streamer import limits
from streamer.helpers import TokenBucket
from streamer.mqtt import CommandError, json_schemas
from streamer.mqtt.commands import (
    COMMAND_NAMES,
    ResponseTarget,
    parse_command,
    parse_response_target,
)
from streamer.mqtt.incoming import IncomingMessages
from streamer.mqtt.topics import Topics

ACK = "streamer/test/main/ack"
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311


class TestParseCommand:
    @pytest.mark.parametrize(
        ("name", "payload", "value"),
        [
            ("smoothing", b"one-euro", "one-euro"),
            ("smoothing", b'"kalman"', "kalman"),
            ("smoothing", b'{"value": "none", "id": 7}', "none"),
            ("rate", b"5", 5.0),
            ("rate", b" 0.5\n", 0.5),
            ("rate", b'{"value": 20}', 20.0),
            ("freeze", b"on", True),
            ("freeze", b"OFF", False),
            ("freeze", b"true", True),
            ("freeze", b'{"value": false}', False),
            ("calibrate", b"start", 60.0),
            ("calibrate", b"30", 30.0),
            ("calibrate", b"reset", "reset"),
            ("reload", b"now", "now"),
        ],
    )
    def test_valid_payloads_become_values(self, name, payload, value):
        assert parse_command(name, payload) == (name, value)

    @pytest.mark.parametrize(
        ("name", "payload", "reason"),
        [
            ("smooth", b"kalman", 'there is no command "smooth"; did you mean "smoothing"?'),
            ("xyz", b"1", "there are smoothing, rate, freeze, calibrate, reload"),
            ("smoothing", b"heavy", "send kalman or one-euro or exponential or none"),
            ("rate", b"0", '"0" is invalid: send a number from 0.1 to 20'),
            ("rate", b"21", "from 0.1 to 20"),
            ("rate", b"1e-310", "from 0.1 to 20"),
            ("rate", b"nan", "from 0.1 to 20"),
            ("rate", b"quick", "from 0.1 to 20"),
            ("freeze", b"", "an empty payload is invalid: send on or off"),
            ("freeze", b"\xff\xfe", "not UTF-8 text"),
            ("freeze", b'{"id": 1}', 'without "value"'),
            ("freeze", b'{"ok": true, "value": true}', 'has only "value" and "id"'),
            ("calibrate", b"5", "the seconds to measure, 10 to 600"),
            ("calibrate", b"start" * 300, "the payload has 1500 bytes; send at most 1024"),
            ("reload", b"", "send now"),
        ],
    )
    def test_invalid_commands_are_rejected_with_a_reason(self, name, payload, reason):
        with pytest.raises(CommandError, match=r"\A.+\Z") as caught:
            parse_command(name, payload)
        assert reason in str(caught.value)

    @given(
        name=st.sampled_from([*COMMAND_NAMES, "other", "\x00"]), payload=st.binary(max_size=2000)
    )
    @example(name="rate", payload=b"{" * 1000)
    @example(name="rate", payload=b'{"value": ' + b"9" * 900 + b"}")
    @example(name="freeze", payload=b'{"value": {"a": [1]}}')
    @example(name="freeze", payload=b'{"value": "\\ud800"}')
    def test_any_bytes_give_a_value_or_a_one_line_error(self, name, payload):
        reason = ""
        try:
            parse_command(name, payload)
        except CommandError as error:
            reason = str(error)
        assert ResponseTarget((), id=None).rejected(reason).to_json()
        assert len(reason.splitlines()) <= 1
        assert len(reason) < 300


class TestResponseTarget:
    BASE, TOPIC = "streamer/test", "streamer/test/main/ack/rate"

    def parse(self, response_topic, correlation=b"7", payload=b"5"):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = response_topic, correlation
        message = aiomqtt.Message("t", payload, 1, False, 1, properties)
        return parse_response_target(message, self.TOPIC, base=self.BASE)

    def test_the_response_topic_is_added_to_the_ack_topic(self):
        target = self.parse("desk/answers")
        assert (target.topics, target.correlation) == ((self.TOPIC, "desk/answers"), b"7")

    @pytest.mark.parametrize(
        "response_topic",
        ["streamer/test/main/va", "streamer/test/main/cmd/rate", "streamer/test/status", "$SYS/x",
         "$share/a/b", "a\x01b", "a\ufffeb", "x" * 1025],
    )  # fmt: skip
    def test_a_response_topic_of_ours_or_that_brokers_refuse_is_ignored(self, response_topic):
        target = self.parse(response_topic)
        assert (target.topics, target.correlation) == ((self.TOPIC,), None)

    def test_too_long_correlation_data_is_ignored(self):
        assert self.parse("desk/answers", correlation=bytes(60_000)).topics == (self.TOPIC,)


class TestIncomingCommands:
    @pytest.fixture
    def enqueued(self):
        return []

    @pytest.fixture
    def incoming(self, enqueued):
        return IncomingMessages(
            Topics("streamer/test"),
            ["main"],
            discovery=None,
            handler=print,
            enqueue=enqueued.append,
            on_home_assistant_start=print,
        )

    @pytest.mark.parametrize("name", ["y" * 60_000, "a\x1b[2J", "a\u2028b"])
    def test_a_topic_that_cannot_be_acknowledged_is_ignored_and_counted(
        self, incoming, enqueued, name, caplog
    ):
        topic = f"streamer/test/main/cmd/{name}"
        incoming.handle(aiomqtt.Message(topic, b"5", 1, False, 1, None))
        assert (enqueued, incoming.ignored_commands) == ([], 1)
        assert "ignored a command: its topic is too long" in caplog.text
        assert name not in caplog.text

    def test_an_unknown_zone_is_shortened_in_the_log(self, incoming, caplog):
        topic = f"streamer/test/{'z' * 900}/cmd/rate"
        incoming.handle(aiomqtt.Message(topic, b"5", 1, False, 1, None))
        [record] = caplog.records
        assert len(record.zone) <= limits.MAX_ERROR_VALUE_CHARS

    def test_a_burst_and_a_sustained_rate_are_executed_and_the_rest_is_ignored(
        self, incoming, monkeypatch
    ):
        now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: now)
        incoming._command_limit = TokenBucket(limits.COMMANDS_PER_SECOND, limits.COMMAND_BURST)
        message = aiomqtt.Message("streamer/test/main/cmd/freeze", b"on", 1, False, 1, None)
        for expected in (200 - 50, 400 - 50 - 20):
            for _ in range(200):
                incoming.handle(message)
            assert incoming.ignored_commands == expected
            now += 1.0


class RecordingHandler:
    """Command handler that records commands; rate 13 is rejected, 17 is a bug."""

    def __init__(self):
        self.commands = []

    def __call__(self, command):
        self.commands.append(command)
        if command.value == 13.0:
            raise CommandError("bad luck")
        if command.value == 17.0:
            raise ZeroDivisionError
        return command.value


@pytest.fixture(params=[V5, V311], ids=["5", "3.1.1"])
async def desk(request, mosquitto, subscribe, publish):
    """Send a command; return its acknowledgement."""
    handler = RecordingHandler()
    protocol = "5" if request.param == V5 else "3.1.1"
    async with (
        subscribe(mosquitto.address) as seen,
        publish(mosquitto.address, handler=handler, protocol=protocol) as publisher,
        aiomqtt.Client(
            mosquitto.address.host, mosquitto.address.port, protocol=request.param
        ) as client,
    ):
        await publisher.wait_connected()

        async def send(name, payload, zone="main", **options):
            topic = f"streamer/test/{zone}/ack/{name}"
            before = len(seen.on(topic))
            await client.publish(f"streamer/test/{zone}/cmd/{name}", payload, qos=1, **options)
            await seen.until(lambda: len(seen.on(topic)) > before, 5)
            answer = seen.payloads(topic)[-1]
            jsonschema.validate(answer, json_schemas()["ack"])
            return answer

        send.handler, send.seen, send.client = handler, seen, client
        yield send


@pytest.mark.peer
class TestAtABroker:
    async def test_a_command_is_executed_and_acknowledged(self, desk):
        answer = await desk("rate", "5")
        assert (answer["ok"], answer["value"], answer["reason"]) == (True, 5.0, "")
        [command] = desk.handler.commands
        assert (command.zone, command.name, command.value) == ("main", "rate", 5.0)
        assert (await desk("freeze", '{"value": true, "id": "a-1"}'))["id"] == "a-1"

    async def test_a_rejected_command_is_acknowledged_with_the_reason(self, desk):
        assert "send a number" in (await desk("rate", "quick"))["reason"]
        assert "did you mean" in (await desk("rat", "5"))["reason"]
        assert (await desk("rate", "5", zone="attic"))["reason"] == "there is no such zone"
        assert "bytes" in (await desk("rate", "5" * 100_000))["reason"]
        assert (await desk("rate", "13"))["reason"] == "bad luck"
        assert (await desk("rate", "17"))["reason"] == "the command failed; see the log of streamer"
        assert (await desk("rate", "5"))["ok"]

    async def test_text_that_utf_8_cannot_encode_is_replaced(self, desk):
        answer = await desk("freeze", '{"value": "on", "id": "\\ud800"}')
        assert (answer["ok"], answer["id"]) == (True, "?")
        assert not (await desk("freeze", '{"value": "\\ud800"}'))["ok"]

    async def test_a_flood_is_limited_and_later_commands_are_executed(self, desk):
        for _ in range(200):
            await desk.client.publish("streamer/test/main/cmd/freeze", "on")
        await asyncio.sleep(0.5)
        executed = len(desk.handler.commands)
        assert 50 <= executed < 200
        assert (await desk("freeze", "off"))["ok"]

    async def test_a_retained_command_is_rejected(self, desk, mosquitto, publish):
        await desk("rate", "4", retain=True)  # to a present subscriber it is not marked as retained
        handler = RecordingHandler()
        before = len(desk.seen.on(f"{ACK}/rate"))
        async with publish(mosquitto.address, handler=handler):
            await desk.seen.until(lambda: len(desk.seen.on(f"{ACK}/rate")) > before)
        assert "retained" in desk.seen.payloads(f"{ACK}/rate")[before]["reason"]
        assert handler.commands == []

    async def test_a_later_acknowledgement_is_published(self, mosquitto, subscribe, publish):
        handler = RecordingHandler()
        async with (
            subscribe(mosquitto.address) as seen,
            publish(mosquitto.address, handler=handler) as publisher,
            aiomqtt.Client(mosquitto.address.host, mosquitto.address.port) as client,
        ):
            await publisher.wait_connected()
            await client.publish("streamer/test/main/cmd/calibrate", "start")
            await seen.until(lambda: seen.on(f"{ACK}/calibrate"))
            target = handler.commands[0].respond_to
            publisher.publish_ack(target, target.ok(3.5))
            await seen.until(lambda: len(seen.on(f"{ACK}/calibrate")) == 2)
            assert seen.payloads(f"{ACK}/calibrate")[1]["value"] == 3.5


@pytest.mark.peer
async def test_mqtt_5_response_topics_are_answered(mosquitto, publish):
    async with (
        publish(mosquitto.address, handler=RecordingHandler(), protocol="5") as publisher,
        aiomqtt.Client(mosquitto.address.host, mosquitto.address.port, protocol=V5) as client,
    ):
        await publisher.wait_connected()
        await client.subscribe("desk/answers")
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = "desk/answers", b"7"
        await client.publish("streamer/test/main/cmd/freeze", "on", properties=properties)
        async with asyncio.timeout(5):
            answer = await anext(aiter(client.messages))
        assert json.loads(answer.payload)["ok"]
        assert answer.properties.CorrelationData == b"7"
