"""Commands: what is understood, what is answered, with MQTT 5 and 3.1.1."""

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


class TestValue:
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
    def test_is_read(self, name, payload, value):
        assert parse_command(name, payload) == (name, value)

    @pytest.mark.parametrize(
        ("name", "payload", "reason"),
        [
            ("smooth", b"kalman", 'there is no command "smooth"; did you mean "smoothing"?'),
            ("xyz", b"1", "there are smoothing, rate, freeze, calibrate, reload"),
            ("smoothing", b"heavy", "send kalman or one-euro or exponential or none"),
            ("rate", b"0", '"0" is not possible: send a number from 0.1 to 20'),
            ("rate", b"21", "from 0.1 to 20"),
            ("rate", b"1e-310", "from 0.1 to 20"),
            ("rate", b"nan", "from 0.1 to 20"),
            ("rate", b"quick", "from 0.1 to 20"),
            ("freeze", b"", "an empty payload is not possible: send on or off"),
            ("freeze", b"\xff\xfe", "no text in UTF-8"),
            ("freeze", b'{"id": 1}', 'without "value"'),
            ("freeze", b'{"ok": true, "value": true}', 'has "value" and "id", nothing else'),
            ("calibrate", b"5", "how many seconds to listen, 10 to 600"),
            ("calibrate", b"start" * 300, "the payload has 1500 bytes, 1024 are the most"),
            ("reload", b"", "send now"),
        ],
    )
    def test_is_refused_with_a_reason(self, name, payload, reason):
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
    def test_any_bytes_give_a_value_or_one_line(self, name, payload):
        said = ""
        try:
            parse_command(name, payload)
        except CommandError as error:
            said = str(error)
        assert ResponseTarget((), id=None).rejected(said).to_json()
        assert len(said.splitlines()) <= 1
        assert len(said) < 300


class TestReply:
    BASE, TOPIC = "streamer/test", "streamer/test/main/ack/rate"

    def reply(self, asked, correlation=b"7", payload=b"5"):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = asked, correlation
        message = aiomqtt.Message("t", payload, 1, False, 1, properties)
        return parse_response_target(message, self.TOPIC, base=self.BASE)

    def test_goes_where_it_is_wanted_too(self):
        reply = self.reply("desk/answers")
        assert (reply.topics, reply.correlation) == ((self.TOPIC, "desk/answers"), b"7")

    @pytest.mark.parametrize(
        "asked",
        ["streamer/test/main/va", "streamer/test/main/cmd/rate", "streamer/test/status", "$SYS/x",
         "$share/a/b", "a\x01b", "a\ufffeb", "x" * 1025],
    )  # fmt: skip
    def test_goes_nowhere_else_where_it_could_pass_for_another_word_or_end_the_link(self, asked):
        reply = self.reply(asked)
        assert (reply.topics, reply.correlation) == ((self.TOPIC,), None)

    def test_brings_back_no_more_than_a_desk_needs(self):
        assert self.reply("desk/answers", correlation=bytes(60_000)).topics == (self.TOPIC,)


class TestInbox:
    @pytest.mark.parametrize("name", ["y" * 60_000, "a\x1b[2J", "a\u2028b"])
    def test_a_topic_that_cannot_be_answered_is_left_out_and_counted(self, name, caplog):
        posted = []
        inbox = IncomingMessages(
            Topics("streamer/test"), ["main"], discovery=None, handler=print, post=posted.append,
            welcome=print,
        )  # fmt: skip
        topic = f"streamer/test/main/cmd/{name}"
        inbox.take(aiomqtt.Message(topic, b"5", 1, False, 1, None))
        assert (posted, inbox.ignored_commands) == ([], 1)
        assert "is left out" in caplog.text
        assert name not in caplog.text

    def test_a_zone_that_is_none_is_logged_on_one_line(self, caplog):
        inbox = IncomingMessages(
            Topics("streamer/test"), ["main"], discovery=None, handler=print, post=lambda _: None,
            welcome=print,
        )  # fmt: skip
        topic = f"streamer/test/{'z' * 900}/cmd/rate"
        inbox.take(aiomqtt.Message(topic, b"5", 1, False, 1, None))
        [record] = caplog.records
        assert len(record.zone) <= limits.MAX_ERROR_VALUE_CHARS


class Zones:
    """Carries out commands by remembering them."""

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
    """Send a command; give its answer."""
    zones = Zones()
    protocol = "5" if request.param == V5 else "3.1.1"
    async with (
        subscribe(mosquitto.address) as seen,
        publish(mosquitto.address, handler=zones, protocol=protocol) as publisher,
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

        send.zones, send.seen, send.client = zones, seen, client
        yield send


@pytest.mark.peer
class TestAtABroker:
    async def test_is_carried_out_and_acknowledged(self, desk):
        answer = await desk("rate", "5")
        assert (answer["ok"], answer["value"], answer["reason"]) == (True, 5.0, "")
        [command] = desk.zones.commands
        assert (command.zone, command.name, command.value) == ("main", "rate", 5.0)
        assert (await desk("freeze", '{"value": true, "id": "a-1"}'))["id"] == "a-1"

    async def test_what_is_wrong_is_answered_with_the_reason(self, desk):
        assert "send a number" in (await desk("rate", "quick"))["reason"]
        assert "did you mean" in (await desk("rat", "5"))["reason"]
        assert (await desk("rate", "5", zone="attic"))["reason"] == "there is no such zone"
        assert "bytes" in (await desk("rate", "5" * 100_000))["reason"]
        assert (await desk("rate", "13"))["reason"] == "bad luck"
        assert (await desk("rate", "17"))["reason"] == "it failed; the log of streamer says why"
        assert (await desk("rate", "5"))["ok"]

    async def test_text_that_utf_8_cannot_hold_harms_nothing(self, desk):
        answer = await desk("freeze", '{"value": "on", "id": "\\ud800"}')
        assert (answer["ok"], answer["id"]) == (True, "?")
        assert not (await desk("freeze", '{"value": "\\ud800"}'))["ok"]

    async def test_a_flood_is_left_out_and_commands_are_taken_again_after_it(self, desk):
        for _ in range(200):
            await desk.client.publish("streamer/test/main/cmd/freeze", "on")
        await asyncio.sleep(0.5)
        taken = len(desk.zones.commands)
        assert 50 <= taken < 100
        assert (await desk("freeze", "off"))["ok"]

    async def test_a_retained_one_is_not_carried_out(self, desk, mosquitto, publish):
        await desk("rate", "4", retain=True)  # to us, who listened, it comes as a fresh one
        zones = Zones()
        before = len(desk.seen.on(f"{ACK}/rate"))
        async with publish(mosquitto.address, handler=zones):
            await desk.seen.until(lambda: len(desk.seen.on(f"{ACK}/rate")) > before)
        assert "retained" in desk.seen.payloads(f"{ACK}/rate")[before]["reason"]
        assert zones.commands == []

    async def test_a_later_answer_arrives_too(self, mosquitto, subscribe, publish):
        zones = Zones()
        async with (
            subscribe(mosquitto.address) as seen,
            publish(mosquitto.address, handler=zones) as publisher,
            aiomqtt.Client(mosquitto.address.host, mosquitto.address.port) as client,
        ):
            await publisher.wait_connected()
            await client.publish("streamer/test/main/cmd/calibrate", "start")
            await seen.until(lambda: seen.on(f"{ACK}/calibrate"))
            reply = zones.commands[0].respond_to
            publisher.answer(reply, reply.ok(3.5))
            await seen.until(lambda: len(seen.on(f"{ACK}/calibrate")) == 2)
            assert seen.payloads(f"{ACK}/calibrate")[1]["value"] == 3.5


@pytest.mark.peer
async def test_mqtt_5_is_answered_where_it_asks(mosquitto, publish):
    async with (
        publish(mosquitto.address, handler=Zones(), protocol="5") as publisher,
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
