"""A thread for the engine, which can be left behind."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

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
