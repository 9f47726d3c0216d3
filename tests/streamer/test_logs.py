"""Log format, rate limit, context fields, and deferral while a view uses the terminal."""

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


def configured(format="console", level="info", stream=None):  # noqa: A002
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
    stream = configured()
    logger.warning("late by %d ms", 40, extra={"zone": "main"})
    clock, rest = stream.getvalue().split(" ", 1)
    assert len(clock) == len("12:34:56")
    assert rest == "warning late by 40 ms  zone=main\n"


def test_foreign_text_stays_on_one_line_and_is_truncated():
    stream = configured()
    logger.warning("said %s", "a\nb\x1b[2J", extra={"zone": "x\r\ny"})
    logger.warning("x" * 100_000)
    one, other = stream.getvalue().splitlines()
    assert one.endswith("said a\\u000ab\\u001b[2J  zone=x\\u000d\\u000ay")
    assert len(other) < limits.MAX_LOG_LINE_CHARS + 50


def test_a_traceback_contains_no_terminal_escapes():
    stream = configured()
    logger.error("failed", exc_info=ValueError("a\x1b[2Jb"))
    assert "\x1b" not in stream.getvalue()
    assert "ValueError: a\\u001b[2Jb" in stream.getvalue()


def test_levels_are_colored_on_a_terminal_only(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, file = configured(stream=Terminal()), io.StringIO()
    logger.error("no")
    configured(stream=file)
    logger.error("no")
    assert "\x1b[31m" in terminal.getvalue()
    assert "\x1b" not in file.getvalue()


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = configured(stream=Terminal())
    logger.error("no")
    assert "\x1b" not in terminal.getvalue()


def test_json_is_one_object_a_line_with_extra_fields():
    stream = configured("json")
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
    stream = configured("json")
    try:
        int("no")
    except ValueError:
        logger.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_json_stays_valid_for_any_field_value():
    stream = configured("json")
    logger.info("x", extra={"level_dbfs": float("-inf"), "thing": object()})
    content = json.loads(stream.getvalue(), parse_constant=pytest.fail)
    assert content["level_dbfs"] is None
    assert content["thing"].startswith("<object")


def test_less_severe_messages_are_not_configured():
    stream = configured(level="warning")
    logger.info("a")
    logger.warning("b")
    assert "b" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


def test_other_libraries_log_warnings_and_above_with_their_name():
    stream = configured(level="debug")
    logger.debug("ours")
    logging.getLogger("aiomqtt").info("chatter")
    logging.getLogger("aiomqtt").warning("trouble")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("debug   ours")
    assert second.endswith("warning aiomqtt: trouble")


def test_configuring_again_replaces_the_handler():
    first, second = configured(), configured("json")
    logger.info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


class TestDeferredTerminalLogs:
    def test_a_terminal_gets_the_messages_on_exit(self):
        terminal = configured(stream=Terminal())
        with logs.deferred_terminal_logs() as records:
            logger.info("a")
            logger.warning("b")
            assert terminal.getvalue() == ""
            assert [record.getMessage() for record in records] == ["a", "b"]
        assert [line.split()[-1] for line in terminal.getvalue().splitlines()] == ["a", "b"]
        logger.info("c")
        assert len(terminal.getvalue().splitlines()) == 3

    def test_a_terminal_gets_the_messages_after_an_error_too(self):
        terminal = configured(stream=Terminal())

        def fail():
            with logs.deferred_terminal_logs():
                logger.error("first")
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert "first" in terminal.getvalue()

    def test_a_file_gets_each_message_immediately_and_once(self):
        file = configured(stream=io.StringIO())
        with logs.deferred_terminal_logs() as records:
            logger.info("a")
            assert len(file.getvalue().splitlines()) == 1
            assert len(records) == 1
        assert len(file.getvalue().splitlines()) == 1


class TestLogContext:
    """Fields of a context are added in its tasks and threads, and nowhere else."""

    def test_fields_of_a_context_are_added_to_its_messages(self):
        stream = configured("json")
        with logs.log_context(zone="main"), logs.log_context(source="mic"):
            logger.info("in")
            logger.info("other", extra={"zone": "hall"})
        logger.info("out")
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert [(line.get("zone"), line.get("source")) for line in lines] == [
            ("main", "mic"), ("hall", "mic"), (None, None),
        ]  # fmt: skip

    async def test_tasks_and_threads_inherit_the_fields(self):
        stream = configured()

        async def log_from_all():
            logger.info("task")
            await asyncio.to_thread(logger.info, "worker")
            thread = threading.Thread(
                target=contextvars.copy_context().run, args=(logger.info, "thread")
            )
            thread.start()
            thread.join()

        with logs.log_context(zone="a"):
            task = asyncio.create_task(log_from_all())
        with logs.log_context(zone="b"):
            await asyncio.gather(task, asyncio.create_task(log_from_all()))
        messages = sorted(line.split("info    ")[1] for line in stream.getvalue().splitlines())
        words = ("task", "thread", "worker")
        assert messages == [f"{word}  zone={zone}" for word in words for zone in "ab"]


class TestRateLimitFilter:
    @pytest.fixture
    def pass_filter(self):
        self.now = 0.0
        rate_limit = logs.RateLimitFilter(60.0, clock=lambda: self.now)

        def pass_filter(level, message, *values, **fields):
            record = logger.makeRecord(
                logger.name, level, "", 0, message, values, None, None, fields
            )
            return rate_limit.filter(record) and getattr(record, "repeated", 0)

        return pass_filter

    def test_a_warning_is_written_once_a_minute_with_the_number_dropped(self, pass_filter):
        assert pass_filter(logging.WARNING, "no answer") == 0
        assert [pass_filter(logging.WARNING, "no answer") for _ in range(3)] == [False] * 3
        assert pass_filter(logging.WARNING, "nothing listens there") == 0
        self.now = 61.0
        assert pass_filter(logging.WARNING, "no answer") == 3
        self.now = 130.0
        assert pass_filter(logging.WARNING, "no answer") == 0

    def test_zones_and_causes_are_limited_separately(self, pass_filter):
        assert pass_filter(logging.WARNING, "lost", zone="a") == 0
        assert pass_filter(logging.WARNING, "lost", zone="b") == 0
        assert pass_filter(logging.WARNING, "lost after %d s", 1, cause="x") == 0
        assert pass_filter(logging.WARNING, "lost after %d s", 2, cause="x") is False
        assert pass_filter(logging.WARNING, "lost after %d s", 2, cause="y") == 0

    def test_info_messages_are_limited_only_if_they_have_a_cause(self, pass_filter):
        assert [pass_filter(logging.INFO, "tick") for _ in range(3)] == [0, 0, 0]
        assert pass_filter(logging.INFO, "back after %d s", 1, cause="back") == 0
        assert pass_filter(logging.INFO, "back after %d s", 2, cause="back") is False

    def test_the_oldest_of_very_many_causes_is_forgotten(self, pass_filter):
        for number in range(1500):
            pass_filter(logging.WARNING, f"cause {number}")
        assert pass_filter(logging.WARNING, "cause 0") == 0
        assert pass_filter(logging.WARNING, "cause 1499") is False

    def test_written_messages_are_limited_and_omit_the_cause(self):
        stream = configured()
        for _ in range(3):
            logger.warning("lost", extra={"cause": "x"})
        (line,) = stream.getvalue().splitlines()
        assert line.endswith("warning lost")

    def test_deferred_messages_are_limited_too(self):
        terminal = configured(stream=Terminal())
        with logs.deferred_terminal_logs() as records:
            for _ in range(3):
                logger.warning("lost")
            assert len(records) == 1
        assert len(terminal.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", ["console", "json"])
def test_users_and_passwords_in_urls_are_not_written(form):
    stream = configured(form)
    logger.info("at %s", "http://me:secret@radio.example/live", extra={"x": "rtsp://u:secret@h"})
    try:
        int("mqtt://u:secret@broker")
    except ValueError:
        logger.exception("no")
    assert "secret" not in stream.getvalue()
    assert "radio.example/live" in stream.getvalue()
