"""TLS, passwords and access control, against a real mosquitto."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import pytest

from streamer.config import load
from streamer.config.credentials import read_credentials
from streamer.config.models import Mqtt
from streamer.doctor.broker_check import check_broker
from streamer.errors import BrokerError, ConfigError
from streamer.mqtt import BrokerAddress, open_broker
from tests.support.mosquitto import guarded

SECRET = "XYZZY-canary"  # noqa: S105
PLAIN = BrokerAddress("broker.lan")
SECURE = BrokerAddress("broker.lan", 8883, tls=True)


@pytest.fixture
def guard(launch, tmp_path):
    """Launch a broker with the user `stage`, and an access control list if one is given."""
    return lambda *rules: launch(*guarded(tmp_path, "stage", SECRET, *rules))


def at(broker, **settings):
    scheme = "mqtts" if "ca_file" in settings else "mqtt"
    return Mqtt(broker=f"{scheme}://localhost:{broker.port}", node="test", **settings)


@pytest.mark.peer
async def test_an_embedded_broker_gives_way_to_one_that_wants_the_password_we_have(guard):
    port = guard().port
    config = Mqtt(broker="embedded", port=port, user="stage", password=SECRET)
    async with open_broker(config, port=port) as address:
        assert (address.port, address.embedded) == (port, None)


@asynccontextmanager
async def refused(config):
    with pytest.raises(BrokerError) as caught:
        async with open_broker(config):
            pass
    yield (message := str(caught.value))
    assert "\n" not in message
    assert SECRET not in message


@pytest.mark.peer
class TestTls:
    async def test_a_broker_of_a_known_authority_is_used(self, launch, certificates):
        config = at(launch(*certificates.tls), ca_file=certificates.ca)
        async with open_broker(config) as address:
            assert address.tls
        assert [finding.subject async for finding in check_broker(config)] == [
            f"broker: {step}" for step in ("name", "TCP", "TLS", "login", "publish")
        ]

    async def test_estimates_come_through(self, launch, certificates, publish):
        broker = launch(*certificates.tls)
        config = at(broker, ca_file=certificates.ca)
        async with (
            open_broker(config) as address,
            publish(address, ca_file=certificates.ca) as publisher,
        ):
            await publisher.wait_connected()

    async def test_an_unknown_authority_is_not_trusted(self, launch, certificates):
        async with refused(
            at(launch(*certificates.tls), ca_file=certificates.strange_ca)
        ) as message:
            assert "its certificate is not trusted (" in message
            assert "set ca_file in [mqtt] to the certificate of the authority" in message

    async def test_a_certificate_for_another_name_is_not_trusted(self, launch, certificates):
        config = Mqtt(
            broker=f"mqtts://127.0.0.1:{launch(*certificates.tls).port}", ca_file=certificates.ca
        )
        async with refused(config) as message:
            assert "write the address with the host name in its certificate" in message

    async def test_a_broker_without_tls_is_told(self, launch, certificates):
        async with refused(at(launch(), ca_file=certificates.ca)) as message:
            assert "write mqtt:// if it has none" in message or "listens on that port" in message

    async def test_a_broker_with_tls_reached_without_is_told(self, launch, certificates):
        async with refused(at(launch(*certificates.tls))) as message:
            assert "if it uses TLS, write mqtts://" in message

    async def test_a_client_certificate_is_shown_where_it_is_wanted(self, launch, certificates):
        broker = launch(*certificates.tls, "require_certificate true")
        async with refused(at(broker, ca_file=certificates.ca)) as message:
            assert "cert_file and key_file in [mqtt]" in message
        strange = {"cert_file": certificates.strange, "key_file": certificates.strange_key}
        async with refused(at(broker, ca_file=certificates.ca, **strange)) as message:
            assert "cert_file and key_file in [mqtt]" in message
        known = {"cert_file": certificates.client, "key_file": certificates.client_key}
        async with open_broker(at(broker, ca_file=certificates.ca, **known)):
            pass


@pytest.mark.peer
class TestPassword:
    async def test_the_right_one_opens(self, guard, tmp_path):
        broker = guard()
        file = tmp_path / "secret"
        file.write_text(SECRET + "\n")
        for secret in ({"password": SECRET}, {"password_file": file}):
            async with open_broker(at(broker, user="stage", **secret)):
                pass

    async def test_a_wrong_one_and_none_are_told(self, guard):
        broker = guard()
        async with refused(at(broker, user="stage", password=SECRET[:-1])) as message:
            assert 'correct user ("stage") and password' in message
            assert SECRET[:-1] not in message
        async with refused(at(broker)) as message:
            assert "set user in [mqtt]" in message

    async def test_over_an_open_network_without_tls_is_a_warning(self, caplog):
        config = Mqtt(broker="mqtt://no-such-host.invalid", user="stage", password=SECRET)
        with caplog.at_level(logging.WARNING):
            async with refused(config):
                pass
        assert "the password goes to mqtt://no-such-host.invalid:1883 unencrypted" in caplog.text
        assert SECRET not in caplog.text


@pytest.mark.peer
class TestAccessControl:
    """A broker forbids in silence."""

    RULES = ("user stage", "topic readwrite streamer/test/#")

    async def test_where_it_allows_nothing_is_said(self, guard, publish, caplog):
        broker = guard(*self.RULES)
        async with publish(broker.address, user="stage", password=SECRET) as publisher:
            await publisher.wait_connected()
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]

    @pytest.mark.parametrize("protocol", ["5", "3.1.1"])
    @pytest.mark.parametrize("rule", ["topic read streamer/#", "topic write streamer/test/#"])
    async def test_a_denial_is_seen_by_the_doctor(self, guard, protocol, rule):
        broker = guard("user stage", rule)
        config = at(broker, user="stage", password=SECRET, protocol=protocol)
        findings = [finding async for finding in check_broker(config)]
        assert [finding.level for finding in findings] == ["ok", "ok", "ok", "fail"]
        assert findings[-1].seen == "what is published on streamer/test/status does not come back"
        assert "write and read streamer/test/#" in findings[-1].advice

    async def test_a_denial_is_told_while_it_runs_and_so_is_its_end(
        self, guard, publish, caplog, monkeypatch, tmp_path
    ):
        monkeypatch.setattr("streamer.mqtt.session.ECHO_TIMEOUT", 0.3)
        broker = guard("user stage", "topic read #")
        caplog.set_level(logging.INFO, "streamer")
        async with publish(broker.address, user="stage", password=SECRET) as publisher:
            await publisher.wait_connected()
            await _until(lambda: "access control list (ACL) seems to deny them" in caplog.text)
            (tmp_path / "acl").write_text("user stage\ntopic readwrite streamer/#\n")
            broker.reload()
            await _until(lambda: "the broker accepts our messages now" in caplog.text)


async def _until(done, seconds=8.0):
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "address", "message"),
        [
            ({"user": "a", "password": SECRET, "password_file": "f"}, PLAIN, "give one of them"),
            ({"password": SECRET}, PLAIN, "has a password but no user; give user too"),
            ({"user": "a", "password_file": "gone"}, PLAIN, "password_file gone cannot be read"),
            ({"user": "a", "password_file": "."}, PLAIN, "password_file . cannot be read"),
            ({"user": "a", "password_file": "empty"}, PLAIN, "empty holds no password"),
            ({"user": "a", "password_file": "binary"}, PLAIN, "binary is no text in UTF-8"),
            ({"ca_file": "ca"}, PLAIN, "ca_file is for TLS, but the broker is mqtt://broker.lan:"),
            ({"ca_file": "gone"}, SECURE, "ca_file gone cannot be read (no such file"),
            ({"ca_file": "empty"}, SECURE, "ca_file empty holds no certificate"),
            ({"ca_file": "words"}, SECURE, "ca_file words holds no certificate"),
            ({"key_file": "words"}, SECURE, "a key_file but no cert_file; give cert_file too"),
            ({"cert_file": "gone"}, SECURE, "cert_file gone cannot be read"),
            ({"cert_file": "words"}, SECURE, "cert_file words and its key cannot be used"),
        ],
    )
    def test_what_does_not_go_together_is_one_line(self, away, settings, address, message):
        (away / "empty").touch()
        (away / "words").write_text("no certificate")
        (away / "binary").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError) as caught:
            read_credentials(Mqtt(**settings), address.identity)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert SECRET not in str(caught.value)

    def test_a_key_of_another_certificate_is_told(self, certificates):
        mixed = Mqtt(cert_file=certificates.client, key_file=certificates.strange_key)
        with pytest.raises(ConfigError, match="does not belong to cert_file"):
            read_credentials(mixed, SECURE.identity)

    def test_paths_start_at_the_folder_of_their_file(self, tmp_path):
        file = tmp_path / "config.toml"
        file.write_text('[mqtt]\nca_file = "ca.pem"\npassword_file = "secret"\n')
        config = load({}, config_path=file, environ={}).mqtt
        assert (config.ca_file, config.password_file) == (tmp_path / "ca.pem", tmp_path / "secret")

    def test_a_password_comes_from_the_environment_and_is_never_shown(self):
        config = load({}, config_path=None, environ={"STREAMER_MQTT__PASSWORD": SECRET})
        assert config.mqtt.password.get_secret_value() == SECRET
        shown = f"{config} {config!r} {config.model_dump(mode='json')} {config.model_dump_json()}"
        assert SECRET not in shown
        credentials = read_credentials(config.mqtt.model_copy(update={"user": "a"}), PLAIN.identity)
        assert SECRET not in f"{credentials!r}"


@pytest.mark.peer
@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.long
def test_a_whole_run_never_shows_the_password(program, guard, tmp_path, form, monkeypatch):
    broker = guard("user stage", "topic readwrite streamer/test/#")
    monkeypatch.setenv("STREAMER_MQTT__USER", "stage")
    monkeypatch.setenv("STREAMER_MQTT__PASSWORD", SECRET)
    monkeypatch.setenv("STREAMER_LOG__LEVEL", "debug")
    options = ("--broker", str(broker.address), "--node", "test", "--log", form)
    answer = program("run", "--input", "-", *options, stdin=_raw(tmp_path, 2))
    assert answer.code == 0, answer.err
    doctor = program("doctor", "--broker", str(broker.address), "--json")
    assert (
        next(s for s in json.loads(doctor.out) if s["subject"] == "broker: login")["level"] == "ok"
    )
    shown = program("config", "--json")
    assert json.loads(shown.out)["settings"]["mqtt.password"]["value"] == "**********"
    for said in (answer, doctor, shown):
        assert SECRET not in said.out + said.err


def _raw(folder, seconds):
    file = folder / "sound.raw"
    file.write_bytes(bytes(44100 * 4 * seconds))
    return file
