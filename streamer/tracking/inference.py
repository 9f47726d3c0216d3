"""One engine for all zones: the windows that wait when it is free become one batch."""

import asyncio
from collections import deque
from concurrent.futures import Executor

from streamer.engines import Engine
from streamer.tracking.listener import Window
from streamer.tracking.trajectory import infer
from streamer.tracking.update import Affect

LARGEST = 8
"""Windows of a batch: on a processor more are no cheaper each, and every zone waits for all."""


class Inference:
    """Answers zones in the order in which they ask.

    Parameters
    ----------
    engine
        What answers.
    workers
        Where it runs, one batch at a time.
    """

    def __init__(self, engine: Engine, workers: Executor) -> None:
        self.engine = engine
        self._workers = workers
        self._waiting: deque[tuple[Window, asyncio.Future[Affect]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, window: Window) -> Affect:
        """Estimate a window; whatever the engine raises is raised here."""
        answer: asyncio.Future[Affect] = asyncio.get_running_loop().create_future()
        self._waiting.append((window, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            count = min(LARGEST, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            batch = [(window, answer) for window, answer in batch if not answer.done()]
            windows = [window for window, _ in batch]
            if not windows:
                continue
            try:
                found = await loop.run_in_executor(self._workers, infer, self.engine, windows)
            except Exception as error:  # noqa: BLE001 - each zone gets it and deals with it
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), affect in zip(batch, found, strict=True):
                    if not answer.done():
                        answer.set_result(affect)
