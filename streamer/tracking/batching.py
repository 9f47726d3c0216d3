"""One engine for all zones: the windows that wait when it is free become one batch.

A thread for the engine, which can be left behind.
"""

import asyncio
import functools
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from streamer.engines import Engine, FailoverEngine
from streamer.engines.remote.remote_engine import RemoteEngine
from streamer.errors import EngineError
from streamer.tracking.trajectory import infer
from streamer.tracking.update import Affect
from streamer.tracking.windows import Window

LARGEST = 8
"""Windows of a batch: on a processor more are no cheaper each, and every zone waits for all."""

PATIENCE = 5.0
"""Seconds without an answer after which the engine is held to hang, and is replaced."""

_LOOK = 0.5  # seconds; looks are counted, so that nobody's patience wears out while we are stopped


class Inference:
    """Answers zones in the order in which they ask; use it as a context manager, or `close` it.

    Parameters
    ----------
    engine
        What answers, one batch at a time, in a thread of its own.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._worker = Worker("engine")
        self._waiting: deque[tuple[Window, asyncio.Future[Affect]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the engine's thread end."""
        self._worker.close()

    async def ask(self, window: Window) -> Affect:
        """Estimate a window; whatever the engine raises is raised here.

        Raises
        ------
        EngineError
            It failed or does not answer.
        """
        answer: asyncio.Future[Affect] = asyncio.get_running_loop().create_future()
        self._waiting.append((window, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        try:
            return await answer
        finally:
            del answer  # or an error, its frames and what they hold would keep each other

    async def _work(self) -> None:
        while self._waiting:
            count = min(LARGEST, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            batch = [(window, answer) for window, answer in batch if not answer.done()]
            windows = [window for window, _ in batch]
            if not windows:
                continue
            found = await self._answer(windows)
            for (_, answer), affect in zip(batch, found, strict=True):
                if answer.done():
                    continue
                if isinstance(affect, Exception):
                    answer.set_exception(affect)
                else:
                    answer.set_result(affect)

    async def _answer(self, windows: list[Window]) -> Sequence[Affect | Exception]:
        """Return for each window what comes of it."""
        asked = self._worker.do(functools.partial(_infer, self.engine, windows))
        for _ in range(round(PATIENCE / _LOOK)):
            done, _ = await asyncio.wait({asked}, timeout=_LOOK)
            if done:
                return asked.result()
        asked.cancel()
        error = await self._leave_behind(f"it does not answer for {PATIENCE:g} s")
        return [error] * len(windows)

    async def _leave_behind(self, reason: str) -> EngineError:
        """Go on in another thread with another engine; return the error of what was asked."""
        self._worker.close()
        self._worker = Worker("engine")
        if isinstance(self.engine, FailoverEngine | RemoteEngine):
            try:
                await self._worker.do(functools.partial(self.engine.replace, reason))
            except EngineError as error:
                return error
        return EngineError(f"{self.engine.name} failed: {reason}")


def _infer(engine: Engine, windows: list[Window]) -> Sequence[Affect | Exception]:
    """Estimate a batch; an engine's error is told without its frames, which hold the engine."""
    try:
        return infer(engine, windows)
    except EngineError as error:
        return [EngineError(str(error)) for _ in windows]
    except Exception as error:  # noqa: BLE001 - each zone gets it and deals with it
        return [error] * len(windows)


Result = TypeVar("Result")


class Worker:
    """Does one job after the other in a thread that does not keep the program from ending.

    Parameters
    ----------
    name
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._jobs = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def do(self, job: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Let a job be done after those given before; what it raises is the future's."""
        done: Future[Result] = Future()
        self._jobs.put((done, job))
        return asyncio.wrap_future(done)

    def close(self) -> None:
        """Let the thread end after the jobs it was given; a job that hangs is not waited for."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            done, job = given
            if not done.set_running_or_notify_cancel():
                continue
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                done.set_exception(error)
            else:
                done.set_result(result)
            del given, done, job
