"""Logging to standard error: a short line for people, or one JSON object a line.

A module calls `logger = logging.getLogger(__name__)`. Structured fields are given as `extra`,
`logger.info("publishing", extra={"rate": 10})`, or added to every message of a context, its tasks
and threads: `with log_context(zone="main"):`.

A warning that repeats within a minute is counted instead of written. Messages that differ only by
a number share a `cause` field; with it, messages below warning are rate-limited too.
"""

import json
import logging
import math
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from streamer import limits
from streamer.helpers import escape_unprintable, truncate

OWN_LOGGERS = ("streamer", "damer")
"""Top-level loggers whose level is configured; other libraries log warnings and above."""

REPEAT_INTERVAL_S = 60.0
"""Shortest time between two copies of the same message, in seconds."""

_MAX_DEFERRED_RECORDS = 500
_MAX_RATE_LIMIT_KEYS = 1000
_STANDARD_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_USER_IN_URL = re.compile(r"(\w://)[^\s/@\"]*@")
_context: ContextVar[Mapping[str, object]] = ContextVar("log_context")
_ANSI_COLORS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


@contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Add fields to every message of this context, and of tasks started in it."""
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class RateLimitFilter(logging.Filter):
    """Drop a message that repeats within an interval, and count the dropped ones.

    The next copy that is written carries the count in the field `repeated`.

    Parameters
    ----------
    interval
        Shortest time between two copies of a message, in seconds.
    clock
        Monotonic time in seconds.
    """

    def __init__(
        self,
        interval: float = REPEAT_INTERVAL_S,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._interval = interval
        self._clock = clock
        self._written: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a record."""
        fields = extra_fields(record)
        cause = fields.get("cause")
        if cause is None and record.levelno < logging.WARNING:
            return True
        identity = record.getMessage() if cause is None else (record.msg, cause)
        key = (record.name, identity, fields.get("zone"))
        now = self._clock()
        written, dropped = self._written.get(key, (-math.inf, 0))
        if now - written < self._interval:
            self._written[key] = written, dropped + 1
            return False
        self._written.pop(key, None)  # so that the key moves to the end, as the newest
        self._written[key] = now, 0
        if len(self._written) > _MAX_RATE_LIMIT_KEYS:
            del self._written[next(iter(self._written))]
        if dropped:
            record.repeated = dropped
        return True


class ConsoleFormatter(logging.Formatter):
    """Format a record as one short line: time, level, message, extra fields.

    Parameters
    ----------
    colored
        Whether levels are colored by ANSI sequences.
    """

    def __init__(self, *, colored: bool) -> None:
        super().__init__()
        self._colored = colored

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows on lines of its own."""
        level = f"{record.levelname.lower():7}"
        if self._colored and record.levelname in _ANSI_COLORS:
            level = f"\x1b[{_ANSI_COLORS[record.levelname]}m{level}\x1b[0m"
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{clock} {level} {format_record(record)}"
        if record.exc_info:
            traceback = self.formatException(record.exc_info).splitlines()
            line += "".join(f"\n{escape_unprintable(each)}" for each in traceback)
        return _remove_url_users(line)


class JsonFormatter(logging.Formatter):
    """Format a record as JSON: ts (UTC), level, logger, message, exception, extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line."""
        content: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[: limits.MAX_LOG_LINE_CHARS],
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        extra = extra_fields(record)
        content |= {name: value for name, value in extra.items() if name not in content}
        finite = {name: _null_unless_finite(value) for name, value in content.items()}
        return _remove_url_users(json.dumps(finite, default=str))


def configure(
    format: Literal["console", "json"] = "console",  # noqa: A002 - the key's name
    level: Literal["debug", "info", "warning", "error"] = "info",
    *,
    stream: TextIO | None = None,
) -> None:
    """Send every log message to standard error, and nowhere else.

    Parameters
    ----------
    format
        "console" (default): a short line, colored on a terminal unless `NO_COLOR` is set.
        "json": one JSON object a line.
    level
        Least severe message of our own loggers. Default: "info". Other libraries log warnings and
        above.
    stream
        Where to write instead of standard error.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.addFilter(_add_context)
    handler.addFilter(RateLimitFilter())
    if format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        colored = stream.isatty() and not os.environ.get("NO_COLOR")
        handler.setFormatter(ConsoleFormatter(colored=colored))
    logging.getLogger().handlers[:] = [handler]
    set_level(level)


def set_level(level: Literal["debug", "info", "warning", "error"]) -> None:
    """Set the least severe level that our own loggers write."""
    logging.getLogger().setLevel(logging.ERROR if level == "error" else logging.WARNING)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level.upper())


@contextmanager
def deferred_terminal_logs() -> Iterator[deque[logging.LogRecord]]:
    """Buffer messages to a terminal while a full-screen view uses it; write them on exit.

    Handlers that write elsewhere are not affected. The newest 500 messages are kept.

    Yields
    ------
    The buffered messages, the newest last.
    """
    root = logging.getLogger()
    handlers = list(root.handlers)
    deferred = [handler for handler in handlers if _writes_to_terminal(handler)]
    buffer = _RecordBuffer()
    for rule in deferred[0].filters if deferred else ():
        buffer.addFilter(rule)
    root.handlers[:] = [*(handler for handler in handlers if handler not in deferred), buffer]
    try:
        yield buffer.records
    finally:
        root.handlers[:] = handlers
        for record in buffer.records:
            for handler in deferred:
                handler.emit(record)


def format_record(record: logging.LogRecord) -> str:
    """Return the message and its extra fields on one line, prefixed by another library's name."""
    text = record.getMessage()
    if record.name.partition(".")[0] not in OWN_LOGGERS:
        text = f"{record.name}: {text}"
    fields = {name: value for name, value in extra_fields(record).items() if name != "cause"}
    line = "  ".join([text, *(f"{name}={value}" for name, value in fields.items())])
    return truncate(line, limits.MAX_LOG_LINE_CHARS)


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that a message was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}


def _add_context(record: logging.LogRecord) -> bool:
    for name, value in _context.get({}).items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True


def _remove_url_users(text: str) -> str:
    """Return a text without users and passwords in its URLs."""
    return _USER_IN_URL.sub(r"\1", text)


class _RecordBuffer(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=_MAX_DEFERRED_RECORDS)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _writes_to_terminal(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream.isatty()


def _null_unless_finite(value: object) -> object:
    """Replace NaN and infinities, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
