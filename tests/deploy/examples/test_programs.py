"""Run every example program against a real `streamer run` and a real broker."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"
STREAMER = Path(sys.executable).with_name("streamer")
LINE = re.compile(r"(\S+) \|(#*) *\| ([+-]?[\d.]+) (happy|tense|sad|calm)")
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("STREAMER_", "MQTT_"))
}

pytestmark = [pytest.mark.peer, pytest.mark.timeout(240)]


class ExampleProcess:
    """Example program that runs; its output lines and its errors."""

    def __init__(self, folder, *command):
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=ENVIRONMENT | {"XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,  # terminates all processes of a pipeline
            )

    @property
    def lines(self):
        return self._out.read_text().split("\n")[:-1]

    @property
    def errors(self):
        return self._err.read_text()

    def wait_until(self, condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, self.errors
            assert time.monotonic() < deadline, (self.lines[-5:], self.errors)
            time.sleep(0.05)

    def terminate(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise


def call(*command):
    """Run a program until it exits; return its exit code, output and errors."""
    done = subprocess.run(
        [str(part) for part in command],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Broker to which `streamer run` of node `hall` publishes the demo piece's estimates."""
    folder = tmp_path_factory.mktemp("hall")
    broker = Mosquitto(folder)
    broker.start()
    url = f"mqtt://{broker.address.host}:{broker.port}"
    options = ("--input", "demo", "--broker", url, "--node", "hall", "--no-view")
    program = ExampleProcess(folder, STREAMER, "run", *options)
    try:
        first = call("mosquitto_sub", "-p", broker.port, "-t", "streamer/+/+/va", "-C", 1, "-W", 20)
        assert first[0] == 0, program.errors
        yield broker
    finally:
        program.terminate()
        broker.kill()


@pytest.fixture
def start(tmp_path):
    """Start programs, which are terminated after the test."""
    with contextlib.ExitStack() as stack:

        def start(*command):
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            running = ExampleProcess(folder, *command)
            stack.callback(running.terminate)
            return running

        yield start


@pytest.fixture
def publish_estimate(broker):
    """Publish an estimate of a simulated zone."""

    def publish_estimate(zone, arousal, age=0.0):
        content = {"ts": round((time.time() - age) * 1e3), "valence": -0.5, "arousal": arousal}
        target = ("-p", broker.port, "-t", f"streamer/{zone}/va")
        assert call("mosquitto_pub", *target, "-m", json.dumps(content))[0] == 0

    return publish_estimate


@pytest.fixture(scope="module")
def node_program(tmp_path_factory):
    """Copy of the Node.js example with its npm dependencies installed."""
    folder = tmp_path_factory.mktemp("node") / "node"
    shutil.copytree(EXAMPLES / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, timeout=200)
    return folder / "follow.mjs"


@pytest.fixture(
    params=["python", pytest.param("node", marks=pytest.mark.wheel), "shell"],
)
def follower(request, broker, start):
    """Follower in one of three languages, after it has printed its first estimate."""
    host, port = broker.address.host, broker.port
    if request.param == "shell":
        process = start(EXAMPLES / "shell" / "follow.sh", "-h", host, "-p", port)
    else:
        program = (
            ["node", request.getfixturevalue("node_program")]
            if request.param == "node"
            else [sys.executable, EXAMPLES / "python" / "follow.py"]
        )
        process = start(*program, "--host", host, "--port", port)
    process.wait_until(lambda: process.lines)
    return process


def parse_lines(lines, zone):
    """Return the bar length, arousal and mood of each line of a zone."""
    found = [LINE.fullmatch(line).groups() for line in lines]
    return [(len(bar), float(arousal), mood) for name, bar, arousal, mood in found if name == zone]


def test_a_follower_prints_each_estimate(follower):
    before = len(follower.lines)
    follower.wait_until(lambda: len(follower.lines) >= before + 20)
    for length, arousal, mood in parse_lines(follower.lines, "hall/main"):
        assert length == pytest.approx(10 * (arousal + 1), abs=0.6)
        if arousal:  # 0.00 is rounded from either side
            assert mood in (("happy", "tense") if arousal > 0 else ("sad", "calm"))


def test_a_follower_skips_stale_estimates(follower, publish_estimate):
    publish_estimate("bar/stage", 0.9, age=1.5)
    publish_estimate("bar/stage", 0.8)
    publish_estimate("bar/stage", -0.85)
    follower.wait_until(lambda: len(parse_lines(follower.lines, "bar/stage")) >= 2)
    assert parse_lines(follower.lines, "bar/stage") == [(18, 0.8, "tense"), (2, -0.85, "sad")]


def test_a_follower_reconnects_to_a_restarted_broker(follower, broker):
    broker.kill()
    time.sleep(0.5)
    before = len(follower.lines)
    broker.start()
    follower.wait_until(lambda: len(follower.lines) >= before + 5)


def test_the_python_follower_reports_a_missing_broker_and_retries(start):
    port = free_port()
    program = EXAMPLES / "python" / "follow.py"
    process = start(sys.executable, program, "--host", "127.0.0.1", "--port", port)
    process.wait_until(lambda: process.errors.count("\n") == 2)
    message = f"127.0.0.1:{port}: [Errno 111] Connection refused; trying again\n"
    assert process.errors == 2 * message


class TestCommand:
    @pytest.fixture
    def command(self, broker):
        def command(*arguments, port=broker.port):
            program = EXAMPLES / "python" / "command.py"
            return call(sys.executable, program, *arguments, "--host", "127.0.0.1", "--port", port)

        return command

    def test_the_value_in_effect_is_printed(self, command):
        assert command("hall", "main", "freeze", "on") == (0, "freeze: true\n", "")
        assert command("hall", "main", "freeze", "off") == (0, "freeze: false\n", "")

    def test_a_refused_command_prints_the_reason(self, command):
        reason = '"quick" is invalid: send a number from 0.1 to 20'
        assert command("hall", "main", "rate", "quick") == (1, "", f"refused: {reason}\n")

    def test_the_acknowledgement_of_another_command_is_ignored(self, command, broker):
        target = ("-p", broker.port, "-t", "streamer/nowhere/main/ack/freeze", "-r")
        other = json.dumps({"ok": True, "value": True, "id": "desk-7"})
        assert call("mosquitto_pub", *target, "-m", other)[0] == 0
        code, out, errors = command("nowhere", "main", "freeze", "on")
        assert call("mosquitto_pub", *target, "-n")[0] == 0
        assert (code, out) == (1, "")
        assert errors.startswith("no answer from streamer/nowhere/main; ")
        assert errors.count("\n") == 1

    def test_a_missing_broker_is_reported(self, command):
        port = free_port()
        errors = f"broker at 127.0.0.1:{port}: [Errno 111] Connection refused\n"
        assert command("hall", "main", "freeze", "on", port=port) == (1, "", errors)


def test_the_threshold_has_hysteresis(start, publish_estimate, broker, tmp_path):
    calls = tmp_path / "calls.txt"
    program = tmp_path / "fog"
    program.write_text(f'#!/bin/sh\necho "$1" >> {calls}\n[ "$1" = high ]\n')
    program.chmod(0o755)
    calls.touch()
    script = EXAMPLES / "shell" / "threshold.sh"
    watcher = start(script, "edge/main", program, "-h", "127.0.0.1", "-p", broker.port)

    def has_calls(count):
        return len(calls.read_text().split()) >= count

    def receives_estimate():
        publish_estimate("edge/main", 0.5)
        return has_calls(1)

    watcher.wait_until(receives_estimate)
    for arousal in (0.2, 0.4, 0.05):
        publish_estimate("edge/main", arousal)
    publish_estimate("edge/main", -0.5, age=2)
    assert calls.read_text().split() == ["high"]
    publish_estimate("edge/main", -0.1)
    watcher.wait_until(lambda: has_calls(2))
    for arousal in (0.1, 0.25, 0.31):
        publish_estimate("edge/main", arousal)
    watcher.wait_until(lambda: has_calls(3))
    assert calls.read_text().split() == ["high", "low", "high"]
    assert watcher.errors == f"{program} low ended with 1\n"


def test_the_receiver_prints_the_messages_of_a_light_show(start, broker, tmp_path):
    port = free_port(socket.SOCK_DGRAM)
    receiver = start(sys.executable, EXAMPLES / "osc" / "receive.py", "--port", port)
    code, show, _ = call(STREAMER, "lights", "--example")
    assert code == 0
    unicast = 'priority = 90\ndestination = "127.0.0.1"'  # unicast: no packet leaves this machine
    file = tmp_path / "show.toml"
    file.write_text(show.replace("port = 9000", f"port = {port}").replace("priority = 90", unicast))
    url = f"mqtt://127.0.0.1:{broker.port}"
    start(STREAMER, "lights", file, "--broker", url, "--node", "hall")
    receiver.wait_until(lambda: len(latest_values(receiver.lines)) >= 8)
    values = latest_values(receiver.lines)
    assert set(values) == {
        f"/mood/main/{name}"
        for name in (
            "valence", "arousal", "valence01", "arousal01", "word", "silence", "intensity", "color",
        )
    }  # fmt: skip
    assert -1 <= float(values["/mood/main/valence"][0]) <= 1
    assert values["/mood/main/word"][0].isalpha()
    assert len(values["/mood/main/color"]) == 3


def latest_values(lines):
    """Return the latest values of each OSC address."""
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_the_shell_scripts_pass_shellcheck():
    scripts = sorted((EXAMPLES / "shell").glob("*.sh"))
    assert len(scripts) == 2
    assert call("shellcheck", *scripts) == (0, "", "")


def test_the_node_dependency_is_pinned():
    package = json.loads((EXAMPLES / "node" / "package.json").read_text())
    assert set(package["dependencies"]) == {"mqtt"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["dependencies"]["mqtt"])


def test_the_readme_lists_every_example():
    readme = (EXAMPLES / "README.md").read_text()
    for program in EXAMPLES.glob("*/*.*"):
        if program.suffix in (".py", ".mjs", ".sh", ".yaml"):
            assert program.name in readme
