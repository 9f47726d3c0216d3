"""Each example as somebody would run it, beside a real `streamer run` and a real broker."""

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


class Running:
    """A program, and what it has said."""

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
                start_new_session=True,  # so that a pipeline ends as a whole
            )

    @property
    def lines(self):
        return self._out.read_text().split("\n")[:-1]

    @property
    def complaints(self):
        return self._err.read_text()

    def until(self, true, seconds=15):
        end = time.monotonic() + seconds
        while not true():
            assert self._process.poll() is None, self.complaints
            assert time.monotonic() < end, (self.lines[-5:], self.complaints)
            time.sleep(0.05)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise


def call(*command):
    """Run a program to its end: its code, output and complaints."""
    ended = subprocess.run(
        [str(part) for part in command],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker to which the hall says how its music feels."""
    folder = tmp_path_factory.mktemp("hall")
    broker = Mosquitto(folder)
    broker.start()
    url = f"mqtt://{broker.address.host}:{broker.port}"
    options = ("--input", "demo", "--broker", url, "--node", "hall", "--no-view")
    program = Running(folder, STREAMER, "run", *options)
    try:
        first = call("mosquitto_sub", "-p", broker.port, "-t", "streamer/+/+/va", "-C", 1, "-W", 20)
        assert first[0] == 0, program.complaints
        yield broker
    finally:
        program.end()
        broker.kill()


@pytest.fixture
def start(tmp_path):
    """Start programs; they end with the test."""
    with contextlib.ExitStack() as stack:

        def start(*command):
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            running = Running(folder, *command)
            stack.callback(running.end)
            return running

        yield start


@pytest.fixture
def say(broker):
    """Publish an estimate of a zone that has no music."""

    def say(zone, arousal, age=0.0):
        content = {"ts": round((time.time() - age) * 1e3), "valence": -0.5, "arousal": arousal}
        there = ("-p", broker.port, "-t", f"streamer/{zone}/va")
        assert call("mosquitto_pub", *there, "-m", json.dumps(content))[0] == 0

    return say


@pytest.fixture(scope="module")
def node_program(tmp_path_factory):
    """A copy in which npm has installed what package.json asks for."""
    folder = tmp_path_factory.mktemp("node") / "node"
    shutil.copytree(EXAMPLES / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, timeout=200)
    return folder / "follow.mjs"


@pytest.fixture(
    params=["python", pytest.param("node", marks=pytest.mark.wheel), "shell"],
)
def follower(request, broker, start):
    """One of the three that follow every zone, once it shows the hall."""
    host, port = broker.address.host, broker.port
    if request.param == "shell":
        following = start(EXAMPLES / "shell" / "follow.sh", "-h", host, "-p", port)
    else:
        program = (
            ["node", request.getfixturevalue("node_program")]
            if request.param == "node"
            else [sys.executable, EXAMPLES / "python" / "follow.py"]
        )
        following = start(*program, "--host", host, "--port", port)
    following.until(lambda: following.lines)
    return following


def shown(lines, zone):
    """What the lines say of a zone: the length of the bar, the arousal and the mood."""
    found = [LINE.fullmatch(line).groups() for line in lines]
    return [(len(bar), float(arousal), mood) for name, bar, arousal, mood in found if name == zone]


def test_a_follower_shows_each_estimate_as_it_comes(follower):
    before = len(follower.lines)
    follower.until(lambda: len(follower.lines) >= before + 20)
    for length, arousal, mood in shown(follower.lines, "hall/main"):
        assert length == pytest.approx(10 * (arousal + 1), abs=0.6)
        if arousal:  # 0.00 is rounded from either side
            assert mood in (("happy", "tense") if arousal > 0 else ("sad", "calm"))


def test_a_follower_leaves_out_what_is_old(follower, say):
    say("bar/stage", 0.9, age=1.5)
    say("bar/stage", 0.8)
    say("bar/stage", -0.85)
    follower.until(lambda: len(shown(follower.lines, "bar/stage")) >= 2)
    assert shown(follower.lines, "bar/stage") == [(18, 0.8, "tense"), (2, -0.85, "sad")]


def test_a_follower_goes_on_when_the_broker_is_back(follower, broker):
    broker.kill()
    time.sleep(0.5)
    before = len(follower.lines)
    broker.start()
    follower.until(lambda: len(follower.lines) >= before + 5)


def test_without_a_broker_the_python_one_says_so_and_tries_again(start):
    port = free_port()
    program = EXAMPLES / "python" / "follow.py"
    following = start(sys.executable, program, "--host", "127.0.0.1", "--port", port)
    following.until(lambda: following.complaints.count("\n") == 2)
    said = f"127.0.0.1:{port}: [Errno 111] Connection refused; trying again\n"
    assert following.complaints == 2 * said


class TestCommand:
    @pytest.fixture
    def command(self, broker):
        def command(*words, port=broker.port):
            program = EXAMPLES / "python" / "command.py"
            return call(sys.executable, program, *words, "--host", "127.0.0.1", "--port", port)

        return command

    def test_it_says_what_is_in_effect(self, command):
        assert command("hall", "main", "freeze", "on") == (0, "freeze: true\n", "")
        assert command("hall", "main", "freeze", "off") == (0, "freeze: false\n", "")

    def test_a_refusal_says_why(self, command):
        reason = '"quick" is invalid: send a number from 0.1 to 20'
        assert command("hall", "main", "rate", "quick") == (1, "", f"refused: {reason}\n")

    def test_where_nobody_answers_but_somebody_else_it_says_so(self, command, broker):
        kept = ("-p", broker.port, "-t", "streamer/nowhere/main/ack/freeze", "-r")
        other = json.dumps({"ok": True, "value": True, "id": "desk-7"})
        assert call("mosquitto_pub", *kept, "-m", other)[0] == 0
        code, out, said = command("nowhere", "main", "freeze", "on")
        assert call("mosquitto_pub", *kept, "-n")[0] == 0
        assert (code, out) == (1, "")
        assert said.startswith("nobody answers at streamer/nowhere/main: ")
        assert said.count("\n") == 1

    def test_without_a_broker_it_says_so(self, command):
        port = free_port()
        said = f"broker at 127.0.0.1:{port}: [Errno 111] Connection refused\n"
        assert command("hall", "main", "freeze", "on", port=port) == (1, "", said)


def test_the_threshold_has_two_edges(start, say, broker, tmp_path):
    told = tmp_path / "told.txt"
    program = tmp_path / "fog"
    program.write_text(f'#!/bin/sh\necho "$1" >> {told}\n[ "$1" = high ]\n')
    program.chmod(0o755)
    told.touch()
    script = EXAMPLES / "shell" / "threshold.sh"
    waiting = start(script, "edge/main", program, "-h", "127.0.0.1", "-p", broker.port)

    def words(count):
        return len(told.read_text().split()) >= count

    def is_heard():
        say("edge/main", 0.5)
        return words(1)

    waiting.until(is_heard)
    for arousal in (0.2, 0.4, 0.05):
        say("edge/main", arousal)
    say("edge/main", -0.5, age=2)
    assert told.read_text().split() == ["high"]
    say("edge/main", -0.1)
    waiting.until(lambda: words(2))
    for arousal in (0.1, 0.25, 0.31):
        say("edge/main", arousal)
    waiting.until(lambda: words(3))
    assert told.read_text().split() == ["high", "low", "high"]
    assert waiting.complaints == f"{program} low ended with 1\n"


def test_the_receiver_hears_what_a_show_sends(start, broker, tmp_path):
    port = free_port(socket.SOCK_DGRAM)
    receiver = start(sys.executable, EXAMPLES / "osc" / "receive.py", "--port", port)
    code, show, _ = call(STREAMER, "lights", "--example")
    assert code == 0
    kept = 'priority = 90\ndestination = "127.0.0.1"'  # nothing leaves this machine
    file = tmp_path / "show.toml"
    file.write_text(show.replace("port = 9000", f"port = {port}").replace("priority = 90", kept))
    url = f"mqtt://127.0.0.1:{broker.port}"
    start(STREAMER, "lights", file, "--broker", url, "--node", "hall")
    receiver.until(lambda: len(heard(receiver.lines)) >= 8)
    values = heard(receiver.lines)
    assert set(values) == {
        f"/mood/main/{name}"
        for name in (
            "valence", "arousal", "valence01", "arousal01", "word", "silence", "intensity", "color",
        )
    }  # fmt: skip
    assert -1 <= float(values["/mood/main/valence"][0]) <= 1
    assert values["/mood/main/word"][0].isalpha()
    assert len(values["/mood/main/color"]) == 3


def heard(lines):
    """The last values of each address."""
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_shellcheck_finds_nothing_wrong():
    scripts = sorted((EXAMPLES / "shell").glob("*.sh"))
    assert len(scripts) == 2
    assert call("shellcheck", *scripts) == (0, "", "")


def test_what_node_needs_is_pinned():
    package = json.loads((EXAMPLES / "node" / "package.json").read_text())
    assert set(package["dependencies"]) == {"mqtt"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["dependencies"]["mqtt"])


def test_the_readme_tells_of_every_example():
    told = (EXAMPLES / "README.md").read_text()
    for program in EXAMPLES.glob("*/*.*"):
        if program.suffix in (".py", ".mjs", ".sh", ".yaml"):
            assert program.name in told
