"""Messages about the program itself, on standard error: for people, or one JSON object a line.

A module says `logger = logging.getLogger(__name__)` and gives what belongs to a message as extra
fields: `logger.info("publishing", extra={"zone": "main"})`.
"""

import json
import logging
import math
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TextIO

OURS = ("streamer", "damer")
"""The loggers whose level is set; other libraries are heard from warnings upwards."""

_KEPT = 500
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


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
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object: `ts` (UTC), `level`, `logger`, `message`, `exception`, extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line."""
        content: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        content |= {name: value for name, value in extras(record).items() if name not in content}
        return json.dumps({name: _plain(value) for name, value in content.items()}, default=str)


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
    if format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        colours = stream.isatty() and not os.environ.get("NO_COLOR")
        handler.setFormatter(ConsoleFormatter(colours=colours))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR if level == "error" else logging.WARNING)
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
    root.handlers[:] = [*(handler for handler in before if handler not in waiting), kept]
    try:
        yield kept.records
    finally:
        root.handlers[:] = before
        for record in kept.records:
            for handler in waiting:
                handler.handle(record)


def described(record: logging.LogRecord) -> str:
    """Return the message and its extra fields on one line; other libraries are named."""
    text = record.getMessage()
    if record.name.partition(".")[0] not in OURS:
        text = f"{record.name}: {text}"
    return "  ".join([text, *(f"{name}={value}" for name, value in extras(record).items())])


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that a message was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


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
