"""Log messages go to one stream, in one of two forms."""

import io
import json
import logging

import pytest

from streamer import logs

logger = logging.getLogger("streamer.audio.files")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in logs.OURS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def written(format="console", level="info", stream=None):  # noqa: A002
    stream = stream or io.StringIO()
    logs.configure(format, level, stream=stream)
    return stream


def test_a_message_goes_to_standard_error_by_default(capsys):
    logs.configure()
    logger.info("publishing")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("info    publishing\n")


def test_console_is_time_level_message_and_extra_fields_on_one_line():
    stream = written()
    logger.warning("late by %d ms", 40, extra={"zone": "main"})
    clock, rest = stream.getvalue().split(" ", 1)
    assert len(clock) == len("12:34:56")
    assert rest == "warning late by 40 ms  zone=main\n"


def test_levels_are_coloured_on_a_terminal_only(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, file = written(stream=Terminal()), io.StringIO()
    logger.error("no")
    written(stream=file)
    logger.error("no")
    assert "\x1b[31m" in terminal.getvalue()
    assert "\x1b" not in file.getvalue()


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = written(stream=Terminal())
    logger.error("no")
    assert "\x1b" not in terminal.getvalue()


def test_json_is_one_object_a_line_with_extra_fields():
    stream = written("json")
    logger.info("two\nlines", extra={"zone": "main", "rate": 10.0, "level": "loud"})
    (line,) = stream.getvalue().splitlines()
    content = json.loads(line)
    assert content.pop("ts").endswith("+00:00")
    assert content == {
        "level": "info",
        "logger": "streamer.audio.files",
        "message": "two\nlines",
        "zone": "main",
        "rate": 10.0,
    }


def test_json_holds_a_traceback_in_one_field():
    stream = written("json")
    try:
        int("no")
    except ValueError:
        logger.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_json_stays_json_whatever_the_fields_hold():
    stream = written("json")
    logger.info("x", extra={"level_dbfs": float("-inf"), "thing": object()})
    content = json.loads(stream.getvalue(), parse_constant=pytest.fail)
    assert content["level_dbfs"] is None
    assert content["thing"].startswith("<object")


def test_less_severe_messages_are_not_written():
    stream = written(level="warning")
    logger.info("a")
    logger.warning("b")
    assert "b" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


def test_other_libraries_are_heard_from_warnings_upwards_and_named():
    stream = written(level="debug")
    logger.debug("ours")
    logging.getLogger("aiomqtt").info("chatter")
    logging.getLogger("aiomqtt").warning("trouble")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("debug   ours")
    assert second.endswith("warning aiomqtt: trouble")


def test_configuring_again_replaces_the_first():
    first, second = written(), written("json")
    logger.info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


class TestHeld:
    def test_a_terminal_gets_the_messages_afterwards(self):
        terminal = written(stream=Terminal())
        with logs.held() as records:
            logger.info("a")
            logger.warning("b")
            assert terminal.getvalue() == ""
            assert [record.getMessage() for record in records] == ["a", "b"]
        assert [line.split()[-1] for line in terminal.getvalue().splitlines()] == ["a", "b"]
        logger.info("c")
        assert len(terminal.getvalue().splitlines()) == 3

    def test_a_terminal_gets_them_after_an_error_too(self):
        terminal = written(stream=Terminal())

        def fail():
            with logs.held():
                logger.error("first")
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert "first" in terminal.getvalue()

    def test_a_file_gets_them_at_once_and_only_once(self):
        file = written(stream=io.StringIO())
        with logs.held() as records:
            logger.info("a")
            assert len(file.getvalue().splitlines()) == 1
            assert len(records) == 1
        assert len(file.getvalue().splitlines()) == 1
