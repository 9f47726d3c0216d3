"""Run one engine for all zones: the newest window of each zone, in batches, in a worker thread.

Each zone has one `WindowSlot`, the only hand-off between its audio and the engine. A newer window
replaces one that still waits. When the engine is free it gets the windows of the zones that have
waited longest.
"""

import asyncio
import functools
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np

from streamer.engines import Engine, FailoverEngine
from streamer.engines.remote.remote_engine import RemoteEngine
from streamer.errors import EngineError
from streamer.tracking.update import Affect
from streamer.tracking.windows import Window
from streamer.tracking.zone_status import ZoneStatus

MAX_BATCH = 8
"""Windows in a batch. More are not cheaper per window on a CPU, and each zone waits for all."""

ENGINE_TIMEOUT_S = 5.0
"""Seconds without an answer after which the engine counts as hung and is replaced."""

REPLACE_TIMEOUT_S = 60.0
"""Seconds after which the replacement of an engine counts as hung, too."""

_POLL_S = 0.5  # time-outs count polls, so that time in which the machine sleeps does not count

logger = logging.getLogger(__name__)


def infer_windows(engine: Engine, windows: list[Window]) -> list[Affect]:
    """Run the engine on a batch of windows.

    Raises
    ------
    EngineError
        The engine failed, or its answer has another length than the batch.
    """
    mel = np.stack([window.mel for window in windows])  # (B, mel_bands, T)
    cochleagram = np.stack([window.cochleagram for window in windows])
    estimate = engine.infer(mel, cochleagram)
    columns = (estimate.valence, estimate.arousal, estimate.valence_std, estimate.arousal_std)
    rows = np.stack(columns, axis=1).astype(float).tolist()
    if len(rows) != len(windows):
        raise EngineError(f"{len(rows)} estimates for a batch of {len(windows)}")
    return [Affect(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine made of one window.

    Attributes
    ----------
    window
        The window.
    affect
        The estimate. None if the engine failed.
    error
        Why the engine failed. Empty if it did not.
    seconds
        Time from the moment the window's slot began to wait to the answer.
    """

    window: Window
    affect: Affect | None
    error: str
    seconds: float


class WindowSlot:
    """Newest window of one zone, waiting for the engine.

    Use it as a context manager; leaving it withdraws the waiting window. Iterate over it for the
    answers, in order of the windows, until `close`. The next window goes to the engine only once
    the last answer is processed. An unexpected exception of the engine is raised by the iteration.

    Parameters
    ----------
    status
        Its `dropped` counts windows that were replaced or became too old.
    enqueue
        Called whenever a window waits and the engine may take it.
    """

    def __init__(self, status: ZoneStatus, enqueue: Callable[["WindowSlot"], None]) -> None:
        self._status = status
        self._enqueue = enqueue
        self._window: Window | None = None
        self._waiting_since = 0.0
        self._answer_since = 0.0  # when the slot of the window that was taken began to wait
        self._busy = False  # from `take` until the answer is processed
        self._answer: Answer | None = None
        self._failure: Exception | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._window = None

    def put(self, window: Window) -> None:
        """Offer a newer window. Never blocks."""
        if self._window is None:
            self._waiting_since = time.monotonic()
        else:
            self._status.dropped += 1
        self._window = window
        if not self._busy:
            self._enqueue(self)

    def close(self) -> None:
        """End the iteration after the answer to the last window."""
        self._closed = True
        self._changed.set()

    def take(self) -> Window | None:
        """Return the waiting window for the engine; None if there is none, or it is too old."""
        window, self._window = self._window, None
        self._answer_since = self._waiting_since
        if window is not None and window.is_stale:
            self._status.dropped += 1
            window = None
        self._busy = window is not None
        if window is None:
            self._changed.set()  # a closed slot ends its iteration
        return window

    def deliver(self, window: Window, result: Affect | Exception) -> None:
        """Store the engine's answer to the window that was taken."""
        seconds = time.monotonic() - self._answer_since
        if isinstance(result, Affect):
            self._answer = Answer(window, result, "", seconds)
        elif isinstance(result, EngineError):
            self._answer = Answer(window, None, str(result), seconds)
        else:
            self._failure = result
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[Answer]:
        """Yield the answers until the slot is closed and nothing is left."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            failure, self._failure = self._failure, None
            if failure is not None:
                try:
                    raise failure
                finally:
                    del failure  # its traceback holds this frame: a reference cycle
            answer, self._answer = self._answer, None
            if answer is not None:
                yield answer
                self._busy = False
                if self._window is not None:
                    self._waiting_since = time.monotonic()
                    self._enqueue(self)
            if self._closed and self._window is None and not self._busy:
                return


class BatchingInference:
    """Runs the engine on the windows of all zones. A context manager; `close` does the same.

    Parameters
    ----------
    engine
        Gets one batch at a time, in a thread of its own.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._worker = WorkerThread("engine")
        self._queue: dict[WindowSlot, None] = {}  # the slot that has waited longest comes first
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the engine's thread end."""
        self._worker.close()

    def open_slot(self, status: ZoneStatus) -> WindowSlot:
        """Register a zone; drops are counted in its status."""
        return WindowSlot(status, self._enqueue)

    def _enqueue(self, slot: WindowSlot) -> None:
        self._queue.setdefault(slot)  # a slot that waits already keeps its place
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._queue:
            batch = self._next_batch()
            if batch:
                await self._answer(batch)

    def _next_batch(self) -> list[tuple[WindowSlot, Window]]:
        batch: list[tuple[WindowSlot, Window]] = []
        while self._queue and len(batch) < MAX_BATCH:
            slot = next(iter(self._queue))
            del self._queue[slot]
            window = slot.take()
            if window is not None:
                batch.append((slot, window))
        return batch

    async def _answer(self, batch: list[tuple[WindowSlot, Window]]) -> None:
        """Deliver an answer to every slot of the batch, whatever happens."""
        try:
            result = await self._infer([window for _, window in batch])
        except Exception as error:  # for one, no new thread can be started
            logger.exception("cannot run the engine")
            result = EngineError(f"{type(error).__name__}: {error}")
        for number, (slot, window) in enumerate(batch):
            slot.deliver(window, result if isinstance(result, Exception) else result[number])

    async def _infer(self, windows: list[Window]) -> list[Affect] | Exception:
        future = self._worker.submit(functools.partial(_infer_or_error, self.engine, windows))
        if await _is_done(future, ENGINE_TIMEOUT_S):
            return future.result()
        return await self._replace_engine(f"it does not answer for {ENGINE_TIMEOUT_S:g} s")

    async def _replace_engine(self, reason: str) -> EngineError:
        """Abandon the hung engine with its thread; return the error for its batch."""
        self._renew_worker()
        if isinstance(self.engine, FailoverEngine | RemoteEngine):
            future = self._worker.submit(functools.partial(_replace, self.engine, reason))
            if not await _is_done(future, REPLACE_TIMEOUT_S):
                self._renew_worker()
                return EngineError(f"{self.engine.name} failed: {reason}; nor can it be replaced")
            if error := future.result():
                return EngineError(error)
        return EngineError(f"{self.engine.name} failed: {reason}")

    def _renew_worker(self) -> None:
        worker = WorkerThread("engine")
        self._worker.close()
        self._worker = worker


def _infer_or_error(engine: Engine, windows: list[Window]) -> list[Affect] | Exception:
    """Run the engine on a batch; return what it raises.

    An `EngineError` is copied: the frames of the original hold the engine, and its GPU memory.
    """
    try:
        return infer_windows(engine, windows)
    except EngineError as error:
        return EngineError(str(error))
    except Exception as error:  # noqa: BLE001 - raised in each zone of the batch
        return error
    except BaseException as error:  # noqa: BLE001 - such as SystemExit by a library
        return EngineError(repr(error))


def _replace(engine: FailoverEngine | RemoteEngine, reason: str) -> str:
    """Replace the engine; return why that failed, empty if it did not."""
    try:
        engine.replace(reason)
    except EngineError as error:
        return str(error)
    except BaseException as error:  # noqa: BLE001 - the zones that wait must get an answer
        return f"{type(error).__name__}: {error}"
    return ""


async def _is_done(future: "asyncio.Future[Any]", timeout_s: float) -> bool:
    """Wait for a future; cancel it after so many seconds in which this process ran."""
    for _ in range(round(timeout_s / _POLL_S)):
        done, _ = await asyncio.wait({future}, timeout=_POLL_S)
        if done:
            return True
    future.cancel()
    return False


Result = TypeVar("Result")


class WorkerThread:
    """Thread that runs one job after the other and never keeps the program from ending.

    An executor of the standard library would: it joins its threads at exit, hung ones too.

    Parameters
    ----------
    name
        Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._jobs = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, job: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Run a job after those submitted before; the future gets its result or exception."""
        future: Future[Result] = Future()
        self._jobs.put((future, job))
        return asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the thread end after its jobs. Does not wait for a job that hangs."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
            del item, future, job  # or they live until the next job
