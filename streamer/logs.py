"""Messages about the program itself, on standard error: for people, or one JSON object a line.

A module says `logger = logging.getLogger(__name__)`. What belongs to a message comes as extra
fields, `logger.info("publishing", extra={"rate": 10})`, or is bound to all that is said within a
context, its tasks and threads: `with bound(zone="main"):`.

A warning that was given within the last minute is counted, not repeated. The field `cause` tells
one from another where their texts differ by a number; with it, lesser messages are limited too.
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
from streamer.helpers import brief, printable

OURS = ("streamer", "damer")
"""The loggers whose level is set; other libraries are heard from warnings upwards."""

SAID_AGAIN_AFTER = 60.0
"""Seconds for which a message that was said stays unsaid."""

_KEPT = 500
_MOST_CAUSES = 1000
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_USER_IN_URL = re.compile(r"(\w://)[^\s/@\"]*@")
_bound: ContextVar[Mapping[str, object]] = ContextVar("bound")
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add fields to every message of this context, and of the tasks that begin in it."""
    token = _bound.set({**_bound.get({}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


class Sparing(logging.Filter):
    """Lets the same thing be said once a minute only, and counts how often it was not.

    When it is said again, the field `repeated` tells how often it came in between.

    Parameters
    ----------
    interval
        Seconds for which a thing that was said stays unsaid.
    clock
        Monotonic time in seconds.
    """

    def __init__(
        self,
        interval: float = SAID_AGAIN_AFTER,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._interval = interval
        self._clock = clock
        self._said: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be written."""
        fields = extras(record)
        cause = fields.get("cause")
        if cause is None and record.levelno < logging.WARNING:
            return True
        told = record.getMessage() if cause is None else (record.msg, cause)
        key = (record.name, told, fields.get("zone"))
        now = self._clock()
        said, unsaid = self._said.get(key, (-math.inf, 0))
        if now - said < self._interval:
            self._said[key] = said, unsaid + 1
            return False
        self._said.pop(key, None)
        self._said[key] = now, 0
        if len(self._said) > _MOST_CAUSES:
            del self._said[next(iter(self._said))]
        if unsaid:
            record.repeated = unsaid
        return True


class ConsoleFormatter(logging.Formatter):
    """One short line: time, level, message, extra fields.

    Parameters
    ----------
    colours
        Whether levels are coloured by ANSI sequences.
    """

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows on its own lines."""
        level = f"{record.levelname.lower():7}"
        if self._colours and record.levelname in _COLOURS:
            level = f"\x1b[{_COLOURS[record.levelname]}m{level}\x1b[0m"
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{clock} {level} {described(record)}"
        if record.exc_info:
            told = self.formatException(record.exc_info).splitlines()
            line += "".join(f"\n{printable(each)}" for each in told)
        return _without_users(line)


class JsonFormatter(logging.Formatter):
    """One JSON object: `ts` (UTC), `level`, `logger`, `message`, `exception`, extra fields."""

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
        content |= {name: value for name, value in extras(record).items() if name not in content}
        plain = {name: _plain(value) for name, value in content.items()}
        return _without_users(json.dumps(plain, default=str))


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
        "console": a short line, coloured on a terminal unless `NO_COLOR` is set. "json": one JSON
        object a line.
    level
        The least severe message of our own that is written. Other libraries are heard from
        warnings upwards.
    stream
        Where to write in place of standard error.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.addFilter(_add_bound)
    handler.addFilter(Sparing())
    if format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        colours = stream.isatty() and not os.environ.get("NO_COLOR")
        handler.setFormatter(ConsoleFormatter(colours=colours))
    logging.getLogger().handlers[:] = [handler]
    set_level(level)


def set_level(level: Literal["debug", "info", "warning", "error"]) -> None:
    """Set the least severe message of our own that is written."""
    logging.getLogger().setLevel(logging.ERROR if level == "error" else logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())


@contextmanager
def held() -> Iterator[deque[logging.LogRecord]]:
    """Keep messages from a terminal that shows a picture, and write them afterwards.

    Handlers that write to something else than a terminal go on writing at once. The newest 500
    messages are kept.

    Yields
    ------
    The messages so far, the newest last.
    """
    root = logging.getLogger()
    before = list(root.handlers)
    waiting = [handler for handler in before if _on_terminal(handler)]
    kept = _Kept()
    for rule in waiting[0].filters if waiting else ():
        kept.addFilter(rule)
    root.handlers[:] = [*(handler for handler in before if handler not in waiting), kept]
    try:
        yield kept.records
    finally:
        root.handlers[:] = before
        for record in kept.records:
            for handler in waiting:
                handler.emit(record)


def described(record: logging.LogRecord) -> str:
    """Return the message and its extra fields on one line; other libraries are named."""
    text = record.getMessage()
    if record.name.partition(".")[0] not in OURS:
        text = f"{record.name}: {text}"
    fields = {name: value for name, value in extras(record).items() if name != "cause"}
    line = "  ".join([text, *(f"{name}={value}" for name, value in fields.items())])
    return brief(line, limits.MAX_LOG_LINE_CHARS)


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that a message was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _add_bound(record: logging.LogRecord) -> bool:
    for name, value in _bound.get({}).items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True


def _without_users(text: str) -> str:
    """Return a text with no user or password in its URLs."""
    return _USER_IN_URL.sub(r"\1", text)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _on_terminal(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream.isatty()


def _plain(value: object) -> object:
    """JSON knows no infinities and no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
