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
def launch_with_password(launch, tmp_path):
    """Return a function that launches a broker with the user `stage` and optional ACL rules."""
    return lambda *rules: launch(*guarded(tmp_path, "stage", SECRET, *rules))


def mqtt_config(broker, **settings):
    scheme = "mqtts" if "ca_file" in settings else "mqtt"
    return Mqtt(broker=f"{scheme}://localhost:{broker.port}", node="test", **settings)


@pytest.mark.peer
async def test_embedded_uses_a_running_broker_that_accepts_the_configured_password(
    launch_with_password,
):
    port = launch_with_password().port
    config = Mqtt(broker="embedded", port=port, user="stage", password=SECRET)
    async with open_broker(config, port=port) as address:
        assert (address.port, address.embedded) == (port, None)


@asynccontextmanager
async def refused_connection(config):
    with pytest.raises(BrokerError) as caught:
        async with open_broker(config):
            pass
    yield (message := str(caught.value))
    assert "\n" not in message
    assert SECRET not in message


@pytest.mark.peer
class TestTls:
    async def test_a_broker_with_a_trusted_certificate_is_used(self, launch, certificates):
        config = mqtt_config(launch(*certificates.tls), ca_file=certificates.ca)
        async with open_broker(config) as address:
            assert address.tls
        assert [finding.subject async for finding in check_broker(config)] == [
            f"broker: {step}" for step in ("name", "TCP", "TLS", "login", "publish")
        ]

    async def test_a_publisher_connects_over_tls(self, launch, certificates, publish):
        broker = launch(*certificates.tls)
        config = mqtt_config(broker, ca_file=certificates.ca)
        async with (
            open_broker(config) as address,
            publish(address, ca_file=certificates.ca) as publisher,
        ):
            await publisher.wait_connected()

    async def test_a_certificate_of_an_unknown_authority_is_rejected(self, launch, certificates):
        async with refused_connection(
            mqtt_config(launch(*certificates.tls), ca_file=certificates.strange_ca)
        ) as message:
            assert "its certificate is not trusted (" in message
            assert "set ca_file in [mqtt] to the certificate of the authority" in message

    async def test_a_certificate_for_another_host_name_is_rejected(self, launch, certificates):
        config = Mqtt(
            broker=f"mqtts://127.0.0.1:{launch(*certificates.tls).port}", ca_file=certificates.ca
        )
        async with refused_connection(config) as message:
            assert "write the address with the host name in its certificate" in message

    async def test_a_broker_without_tls_is_an_error_for_mqtts(self, launch, certificates):
        async with refused_connection(mqtt_config(launch(), ca_file=certificates.ca)) as message:
            assert "write mqtt:// if it has none" in message or "listens on that port" in message

    async def test_a_broker_with_tls_is_an_error_for_mqtt(self, launch, certificates):
        async with refused_connection(mqtt_config(launch(*certificates.tls))) as message:
            assert "if it uses TLS, write mqtts://" in message

    async def test_a_required_client_certificate_is_sent(self, launch, certificates):
        broker = launch(*certificates.tls, "require_certificate true")
        async with refused_connection(mqtt_config(broker, ca_file=certificates.ca)) as message:
            assert "cert_file and key_file in [mqtt]" in message
        strange = {"cert_file": certificates.strange, "key_file": certificates.strange_key}
        async with refused_connection(
            mqtt_config(broker, ca_file=certificates.ca, **strange)
        ) as message:
            assert "cert_file and key_file in [mqtt]" in message
        known = {"cert_file": certificates.client, "key_file": certificates.client_key}
        async with open_broker(mqtt_config(broker, ca_file=certificates.ca, **known)):
            pass


@pytest.mark.peer
class TestPassword:
    async def test_the_correct_password_is_accepted(self, launch_with_password, tmp_path):
        broker = launch_with_password()
        file = tmp_path / "secret"
        file.write_text(SECRET + "\n")
        for secret in ({"password": SECRET}, {"password_file": file}):
            async with open_broker(mqtt_config(broker, user="stage", **secret)):
                pass

    async def test_a_wrong_and_a_missing_password_are_errors(self, launch_with_password):
        broker = launch_with_password()
        async with refused_connection(
            mqtt_config(broker, user="stage", password=SECRET[:-1])
        ) as message:
            assert 'correct user ("stage") and password' in message
            assert SECRET[:-1] not in message
        async with refused_connection(mqtt_config(broker)) as message:
            assert "set user in [mqtt]" in message

    async def test_a_password_sent_without_tls_to_another_host_is_a_warning(self, caplog):
        config = Mqtt(broker="mqtt://no-such-host.invalid", user="stage", password=SECRET)
        with caplog.at_level(logging.WARNING):
            async with refused_connection(config):
                pass
        assert "the password goes to mqtt://no-such-host.invalid:1883 unencrypted" in caplog.text
        assert SECRET not in caplog.text


@pytest.mark.peer
class TestAccessControl:
    """A broker drops messages that its access control list denies, without an error."""

    RULES = ("user stage", "topic readwrite streamer/test/#")

    async def test_allowed_messages_cause_no_warning(self, launch_with_password, publish, caplog):
        broker = launch_with_password(*self.RULES)
        async with publish(broker.address, user="stage", password=SECRET) as publisher:
            await publisher.wait_connected()
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]

    @pytest.mark.parametrize("protocol", ["5", "3.1.1"])
    @pytest.mark.parametrize("rule", ["topic read streamer/#", "topic write streamer/test/#"])
    async def test_the_doctor_reports_a_denial(self, launch_with_password, protocol, rule):
        broker = launch_with_password("user stage", rule)
        config = mqtt_config(broker, user="stage", password=SECRET, protocol=protocol)
        findings = [finding async for finding in check_broker(config)]
        assert [finding.level for finding in findings] == ["ok", "ok", "ok", "fail"]
        assert findings[-1].seen == "what is published on streamer/test/status does not come back"
        assert "write and read streamer/test/#" in findings[-1].advice

    async def test_a_denial_and_its_end_are_logged_during_a_run(
        self, launch_with_password, publish, caplog, monkeypatch, tmp_path
    ):
        monkeypatch.setattr("streamer.mqtt.session.ECHO_TIMEOUT", 0.3)
        broker = launch_with_password("user stage", "topic read #")
        caplog.set_level(logging.INFO, "streamer")
        async with publish(broker.address, user="stage", password=SECRET) as publisher:
            await publisher.wait_connected()
            await _wait_until(lambda: "access control list (ACL) seems to deny them" in caplog.text)
            (tmp_path / "acl").write_text("user stage\ntopic readwrite streamer/#\n")
            broker.reload()
            await _wait_until(lambda: "the broker accepts our messages now" in caplog.text)


async def _wait_until(condition, seconds=8.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a log has no event
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
            ({"user": "a", "password_file": "binary"}, PLAIN, "binary is not text in UTF-8"),
            ({"ca_file": "ca"}, PLAIN, "ca_file is for TLS, but the broker is mqtt://broker.lan:"),
            ({"ca_file": "gone"}, SECURE, "ca_file gone cannot be read (no such file"),
            ({"ca_file": "empty"}, SECURE, "ca_file empty holds no certificate"),
            ({"ca_file": "words"}, SECURE, "ca_file words holds no certificate"),
            ({"key_file": "words"}, SECURE, "a key_file but no cert_file; give cert_file too"),
            ({"cert_file": "gone"}, SECURE, "cert_file gone cannot be read"),
            ({"cert_file": "words"}, SECURE, "cert_file words and its key cannot be used"),
        ],
    )
    def test_inconsistent_or_unreadable_settings_are_one_line_errors(
        self, away, settings, address, message
    ):
        (away / "empty").touch()
        (away / "words").write_text("no certificate")
        (away / "binary").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError) as caught:
            read_credentials(Mqtt(**settings), address.identity)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert SECRET not in str(caught.value)

    def test_a_key_of_another_certificate_is_rejected(self, certificates):
        mixed = Mqtt(cert_file=certificates.client, key_file=certificates.strange_key)
        with pytest.raises(ConfigError, match="does not belong to cert_file"):
            read_credentials(mixed, SECURE.identity)

    def test_paths_are_relative_to_the_folder_of_the_configuration_file(self, tmp_path):
        file = tmp_path / "config.toml"
        file.write_text('[mqtt]\nca_file = "ca.pem"\npassword_file = "secret"\n')
        config = load({}, config_path=file, environ={}).mqtt
        assert (config.ca_file, config.password_file) == (tmp_path / "ca.pem", tmp_path / "secret")

    def test_a_password_from_the_environment_is_not_in_any_representation(self):
        config = load({}, config_path=None, environ={"STREAMER_MQTT__PASSWORD": SECRET})
        assert config.mqtt.password.get_secret_value() == SECRET
        text = f"{config} {config!r} {config.model_dump(mode='json')} {config.model_dump_json()}"
        assert SECRET not in text
        credentials = read_credentials(config.mqtt.model_copy(update={"user": "a"}), PLAIN.identity)
        assert SECRET not in f"{credentials!r}"


@pytest.mark.peer
@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.long
def test_a_run_does_not_print_the_password(
    program, launch_with_password, tmp_path, form, monkeypatch
):
    broker = launch_with_password("user stage", "topic readwrite streamer/test/#")
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
    config = program("config", "--json")
    assert json.loads(config.out)["settings"]["mqtt.password"]["value"] == "**********"
    for result in (answer, doctor, config):
        assert SECRET not in result.out + result.err


def _raw(folder, seconds):
    file = folder / "audio.raw"
    file.write_bytes(bytes(44100 * 4 * seconds))
    return file
