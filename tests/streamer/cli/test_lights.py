"""`streamer lights` on the command line; tests/streamer/outputs/lights checks what it sends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).with_name("streamer"))


@pytest.fixture
def show(streamer, away):
    file = away / "show.toml"
    file.write_text(streamer("lights", "--example").out)
    return file


def test_the_help_explains_how_to_start(streamer):
    text = " ".join(streamer("lights", "--help").out.replace("│", " ").split())
    for word in (
        "SHOW", "--broker", "--node", "--zone", "--preview", "--dry", "--check", "--example",
        "streamer lights --example > show.toml", "--preview --dry", "never for exits", "SIGHUP",
        "A desk that sends sACN",
    ):  # fmt: skip
        assert word in text


def test_the_example_is_valid_and_its_patch_is_printed(streamer, show):
    answer = streamer("lights", show, "--check")
    assert (answer.code, answer.err) == (0, "")
    rows = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert rows[:5] == [
        "output protocol universe channels fixture type",
        "stage sacn 1 1-4 wash left rgbw",
        "stage sacn 1 5-8 wash right rgbw",
        "stage sacn 1 11-18 backlight dimmer-rgb16",
        "stage sacn 1 21 blinder dimmer",
    ]
    assert "visuals: OSC to 127.0.0.1:9000" in rows
    assert "/mood/{zone}/color color of stage" in rows
    assert rows[-1] == f"{show} is valid"


def test_the_show_of_the_configuration_is_the_default(streamer, show, away):
    (away / "config.toml").write_text('[lights]\nshow = "show.toml"\n')
    answer = streamer("lights", "--check")
    assert answer.code == 0
    assert "wash left" in answer.out


def test_without_a_show_the_error_says_how_to_create_one(streamer):
    answer = streamer("lights")
    assert answer.code == 2
    assert "streamer lights --example > show.toml" in answer.err


def test_an_invalid_show_is_one_line(streamer, show):
    show.write_text(show.read_text().replace('type = "rgbw"', 'type = "rbgw"', 1))
    answer = streamer("lights", show, "--check")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err == (
        f'streamer: {show}: [[fixtures]] (fixture 1, "wash left"): there is no type "rbgw"; did '
        'you mean "rgbw"?\n'
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--zone", "Main Room"], 'did you mean "main-room"?'),
        (["--preview"], "--preview needs a terminal"),
        (["--broker", "http://x"], "mqtt://HOST[:PORT]"),
        (["--config", "none.toml"], "there is no such configuration file"),
    ],
)
def test_invalid_options_are_rejected_in_one_line(streamer, show, arguments, text):
    answer = streamer("lights", show, *arguments)
    assert answer.code == 2
    assert text in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.peer
def test_it_retries_the_broker_and_stops_cleanly(show, free_port):
    process = subprocess.Popen(
        [PROGRAM, "lights", show, "--dry", "--broker", f"mqtt://127.0.0.1:{free_port}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stderr.readline()
        assert "nothing listens there; trying again" in line
        time.sleep(0.5)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
