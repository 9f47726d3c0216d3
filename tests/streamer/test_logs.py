"""Log messages go to one stream, in one of two forms."""

import asyncio
import contextvars
import io
import json
import logging
import threading

import pytest

from streamer import limits, logs

logger = logging.getLogger("streamer.audio.files")


class Terminal(io.StringIO):
    def isatty(self):
        return True


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


def test_what_others_say_stays_on_its_line_and_is_cut():
    stream = written()
    logger.warning("said %s", "a\nb\x1b[2J", extra={"zone": "x\r\ny"})
    logger.warning("x" * 100_000)
    one, other = stream.getvalue().splitlines()
    assert one.endswith("said a\\u000ab\\u001b[2J  zone=x\\u000d\\u000ay")
    assert len(other) < limits.MAX_LOG_LINE_CHARS + 50


def test_a_traceback_holds_nothing_that_a_terminal_obeys():
    stream = written()
    logger.error("failed", exc_info=ValueError("a\x1b[2Jb"))
    assert "\x1b" not in stream.getvalue()
    assert "ValueError: a\\u001b[2Jb" in stream.getvalue()


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


class TestBound:
    """Zone and source stand at what is said in their tasks and threads, and nowhere else."""

    def test_fields_of_a_context_stand_at_its_messages(self):
        stream = written("json")
        with logs.bound(zone="main"), logs.bound(source="mic"):
            logger.info("in")
            logger.info("other", extra={"zone": "hall"})
        logger.info("out")
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert [(line.get("zone"), line.get("source")) for line in lines] == [
            ("main", "mic"), ("hall", "mic"), (None, None),
        ]  # fmt: skip

    async def test_tasks_and_threads_take_them_along(self):
        stream = written()

        async def say():
            logger.info("task")
            await asyncio.to_thread(logger.info, "worker")
            thread = threading.Thread(
                target=contextvars.copy_context().run, args=(logger.info, "thread")
            )
            thread.start()
            thread.join()

        with logs.bound(zone="a"):
            task = asyncio.create_task(say())
        with logs.bound(zone="b"):
            await asyncio.gather(task, asyncio.create_task(say()))
        said = sorted(line.split("info    ")[1] for line in stream.getvalue().splitlines())
        words = ("task", "thread", "worker")
        assert said == [f"{word}  zone={zone}" for word in words for zone in "ab"]


class TestSparing:
    @pytest.fixture
    def spare(self):
        self.now = 0.0
        sparing = logs.Sparing(60.0, clock=lambda: self.now)

        def spare(level, message, *values, **fields):
            record = logger.makeRecord(
                logger.name, level, "", 0, message, values, None, None, fields
            )
            return sparing.filter(record) and getattr(record, "repeated", 0)

        return spare

    def test_a_cause_is_told_once_a_minute_with_how_often_it_came(self, spare):
        assert spare(logging.WARNING, "no answer") == 0
        assert [spare(logging.WARNING, "no answer") for _ in range(3)] == [False] * 3
        assert spare(logging.WARNING, "nothing listens there") == 0
        self.now = 61.0
        assert spare(logging.WARNING, "no answer") == 3
        self.now = 130.0
        assert spare(logging.WARNING, "no answer") == 0

    def test_zones_and_causes_do_not_hush_each_other(self, spare):
        assert spare(logging.WARNING, "lost", zone="a") == 0
        assert spare(logging.WARNING, "lost", zone="b") == 0
        assert spare(logging.WARNING, "lost after %d s", 1, cause="x") == 0
        assert spare(logging.WARNING, "lost after %d s", 2, cause="x") is False
        assert spare(logging.WARNING, "lost after %d s", 2, cause="y") == 0

    def test_news_is_limited_only_where_it_names_its_cause(self, spare):
        assert [spare(logging.INFO, "tick") for _ in range(3)] == [0, 0, 0]
        assert spare(logging.INFO, "back after %d s", 1, cause="back") == 0
        assert spare(logging.INFO, "back after %d s", 2, cause="back") is False

    def test_it_forgets_the_oldest_of_very_many_causes(self, spare):
        for number in range(1500):
            spare(logging.WARNING, f"cause {number}")
        assert spare(logging.WARNING, "cause 0") == 0
        assert spare(logging.WARNING, "cause 1499") is False

    def test_what_is_written_is_spared_and_shows_no_cause(self):
        stream = written()
        for _ in range(3):
            logger.warning("lost", extra={"cause": "x"})
        (line,) = stream.getvalue().splitlines()
        assert line.endswith("warning lost")

    def test_a_picture_on_the_terminal_keeps_it_so(self):
        terminal = written(stream=Terminal())
        with logs.held() as records:
            for _ in range(3):
                logger.warning("lost")
            assert len(records) == 1
        assert len(terminal.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_user_and_password_of_a_url_is_written(form):
    stream = written(form)
    logger.info("at %s", "http://me:secret@radio.example/live", extra={"x": "rtsp://u:secret@h"})
    try:
        int("mqtt://u:secret@broker")
    except ValueError:
        logger.exception("no")
    assert "secret" not in stream.getvalue()
    assert "radio.example/live" in stream.getvalue()
