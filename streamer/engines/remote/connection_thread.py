"""A connection that is kept well by a thread of its own, so that whoever asks never waits for it.

The thread connects, checks, and then answers questions. A question that is not answered by its
deadline is left behind: its answer is thrown away when it comes, and until then nothing more is
asked. What is lost, refused, or late several times in a row is left alone for a while, and asked
again only once it has answered silence in time.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from streamer.engines.protocol import Array, Estimate
from streamer.engines.remote.wire_format import RequestRefusedError
from streamer.errors import EngineError
from streamer.helpers import Backoff

if TYPE_CHECKING:
    from streamer.engines.remote.connection import Connection

MISSES = 3
"""Questions without an answer in time, one after the other, after which it is left alone."""

_PROBES = 3
_FIRST_PAUSE, _PAUSE = 1.0, 10.0  # seconds until it is tried again; many may have lost it
_IDLE = 2.0  # seconds without a question after which the connection is looked at
_KEPT = 600  # durations, of a minute at 10 estimates a second

Views = tuple[Array, Array]
OpenConnection = Callable[[], AbstractContextManager["Connection"]]


class _Question:
    """One batch of windows, and the way of the connection that it went."""

    def __init__(self, views: Views, way: "_Way") -> None:
        self.views = views
        self.way = way
        self.answer: Estimate | None = None
        self.error = ""
        self.done = threading.Event()


_Way = queue.SimpleQueue[_Question | None]


class ConnectionThread:
    """Asks a server, where it is well, and otherwise says at once that it is not.

    Parameters
    ----------
    connect
        Opens a new connection.
    silence
        A window of digital silence, for trying it.
    deadline
        Seconds in which an answer has to be there.
    on_change
        Called in the thread with the name of the engine that answers and "", or with "" and why
        nothing does.

    Attributes
    ----------
    answered, late, failed
        Questions answered in time; left behind; and those that failed otherwise.
    durations
        Seconds of the last answers in time.
    """

    def __init__(
        self,
        connect: OpenConnection,
        silence: Views,
        deadline: float,
        on_change: Callable[[str, str], None],
    ) -> None:
        self.answered = self.late = self.failed = 0
        self.durations: deque[float] = deque(maxlen=_KEPT)
        self._connect = connect
        self._silence = silence
        self._deadline = deadline
        self._on_change = on_change
        self._connection: Connection | None = None
        self._way: _Way = queue.SimpleQueue()  # one for each connection
        self._asking = threading.Lock()
        self._left: _Question | None = None  # behind
        self._misses = 0  # in a row
        self._given_up = ""  # why, where we hung up
        self._well = threading.Event()
        self._tried = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="remote engine", daemon=True)

    def begin(self, patience: float) -> None:
        """Start the thread; return once the server was tried, or after so many seconds."""
        self._thread.start()
        self._tried.wait(patience)

    def close(self) -> None:
        """Let the thread end."""
        self._over.set()
        self._way.put(None)
        self._hang_up()
        self._thread.join(1.0)

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Ask for an estimate; returns or raises within the deadline.

        Raises
        ------
        EngineError
            There is none in time; the message says why.
        """
        with self._asking:
            begun = time.monotonic()
            if not self._well.is_set():
                raise EngineError("it is away")
            left, way = self._left, self._way
            if left is not None and left.way is way and not left.done.is_set():
                raise EngineError("its last answer is still awaited")
            question = _Question((mel, cochleagram), way)
            way.put(question)
            if not question.done.wait(self._deadline):
                self.late += 1
                self._left = question
                self._miss()
                raise EngineError(f"no answer within {self._deadline * 1e3:g} ms")
            if question.answer is None:
                self.failed += 1
                self._miss()
                raise EngineError(question.error)
            self._misses = 0
            self.answered += 1
            self.durations.append(time.monotonic() - begun)
            return question.answer

    def _miss(self) -> None:
        self._misses += 1
        if self._misses >= MISSES:
            self._misses = 0
            self._well.clear()
            self._given_up = f"it did not answer in time {MISSES} times in a row"
            self._hang_up()

    def _hang_up(self) -> None:
        if (connection := self._connection) is not None:
            connection.hang_up()

    def _keep(self) -> None:
        backoff = Backoff(initial=_FIRST_PAUSE, maximum=_PAUSE)
        while not self._over.is_set():
            well_since: float | None = None
            why = ""
            try:
                with self._connect() as self._connection:
                    self._check(self._connection)
                    self._way = queue.SimpleQueue()
                    self._misses = 0
                    well_since = time.monotonic()
                    self._well.set()
                    self._on_change(self._connection.engine, "")
                    self._tried.set()
                    self._answer(self._connection)
            except EngineError as error:
                why = self._given_up or str(error)
            except Exception as error:  # noqa: BLE001 - or it would never be tried again
                why = f"{type(error).__name__}: {error}"
            self._given_up = ""
            self._well.clear()
            self._connection = None
            if self._over.is_set():
                return
            self._on_change("", why)
            self._tried.set()
            lasted = time.monotonic() - well_since if well_since is not None else 0.0
            self._over.wait(backoff.next_delay(lasted))

    def _check(self, connection: "Connection") -> None:
        """See whether it answers silence in time."""
        for _ in range(_PROBES):
            begun = time.monotonic()
            connection.infer(*self._silence)
            took = time.monotonic() - begun
        if took > self._deadline:
            raise EngineError(f"it takes longer than {self._deadline * 1e3:g} ms")

    def _answer(self, connection: "Connection") -> None:
        """Answer questions until the connection fails, or nobody asks any more."""
        while not self._over.is_set():
            try:
                question = self._way.get(timeout=_IDLE)
            except queue.Empty:
                connection.look()
                continue
            if question is None:
                return
            try:
                question.answer = connection.infer(*question.views)
            except EngineError as error:
                question.error = str(error)
                if not isinstance(error, RequestRefusedError):
                    self._well.clear()  # before the next question
                    raise
            finally:
                question.done.set()
