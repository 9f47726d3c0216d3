"""`streamer doctor` on broken set-ups: which check fails, and its advice.

`pytest -rP tests/streamer/doctor/test_broken.py` shows each report.
"""

import pytest

from tests.support.icecast import WebServer
from tests.support.mosquitto import guarded
from tests.support.ports import free_port

pytestmark = pytest.mark.peer

SECRET = "XYZZY-canary"  # noqa: S105


@pytest.fixture
def failures(streamer, broker):
    """Run the doctor with these options, and return the failed checks with their advice."""

    def run_doctor(**options):
        given = {"input": "demo", "broker": broker.address, **options}
        arguments = [part for name, value in given.items() for part in (f"--{name}", value)]
        answer = streamer("doctor", *arguments)
        command = " ".join(map(str, ("streamer doctor", *arguments))).replace(SECRET, "...")
        print(f"$ {command}\n{answer.out}")  # noqa: T201 - shown by -rP
        assert (answer.code, answer.err) == (1, "")
        assert SECRET not in answer.out
        findings = answer.out.replace("\n" + 22 * " ", "  ").splitlines()
        return [finding for finding in findings if finding.startswith("fail")]

    return run_doctor


class TestMicrophone:
    def test_portaudio_is_missing(self, failures, tmp_path, monkeypatch):
        (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        for found in failures(input="mic"):
            assert "PortAudio is not installed (PortAudio library not found)" in found
            assert "-> install it: apt install libportaudio2" in found

    def test_there_is_no_microphone(self, failures, pulse):
        pulse.stop()
        portaudio, zone = failures(input="mic")
        assert "finds no microphone  -> plug one in" in portaudio
        assert "cannot find a microphone: there is no input device  -> plug one in" in zone

    def test_its_name_is_wrong(self, failures, stage):
        [found] = failures(input="mic", device="gamma")
        assert 'zone main        cannot find a microphone "gamma"' in found
        assert '"alpha, ALSA"' in found


class TestStream:
    def test_nothing_listens_at_its_address(self, failures):
        [found] = failures(input=f"http://stage:{SECRET}@127.0.0.1:{free_port()}/live")
        assert "nothing listens there" in found
        assert "-> start the server, or correct host and port" in found


class TestBroker:
    def test_its_host_is_unknown(self, failures):
        [found] = failures(broker="mqtt://broker.invalid")
        assert "fail broker: name" in found
        assert "unknown host" in found

    def test_nothing_listens_there(self, failures):
        [found] = failures(broker=f"mqtt://127.0.0.1:{free_port()}")
        assert "fail broker: TCP" in found
        assert "nothing listens there" in found

    def test_its_certificate_has_an_unknown_issuer(
        self, failures, launch, certificates, monkeypatch
    ):
        monkeypatch.setenv("STREAMER_MQTT__CA_FILE", str(certificates.strange_ca))
        [found] = failures(broker=f"mqtts://localhost:{launch(*certificates.tls).port}")
        assert "fail broker: TLS" in found
        assert "its certificate is not trusted" in found
        assert "set ca_file in [mqtt]" in found

    def test_the_password_is_wrong(self, failures, launch, tmp_path, monkeypatch):
        monkeypatch.setenv("STREAMER_MQTT__USER", "stage")
        monkeypatch.setenv("STREAMER_MQTT__PASSWORD", f"not-{SECRET}")
        [found] = failures(broker=launch(*guarded(tmp_path, "stage", SECRET)).address)
        assert "fail broker: login" in found
        assert 'correct user ("stage") and password' in found

    def test_publishing_is_forbidden(self, failures, launch, tmp_path, monkeypatch):
        monkeypatch.setenv("STREAMER_MQTT__USER", "stage")
        monkeypatch.setenv("STREAMER_MQTT__PASSWORD", SECRET)
        rules = ("user stage", "topic read streamer/#")
        [found] = failures(broker=launch(*guarded(tmp_path, "stage", SECRET, *rules)).address)
        assert "fail broker: publish" in found
        assert "does not come back" in found
        assert "write and read streamer/" in found

    def test_the_user_is_missing(self, failures, monkeypatch):
        monkeypatch.setenv("STREAMER_MQTT__PASSWORD", SECRET)
        monkeypatch.setenv("STREAMER_MQTT__PORT", str(free_port()))
        [found] = failures(broker="embedded")
        assert "[mqtt] has a password but no user" in found
        assert "-> give user too" in found

    def test_its_port_is_used_by_another_server(self, failures, monkeypatch):
        with WebServer({}) as server:
            monkeypatch.setenv("STREAMER_MQTT__PORT", str(server.http.server_port))
            [found] = failures(broker="embedded")
        assert "fail broker: login" in found


def test_the_weights_are_missing(failures):
    [found] = failures(model="gone.onnx")
    assert "fail engine" in found
    assert "no weights at gone.onnx" in found


def test_the_configuration_is_wrong(failures, away):
    (away / "config.toml").write_text('[tracking]\nsmoother = "kalmann"\n')
    [found] = failures()
    assert "fail configuration" in found
    assert 'config.toml: [tracking] smoother = "kalmann" is invalid' in found
