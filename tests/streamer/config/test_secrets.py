"""Secrets appear in no error, listing, log, process list or message."""

import asyncio
import contextlib
import json
import os
import re
import secrets
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.audio import open_audio_file
from streamer.audio.stream import StreamInput
from streamer.config import Zone, files, load_with_origins
from streamer.decoder.urls import check_url, redact_url
from streamer.errors import StreamerError
from streamer.mqtt.broker_address import parse_broker_address
from streamer.tracking.calibration import Calibration
from tests.streamer.conftest import PROGRAM
from tests.support.icecast import WebServer, send
from tests.support.mosquitto import Certificates, Mosquitto, guarded

CANARY = "XyZzY"
secret_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=20
).map(lambda text: f"{text}{CANARY}{text}")
in_urls = st.text("abcXYZ019-._~!$&'()*+,;=%:", max_size=12).map(lambda text: f"{text}{CANARY}")


@pytest.fixture(autouse=True)
def _no_system_file(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SYSTEM_FILE", tmp_path / "etc.toml")


TEMPLATES = (
    "[mqtt]\npassword = {0}\nkeepalive = 'often'",
    "[mqtt]\nuser = 'u'\npassword = [{0}]",
    "[mqtt]\npassword = {{ text = {0} }}",
    "[mqtt]\nbroker = {{ password = {0} }}",
    "mqtt = {0}\n",
    "mqtt = [{0}]\n",
    "[[mqtt]]\npassword = {0}",
    "[mqtt]\npasword = {0}",
    "[mqtt]\npassword = {0}\npassword = {0}",
    "[mqtt]\npassword = {0} and more",
    "[mqtt]\nuser = 'u'\npassword = {0}",
    "[dashboard]\ntoken = {0}\nlisten = 'everywhere'",
    "[dashboard]\ntoken = [{0}]",
    "[dashboard]\ntokn = {0}",
    "[dashboard]\ntoken = {0}\nserve = true",
    "[engine.remote]\npassword = {0}\ndeadline_ms = 'soon'",
    "[engine.remote]\npassword = [{0}]",
    "[engine.remote]\npasword = {0}",
    "[engine.remote]\nurl = 'http://gpu'\ndeadline_ms = 200\npassword = {0}",
    "[engine]\nremote = {0}",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(secret=secret_texts, template=st.sampled_from(TEMPLATES))
def test_a_secret_in_a_file_appears_in_no_error_or_listing(tmp_path, secret, template):
    file = tmp_path / "c.toml"
    file.write_text(template.format(json.dumps(secret, ensure_ascii=False)), encoding="utf-8")
    assert CANARY not in output_of(lambda: load_with_origins({}, config_path=file, environ={}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    secret=secret_texts,
    name=st.sampled_from(
        ["MQTT__PASSWORD", "MQTT__PASSWORD__X", "MQTT__PASSWORT", "DASHBOARD__TOKEN"]
    ),
)
def test_a_secret_in_the_environment_appears_in_no_error_or_listing(secret, name):
    environ = {f"STREAMER_{name}": secret, "STREAMER_MQTT__USER": "u"}
    assert CANARY not in output_of(lambda: load_with_origins({}, config_path=None, environ=environ))


@settings(max_examples=200)
@given(
    user=in_urls, password=in_urls, token=in_urls, scheme=st.sampled_from(["http", "rtsp", "ftp"])
)
def test_secrets_of_a_url_appear_in_no_output(user, password, token, scheme):
    url = f"{scheme}://{user}:{password}@127.0.0.1:1/live?token={token}#{token}"
    zone = Zone(input=url)
    outputs = [
        redact_url(url),
        output_of(lambda: check_url(url)),
        output_of(lambda: open_audio_file(url)),
        output_of(lambda: parse_broker_address(url.replace(scheme, "mqtt", 1))),
        Calibration.of(zone, gain_db=0.0, level_dbfs=-20.0).model_dump_json(),
    ]
    assert CANARY not in " ".join(outputs)


@settings(max_examples=5)
@given(password=in_urls, token=in_urls)
def test_the_error_of_an_unreachable_stream_contains_no_secrets(password, token):
    url = f"http://me:{quote(password)}@127.0.0.1:1/live?token={token}"
    output = output_of(lambda: StreamInput(url, ()))
    assert "nothing listens there" in output
    assert CANARY not in output


def output_of(action):
    """Return the text of an action's result, or of its error with the cause."""
    try:
        result = action()
    except StreamerError as error:
        return f"{error} {error!r} {error.__cause__!r}"
    text = "" if isinstance(result, tuple) else repr(result)
    return text + (str(list(result.settings())) if hasattr(result, "settings") else "")


@pytest.mark.peer
async def test_a_run_reveals_no_secret(away, tmp_path, subscribe_as):
    """Secrets: broker password, TLS key, stream password, stream token."""
    password, stream_password, token = (secrets.token_urlsafe(12) for _ in range(3))
    certificates = Certificates(tmp_path)
    broker = Mosquitto(tmp_path, *guarded(tmp_path, "stage", password), *certificates.tls[1:])
    broker.start()
    requests = []

    def live(handler):
        requests.append(handler.headers["Authorization"])
        send(handler, "audio/mpeg", b"\xff\xfb\x90\x00" * 2000, icy_name=f"radio {token}"[:6])

    (tmp_path / "secret").write_text(password)
    with WebServer({"/live": live}) as server, contextlib.closing(Closing(broker)):
        url = server.url.replace("//", f"//me:{stream_password}@") + f"/live?token={token}"
        config = tmp_path / "c.toml"
        config.write_text(
            f'[[zones]]\nid = "demo"\n[[zones]]\nid = "radio"\ninput = "{url}"\n[mqtt]\n'
            f'broker = "mqtts://localhost:{broker.port}"\nuser = "stage"\n'
            'password_file = "secret"\nca_file = "ca.pem"\ncert_file = "client.pem"\n'
            'key_file = "client.key"\nnode = "test"\nhealth_interval = 1\n'
            '[log]\nlevel = "debug"\nformat = "json"\n'
        )
        output, commands = await run_and_subscribe(
            config, subscribe_as(broker, certificates, password)
        )
        output += run_command("config", "--json", "--config", str(config))
        output += run_command("config", "--config", str(config))
        output += run_command("doctor", "--json", "--config", str(config))
    key = re.findall(rb"[A-Za-z0-9+/=]{40,}", certificates.client_key.read_bytes())
    all_secrets = [password, stream_password, token, *(line.decode() for line in key)]
    assert requests
    assert '"logger": "streamer' in output
    for secret in all_secrets:
        assert secret not in output
        assert secret not in commands


class Closing:
    """Kill a broker when closed."""

    def __init__(self, broker):
        self.close = broker.kill


@pytest.fixture
def subscribe_as():
    """Return a command that subscribes to everything on a broker with TLS and passwords."""

    def command(broker, certificates, password):
        return [
            "mosquitto_sub", "-h", "localhost", "-p", str(broker.port), "-t", "#", "-v",
            "-u", "stage", "-P", password, "--cafile", str(certificates.ca),
        ]  # fmt: skip

    return command


async def run_and_subscribe(config, subscribe_command):
    """Run until estimates arrive; return all output, and every command line and environment."""
    subscriber = await asyncio.create_subprocess_exec(
        *subscribe_command, stdout=asyncio.subprocess.PIPE
    )
    program = await asyncio.create_subprocess_exec(
        PROGRAM, "run", "--config", str(config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    commands, messages = "", b""
    until = time.monotonic() + 40
    while b"/radio/health" not in messages or b"/demo/va" not in messages:
        assert time.monotonic() < until, messages
        with contextlib.suppress(TimeoutError):
            messages += await asyncio.wait_for(subscriber.stdout.read(65536), 0.2)
        commands += command_lines_and_environments(program.pid)
    program.terminate()
    output, _ = await program.communicate()
    subscriber.terminate()
    rest, _ = await subscriber.communicate()
    return (messages + rest + output).decode(errors="replace"), commands


def command_lines_and_environments(pid):
    """Return the command lines of a process tree, and its children's environments."""
    text = ""
    with contextlib.suppress(psutil.Error, OSError):
        text += " ".join(psutil.Process(pid).cmdline())
        for child in psutil.Process(pid).children(recursive=True):
            text += " ".join(child.cmdline()) + Path(f"/proc/{child.pid}/environ").read_text()
    return text


def run_command(*arguments):
    done = subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, check=False, env=os.environ
    )
    return done.stdout + done.stderr
