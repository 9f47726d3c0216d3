"""Help and version on the command line."""

import pytest

import streamer as package


def test_without_arguments_it_lists_the_commands(streamer):
    answer = streamer()
    assert "run" in answer.out + answer.err
    assert "analyze" in answer.out + answer.err


def test_help_lists_the_commands_and_a_first_step(program):
    answer = program("--help")
    assert answer.code == 0
    for word in ("run", "analyze", "valence", "MQTT", "streamer run --input demo"):
        assert word in answer.out
    assert answer.err == ""


def test_the_help_of_run_explains_its_options(streamer):
    answer = streamer("run", "--help")
    assert answer.code == 0
    for option in (
        "--input", "--channels", "--loop", "--raw-format", "--raw-rate", "--raw-channels",
        "--broker", "--node", "--zone", "--rate", "--model", "--log", "--config",
    ):  # fmt: skip
        assert option in answer.out
    for word in (
        "demo|PATH|URL|-",
        "auto|embedded|URL",
        "mosquitto_sub -v -t 'streamer/#'",
        "Ctrl-C",
    ):
        assert word in answer.out
    for default in ("demo", "s16le", "44100", "auto", "host name", "main", "10"):
        assert f"[default: {default}]" in " ".join(answer.out.replace("│", " ").split())


def test_the_help_of_analyze_explains_its_options(streamer):
    answer = streamer("analyze", "--help")
    assert answer.code == 0
    for word in ("FILE", "--output", "OUT.csv", "--threads", "--rate", "exit code is 1"):
        assert word in answer.out


def test_the_version_is_that_of_the_package(program):
    answer = program("--version")
    assert (answer.code, answer.out) == (0, f"streamer {package.__version__}\n")


@pytest.mark.parametrize(
    "arguments", [["--nosuch"], ["walk"], ["run", "--rate", "quick"], ["analyze", "a.wav"]]
)
def test_unknown_options_and_commands_are_usage_errors(streamer, arguments):
    answer = streamer(*arguments)
    assert answer.code == 2
    assert "Usage: streamer" in answer.err
    assert "Traceback" not in answer.err
